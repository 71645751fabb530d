"""Settings that have to stand before anything heavy is imported."""

import os
import signal

import hypothesis
import pytest

LONG_FIRST = ("system", "chaos", "browser", "harness")  # so that no process is left alone with them at the end

# Two cores are shared by every process that a test starts; a second OpenMP thread spins where another test should run.
os.environ["OMP_NUM_THREADS"] = "1"

# A shell starts what it puts into the background deaf to Ctrl-C, and so would be what tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes depends on who else uses the machine: the clock belongs to pytest-timeout alone.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000)  # by --hypothesis-profile=thorough
hypothesis.settings.load_profile("tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Folders whose files run long come first; within a folder nothing changes."""

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(config.rootpath / "tests").parts[0]
        return LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)

    items.sort(key=rank)
