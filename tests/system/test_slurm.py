"""docs/slurm.sh under a real SLURM: a job that is told to stop saves, goes back into the queue, and on with its run."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.state import state_of

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 120

pytestmark = pytest.mark.slow


def _told(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def _wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not happened():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def test_a_job_that_is_told_to_stop_goes_back_into_the_queue_and_on(workplace: Path) -> None:
    if shutil.which("sbatch") is None or subprocess.run(["sinfo"], capture_output=True, check=False).returncode:
        pytest.skip("no SLURM answers here")
    (workplace / ".venv").symlink_to(sys.prefix)
    (workplace / "train.py").symlink_to(ROOT / "train.py")
    tiny = workplace / "tiny.toml"
    tiny.write_text(
        tiny.read_text().replace("num_steps = 40", "num_steps = 400").replace("total_steps = 40", "total_steps = 400")
    )
    job = _told(
        "sbatch", "--parsable", "--output=job.out", str(ROOT / "docs" / "slurm.sh"), "tiny.toml", folder=workplace
    )
    out = workplace / "job.out"
    _wait_for(lambda: out.exists() and "step  21/400" in out.read_text())
    _told("scancel", "--signal=TERM", job, folder=workplace)
    _wait_for(lambda: "JobState=PENDING" in _told("scontrol", "show", "job", job, folder=workplace))
    (run,) = (workplace / "runs").iterdir()
    assert state_of(run) == "preempted"

    _told("scontrol", "update", f"JobId={job}", "StartTime=now", folder=workplace)  # it would wait two minutes
    _wait_for(lambda: state_of(run) == "finished")
    assert "goes on after step" in out.read_text()
    assert [path.name for path in (workplace / "runs").iterdir()] == [run.name], "no second run"
    _wait_for(lambda: "JobState=COMPLETED" in _told("scontrol", "show", "job", job, folder=workplace))
