"""Questions about runs and their answers, for tools/runs and for notebooks: tables, curves, what varies, seeds, code.

What needs many runs asks harness.runs; what is about one run reads its files, with the standard library alone. Training
imports find.py alone, for a run's last screen.
"""
