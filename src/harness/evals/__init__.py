"""Evals of finished runs: which results hold already, samples as they come, results that replace others, the screen.

While a run trains harness/evaluate.py does the work, with the same files; nothing here trains.
"""
