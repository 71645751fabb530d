"""The real commands in real processes, each in a folder of its own, with bounds on time and nothing left running."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

TRAIN = Path(__file__).parents[2] / "train.py"
ACCELERATE = Path(sys.executable).parent / "accelerate"
TIMEOUT_SECONDS = 280  # a machine that is starved of cores is slow, not broken: 120 s were too few at a load of 13

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

TINY = """
why = "is it exact?"
seed = 1

[data]
kind = "text_files"
paths = ["corpus/*.txt"]
seq_len = 16

[model]
kind = "gpt"
num_layers = 1
width = 16
num_heads = 2
max_positions = 16
dropout = 0.1

[optimizer]
kind = "adamw"
lr = 0.01

[schedule]
kind = "cosine"
total_steps = 40
warmup_steps = 4

[train]
num_steps = 40
batch_size = 8
micro_batch_size = 2
checkpoint_every_steps = 8
keep_checkpoints = 9
num_threads = 1

[eval.held_out]
kind = "bits_per_byte"
stride = 8
max_bytes = 300

[log]
every_steps = 3
"""


def write_workplace(folder: Path) -> Path:
    """A folder with five small texts and tiny.toml: an epoch of about 17 steps of 8 examples."""
    (folder / "corpus").mkdir(parents=True)
    for number in range(5):
        words = [f"{number * 7919 + index * index * 104729:x}" for index in range(90)]
        (folder / "corpus" / f"{number}.txt").write_text(" ".join(words))
    (folder / "tiny.toml").write_text(TINY)
    return folder


@pytest.fixture
def accelerate() -> str:
    """The launcher beside the running Python."""
    return str(ACCELERATE)


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """Where a user stands: corpus/, tiny.toml, and soon runs/."""
    return write_workplace(tmp_path)


class Processes:
    """Starts commands and ends them all, with whatever they started themselves."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []

    def start(
        self, folder: Path, *arguments: str, processes: int = 0, launcher: list[str] | None = None, **environment: str
    ) -> "subprocess.Popen[str]":
        """Runs train.py in the folder: plainly for `processes=0`, else under the launch line of its help."""
        command = [sys.executable]
        if processes:
            flags = f"--multi_gpu --num_processes {processes} --num_machines 1 --main_process_port 0".split()
            command = [str(ACCELERATE), "launch", *flags]
        with (folder / "out.txt").open("w") as out, (folder / "err.txt").open("w") as err:
            process = subprocess.Popen(
                [*(launcher or command), str(TRAIN), *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONFAULTHANDLER": "1", **environment},
            )
        self.started.append(process)
        return process

    def run(
        self, folder: Path, *arguments: str, max_seconds: int = TIMEOUT_SECONDS, **options: Any
    ) -> "subprocess.CompletedProcess[str]":
        """As `start`, to the end."""
        process = self.start(folder, *arguments, **options)
        try:
            code = process.wait(timeout=max_seconds)
        except subprocess.TimeoutExpired:
            code = None
            say_where(process)
        output, error = ((folder / name).read_text() for name in ("out.txt", "err.txt"))
        assert code is not None, f"not ended after {max_seconds} s; it said\n{output}\n{error}"
        return subprocess.CompletedProcess(process.args, code, output, error)

    def end(self) -> None:
        """Kills what is still there."""
        for process in self.started:
            kill_9(process)


def say_where(process: "subprocess.Popen[str]") -> None:
    """Lets a command that hangs, and all that it started, write where they are, by way of PYTHONFAULTHANDLER."""
    for member in (*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)):
        member.send_signal(signal.SIGABRT)
        time.sleep(1)


def kill_9(process: "subprocess.Popen[str]") -> None:
    """SIGKILL for the process and all that descend from it (the launcher's workers have sessions of their own)."""
    if process.poll() is None:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for member in family:
            member.kill()
        psutil.wait_procs(family, timeout=20)
        process.wait(timeout=20)


@pytest.fixture
def processes() -> Iterator[Processes]:
    """The processes of one test."""
    ours = Processes()
    yield ours
    ours.end()


@pytest.fixture
def run(processes: Processes) -> Run:
    """`run(folder, *arguments, processes=0, launcher=None, **environment)`: train.py from start to end."""
    return processes.run


@pytest.fixture
def start(processes: Processes) -> Start:
    """As `run`, without waiting."""
    return processes.start


@pytest.fixture
def kill() -> Callable[["subprocess.Popen[str]"], None]:
    """SIGKILL for a command and all that it started."""
    return kill_9


@pytest.fixture(scope="session")
def straight_runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """The directory of an undisturbed run of tiny.toml on so many processes; each is run once a session."""
    runs: dict[int, Path] = {}

    def straight_run(num_processes: int) -> Path:
        if num_processes not in runs:
            ours, folder = Processes(), write_workplace(tmp_path_factory.mktemp("straight") / "place")
            try:
                done = ours.run(folder, "tiny.toml", processes=num_processes if num_processes > 1 else 0)
            finally:
                ours.end()
            assert done.returncode == 0, done.stderr
            (runs[num_processes],) = (folder / "runs").iterdir()
        return runs[num_processes]

    return straight_run


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file whose last line may be torn."""
    return [json.loads(line) for line in path.read_text().split("\n")[:-1] if line.endswith("}")]


@pytest.fixture
def read_rows() -> Callable[[Path], list[dict[str, Any]]]:
    """Reads a .jsonl file without our own reader."""
    return rows


@pytest.fixture
def losses() -> Callable[[Path], list[float]]:
    """The loss of each step of a run, in order; of a step done twice, the second."""

    def losses_of(run_path: Path) -> list[float]:
        last = {row["step"]: row["train/loss"] for row in rows(run_path / "metrics.jsonl")}
        assert sorted(last) == list(range(1, len(last) + 1))
        return [last[step] for step in sorted(last)]

    return losses_of


@pytest.fixture
def last_state() -> Callable[[Path], dict[str, str]]:
    """The sha256 of weights and optimizer state in the newest checkpoint of a run, and its name."""

    def last_state_of(run_path: Path) -> dict[str, str]:
        newest = max((run_path / "checkpoints").glob("step_*"))
        digests = {
            name: hashlib.sha256((newest / name).read_bytes()).hexdigest()
            for name in ("model.safetensors", "optimizers.pt")
        }
        return {"checkpoint": newest.name, **digests}

    return last_state_of


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """`wait_for(condition, process)`: its first true value; an AssertionError when the process ends before."""

    def wait(condition: Callable[[], Any], process: "subprocess.Popen[str]") -> Any:
        until = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < until:
            if value := condition():
                return value
            assert process.poll() is None, "ended too early"
            time.sleep(0.002)
        raise AssertionError("waited in vain")

    return wait
