"""Real runs on real GPUs: each test says what it needs, and is skipped with a clear word where that is not there."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

TRAIN = Path(__file__).parents[2] / "train.py"
ACCELERATE = Path(sys.executable).parent / "accelerate"
TIMEOUT_SECONDS = 280

CONFIG = """
why = "does a GPU give what a CPU gives?"
seed = 1

[data]
kind = "text_files"
paths = ["corpus/*.txt"]
seq_len = 32

[model]
kind = "gpt"
num_layers = 2
width = 64
num_heads = 2
max_positions = 32

[optimizer]
kind = "adamw"
lr = 0.003

[schedule]
kind = "constant"
warmup_steps = 4

[train]
num_steps = 30
batch_size = 8
checkpoint_every_steps = 15

[eval.held_out]
kind = "bits_per_byte"
stride = 16
max_bytes = 300

[log]
every_steps = 10
"""


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    """Skips the tests of a module where there are fewer GPUs than its NUM_GPUS."""
    needed, there = request.module.NUM_GPUS, torch.cuda.device_count()
    if there < needed:
        pytest.skip(f"needs {needed} CUDA GPU{'s' if needed > 1 else ''}, and torch {torch.__version__} finds {there}")


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Path]:
    """`train(device, processes=1, layer="")` gives the directory of a real run, by train.py under the launcher.

    `run=PATH` goes on with a run.
    """
    (tmp_path / "corpus").mkdir()
    for number in range(5):
        words = [f"{number * 7919 + index * index * 104729:x}" for index in range(200)]
        (tmp_path / "corpus" / f"{number}.txt").write_text(" ".join(words))
    (tmp_path / "tiny.toml").write_text(CONFIG)

    def trained(device: str, *, processes: int = 1, layer: str = "", run: Path | None = None) -> Path:
        folder = tmp_path / f"runs_{len(list(tmp_path.glob('runs_*')))}"
        (tmp_path / "layer.toml").write_text(f'train.device = "{device}"\nlog.runs_dir = "{folder}"\n{layer}')
        words = [str(run)] if run else ["tiny.toml", "layer.toml"]
        done = launch(TRAIN, *words, processes=processes, folder=tmp_path)
        assert done.returncode == 0, done.stderr[-4000:]
        return run or next(folder.iterdir())

    return trained


@pytest.fixture
def losses(train: Callable[..., Path]) -> Callable[..., list[float]]:
    """As `train`, but the loss of each step."""
    return lambda device, **words: [row["train/loss"] for row in rows(train(device, **words) / "metrics.jsonl")]


def launch(script: Path, *words: str, processes: int, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Runs a script under the launcher to its end."""
    flags = ["--multi_gpu", "--num_machines", "1", "--main_process_port", "0"] if processes > 1 else []
    return subprocess.run(
        [str(ACCELERATE), "launch", *flags, "--num_processes", str(processes), str(script), *words],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        env={**os.environ, "ACCELERATE_LOG_LEVEL": "error"},
    )


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]
