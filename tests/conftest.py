"""Settings that have to stand before anything heavy is imported."""

import os

import hypothesis

# Two cores are shared by every process that a test starts; a second OpenMP thread spins where another test should run.
os.environ["OMP_NUM_THREADS"] = "1"

# How long an example takes depends on who else uses the machine: the clock belongs to pytest-timeout alone.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000)  # by --hypothesis-profile=thorough
hypothesis.settings.load_profile("tests")
