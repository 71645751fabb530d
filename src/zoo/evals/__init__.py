"""Evals: each one is a file with plain functions that give raw rows, and `metrics` that sums rows up.

They write nothing and print nothing; whoever calls them keeps the rows.
"""
