"""docs/slurm.sh: a job that is told to stop saves, goes back into the queue, and on with its own run.

Once under a real SLURM, where there is one; else with two commands in the place of SLURM's.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
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


def _prepare(folder: Path) -> None:
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "train.py").symlink_to(ROOT / "train.py")
    tiny = folder / "tiny.toml"
    tiny.write_text(
        tiny.read_text().replace("num_steps = 40", "num_steps = 400").replace("total_steps = 40", "total_steps = 400")
    )


def test_a_job_that_is_told_to_stop_goes_back_into_the_queue_and_on(workplace: Path) -> None:
    if shutil.which("sbatch") is None or subprocess.run(["sinfo"], capture_output=True, check=False).returncode:
        pytest.skip("no SLURM answers here")
    _prepare(workplace)
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


def test_each_task_of_an_array_has_its_own_experiment_and_goes_back_by_itself(workplace: Path) -> None:
    if shutil.which("sbatch") is None or subprocess.run(["sinfo"], capture_output=True, check=False).returncode:
        pytest.skip("no SLURM answers here")
    _prepare(workplace)
    for seed in (2, 3):
        (workplace / f"seed_{seed}.toml").write_text(f"seed = {seed}")
    words = ["tiny.toml+seed_2.toml", "tiny.toml+seed_3.toml"]
    flags = ("--parsable", "--array=0-1", "--output=%a.out")
    job = _told("sbatch", *flags, str(ROOT / "docs" / "slurm.sh"), *words, folder=workplace)
    outs = [workplace / f"{task}.out" for task in (0, 1)]
    _wait_for(lambda: all(out.exists() and "step  21/400" in out.read_text() for out in outs))
    _told("scancel", "--signal=TERM", f"{job}_1", folder=workplace)
    _wait_for(lambda: "JobState=PENDING" in _told("scontrol", "show", "job", f"{job}_1", folder=workplace))
    time.sleep(2)  # a start within the second of the requeue is refused: "Job credential revoked"
    _told("scontrol", "update", f"JobId={job}_1", "StartTime=now", folder=workplace)
    runs = sorted((workplace / "runs").iterdir())
    assert [run.name.partition("-")[0] for run in runs] == ["tiny+seed_2", "tiny+seed_3"]
    _wait_for(lambda: all(state_of(run) == "finished" for run in runs))
    assert ["goes on after step" in out.read_text() for out in outs] == [False, True]
    assert sorted((workplace / "runs").iterdir()) == runs, "no third run"


def test_a_job_goes_on_with_its_own_run_and_with_no_other_of_the_experiment(
    workplace: Path, wait_for: Callable[..., object]
) -> None:
    _prepare(workplace)
    commands = workplace / "commands"
    commands.mkdir()
    for name, does in {"srun": 'exec "$@"', "scontrol": 'echo "$@" >> asked.txt'}.items():
        (commands / name).write_text(f"#!/bin/sh\n{does}\n")
        (commands / name).chmod(0o755)

    def start(job: int, config: str) -> "subprocess.Popen[bytes]":
        path = f"{commands}:{os.environ['PATH']}"
        with (workplace / f"{job}.out").open("a") as out:
            return subprocess.Popen(
                ["bash", str(ROOT / "docs" / "slurm.sh"), config],
                cwd=workplace,
                stdout=out,
                stderr=out,
                env={**os.environ, "PATH": path, "SLURM_JOB_ID": str(job), "CUDA_VISIBLE_DEVICES": ""},
                start_new_session=True,
            )

    def stopped(job: int) -> None:
        """A start of this job, told to stop when it has trained a little more than before."""
        said, process = workplace / f"{job}.out", start(job, "tiny.toml")
        before = said.read_text().count("tokens/s")
        wait_for(lambda: said.read_text().count("tokens/s") > before, process)
        (trainer,) = psutil.Process(process.pid).children()
        trainer.send_signal(signal.SIGTERM)
        process.wait(timeout=WAIT_SECONDS)

    stopped(1)
    (run,) = (workplace / "runs").iterdir()
    assert (workplace / "asked.txt").read_text() == "requeue 1\n"
    (workplace / "runs" / "broken-20260101T000000Z-0000").symlink_to(run)  # preempted, and of the experiment below
    (workplace / "broken.toml").write_text("model = 1\n")
    assert start(2, "broken.toml").wait(timeout=WAIT_SECONDS) == 2
    assert (workplace / "asked.txt").read_text() == "requeue 1\n", "what did not start is not started again"
    stopped(3)
    stopped(1)
    own = (workplace / "1.out").read_text()
    assert "goes on after step" in own
    assert own.count(f"run runs/{run.name}") == 2, own
    assert (workplace / "asked.txt").read_text() == "requeue 1\nrequeue 3\nrequeue 1\n"
