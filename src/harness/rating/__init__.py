"""Which of two runs people prefer, asked blindly on the same ids: pairs, presses, and what can be said of them.

A press is a row of runs/ratings/*.jsonl before the next pair is shown. Nothing here names a run to the person who rates
before the last pair, and nothing here trains.
"""
