"""The short form of store_writing.py, and a full disk."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from harness.rows import read
from harness.state import state_of

FILL = """
import os, sys
from pathlib import Path
from harness.run_directory import open_run_directory
path, left = Path(sys.argv[1]), int(sys.argv[2])
run = open_run_directory(path)
run.event("started", step=0)
for step in range(1, 101):
    run.record_step(step, {"train/loss": 1 / step, "train/tokens": 7})
with (path.parent / "filler").open("wb") as filler:
    room = os.statvfs(path).f_bavail * os.statvfs(path).f_frsize
    filler.write(bytes(max(0, room - left)))
try:
    if sys.argv[3] == "log":
        for step in range(101, 10**6):
            run.record_step(step, {"train/loss": 1 / step, "train/tokens": 7})
    else:
        run.event("finished", step=100)
except OSError as error:
    print(type(error).__name__, error.errno, run.path.name)
    sys.exit(3)
"""


@pytest.fixture(scope="module")
def chaos() -> ModuleType:
    """The long form's module."""
    spec = importlib.util.spec_from_file_location("store_writing", Path(__file__).with_name("store_writing.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; needs root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_kills_lose_no_row_and_are_seen_as_crashes(chaos: ModuleType, tmp_path: Path) -> None:
    assert chaos.kill_and_look(tmp_path, seed=1, num_kills=4) == []
    assert {row["seg"] for row in read(tmp_path / "metrics.jsonl")} == {0, 1, 2, 3}


def test_runs_that_start_at_once_do_not_meet(chaos: ModuleType, tmp_path: Path) -> None:
    assert chaos.open_at_once(tmp_path / "runs", num_processes=6) == []


@pytest.mark.parametrize("when", ["log", "close"])
def test_on_a_full_disk_writing_is_an_error_and_all_before_it_can_be_read(small_disk: Path, when: str) -> None:
    run = small_disk / "run"
    run.mkdir()
    left = 4096 if when == "log" else 0
    command = [sys.executable, "-c", FILL, str(run), str(left), when]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (3, "OSError 28 run\n"), done.stderr
    rows = read(run / "metrics.jsonl")
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) >= 100
    assert [row["event"] for row in read(run / "events.jsonl")] == ["started"]
    (small_disk / "filler").unlink()
    code = (
        "import sys; from pathlib import Path; from harness.run_directory import open_run_directory\n"
        "run = open_run_directory(Path(sys.argv[1])); run.event('resumed', step=50)\n"
        "run.record_step(51, {'train/loss': 0.5}); run.event('finished', step=51); run.close()\n"
    )
    subprocess.run([sys.executable, "-c", code, str(run)], timeout=60, check=True)
    assert state_of(run) == "finished"
    assert json.loads((run / "summary.json").read_text())["metrics"]["train/loss"]["n"] == 51
