"""One process of two fails: it says so once, on top, and soon nothing runs any more."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.system.fails import START_SECONDS, STEADY_SECONDS

FAILS = Path(__file__).with_name("fails.py")
MAX_SECONDS = 10

pytestmark = pytest.mark.slow


@pytest.fixture
def fail(tmp_path: Path, accelerate: str) -> Callable[..., str]:
    """Runs fails.py in this way, waits until all is over, and gives what was said."""

    def run(way: str, *, max_seconds: float = MAX_SECONDS) -> str:
        flags = "launch --multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0"
        with (
            (tmp_path / "err.txt").open("w") as err,
            subprocess.Popen(
                [accelerate, *flags.split(), str(FAILS), "runs", way, "cpu"], cwd=tmp_path, stdout=err, stderr=err
            ) as launcher,
        ):
            until = time.monotonic() + 200
            while not (tmp_path / "failed_at").exists():
                assert time.monotonic() < until, (tmp_path / "err.txt").read_text()
                time.sleep(0.05)
            workers = psutil.Process(launcher.pid).children(recursive=True)
            _, alive = psutil.wait_procs(workers, timeout=60)
            seconds = time.time() - float((tmp_path / "failed_at").read_text())
            assert launcher.wait(timeout=60) == 1
        assert alive == []
        assert seconds < max_seconds, (tmp_path / "err.txt").read_text()
        return (tmp_path / "err.txt").read_text()

    return run


def before_the_launcher(said: str) -> str:
    """What was said before the launcher spoke of it."""
    return re.split(r"^\S+ .* torch/distributed/elastic/", said, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize(
    ("way", "rank", "step"), [("raised", 1, 4), ("in an eval", 0, 8), ("beside a long eval", 1, 8), ("both", None, 4)]
)
def test_the_traceback_of_the_rank_that_fails_stands_on_top_once(
    fail: Callable[..., str], tmp_path: Path, read_rows: Any, way: str, rank: int | None, step: int
) -> None:
    said = before_the_launcher(fail(way))
    assert said.count("ValueError: ours") == 1, said
    assert said.count("Traceback (most recent call last)") == 1, said
    (first,) = re.findall(r"^rank (\d) of 2 failed after step (\d+):\nTraceback", said, flags=re.MULTILINE)
    assert first == (str(rank) if rank is not None else first[0], str(step))
    (path,) = (tmp_path / "runs").iterdir()
    assert "ValueError: ours" in (path / f"error_rank{first[0]}.txt").read_text()
    failed = [row for row in read_rows(path / "events.jsonl") if row["event"] == "failed"]
    if way != "beside a long eval":  # there the main process is ended from outside of what it does
        assert [f"rank {row['error'][5]}" in row["error"] for row in failed] == [True]
        assert "ValueError: ours, on rank" in failed[0]["error"]


def test_a_rank_that_is_killed_is_missed_at_once(fail: Callable[..., str], tmp_path: Path, read_rows: Any) -> None:
    said = fail("killed")  # the launcher may miss that rank before the other one does, and speak first
    assert said.count("rank 0 of 2: ended after step 4: another rank is gone, or did not come") == 1, said
    assert "Traceback" not in before_the_launcher(said)
    (path,) = (tmp_path / "runs").iterdir()
    many = "--multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0"
    assert f"go on from the last checkpoint: accelerate launch {many} train.py runs/{path.name}" in said
    assert read_rows(path / "events.jsonl")[-1]["event"] == "failed"


@pytest.mark.parametrize(
    ("way", "seconds", "step"),
    [("hung", STEADY_SECONDS, 4), ("hung in shards", STEADY_SECONDS, 4), ("hung at the start", START_SECONDS, 0)],
)
def test_a_rank_that_hangs_is_given_up_after_the_time_of_the_config(
    fail: Callable[..., str], way: str, seconds: int, step: int
) -> None:
    said = before_the_launcher(fail(way, max_seconds=MAX_SECONDS + seconds))
    assert f"rank 0 of 2: ended after step {step}: another rank is gone, or did not come" in said
    assert f"{seconds}000ms" in said


def test_a_batch_that_one_rank_cannot_make_is_said_once_with_its_step(fail: Callable[..., str]) -> None:
    said = before_the_launcher(fail("no batch"))
    assert said.count("data: the batch of step 5 cannot be made: stale file handle") == 1, said
    assert "another rank is gone" not in said
    assert "Traceback" not in said


def test_too_little_memory_on_one_rank_of_a_model_in_shards_is_said_at_once(fail: Callable[..., str]) -> None:
    said = before_the_launcher(fail("short of memory"))
    assert said.count("the memory does not suffice for one micro-batch of 2 examples (can't allocate memory") == 1, said
    assert "help: lower train.micro_batch_size = 1" in said
    assert "another rank is gone" not in said
    assert "Traceback" not in said


if sys.platform != "linux":
    pytest.skip("processes that are watched by descriptors are Linux", allow_module_level=True)
