"""Per-step rows: named, one a step, and means that can be recomputed from them."""

import math
import time
from pathlib import Path

import pytest
import torch

from harness.metrics import StepMetrics
from harness.ranks import Ranks
from harness.rows import read
from harness.run_directory import open_run_directory


def test_one_row_a_step_and_the_means_of_the_interval(tmp_path: Path, alone: Ranks) -> None:
    run = open_run_directory(tmp_path)
    metrics = StepMetrics()
    losses, tokens = [0.1, 2.5, 1e-30], [10, 7, 13]
    for step, (loss, num) in enumerate(zip(losses, tokens, strict=True)):
        metrics.add(
            torch.tensor(loss), data_wait_seconds=0.5, step=step, tokens=num, grad_norm=1.5, lr=0.1 / (1 + step)
        )
    means = metrics.flush(alone, run)
    rows = read(tmp_path / "metrics.jsonl")
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert [row["train/loss"] for row in rows] == [float(torch.tensor(loss)) for loss in losses]
    assert [row["train/tokens"] for row in rows] == tokens
    assert {key for row in rows for key in row} == {
        "step", "t", "seg", "train/loss", "train/tokens", "train/grad_norm", "train/lr", "train/step_seconds",
        "train/data_wait_seconds", "train/tokens_per_second", "train/data_wait_share", "train/memory_bytes",
    }  # fmt: skip
    assert [len(row) for row in rows] == [9, 9, 12], "what is measured over the interval stands in its last row"
    assert rows[-1]["train/memory_bytes"] > 50e6, "Python with torch"
    assert means["loss"] == pytest.approx(sum(losses) / 3, rel=1e-6)
    assert means["tokens_per_second"] == pytest.approx(30 / sum(row["train/step_seconds"] for row in rows))
    assert means["data_wait_share"] == pytest.approx(1.5 / sum(row["train/step_seconds"] for row in rows))
    assert means["lr"] == 0.1 / 3


def test_the_share_of_the_peak_is_work_over_time_and_peak(tmp_path: Path, alone: Ranks) -> None:
    metrics = StepMetrics(flops_per_token=6e6, peak_flops=1e12)
    metrics.add(torch.tensor(1.0), data_wait_seconds=0.0, step=0, tokens=1000, lr=1.0)
    means = metrics.flush(alone, open_run_directory(tmp_path))
    (row,) = read(tmp_path / "metrics.jsonl")
    assert means["mfu"] == row["train/mfu"] == pytest.approx(6e6 * 1000 / 1e12 / row["train/step_seconds"])


def test_what_was_flushed_is_written_once(tmp_path: Path, alone: Ranks) -> None:
    run = open_run_directory(tmp_path)
    metrics = StepMetrics()
    metrics.add(torch.tensor(1.0), data_wait_seconds=0.0, step=0, tokens=1, lr=1.0)
    metrics.flush(alone, run)
    assert metrics.flush(alone, run) == {}
    metrics.add(torch.tensor(2.0), data_wait_seconds=0.0, step=1, tokens=1, lr=1.0)
    assert metrics.flush(alone, run)["loss"] == 2.0
    assert [row["step"] for row in read(tmp_path / "metrics.jsonl")] == [0, 1]


def test_a_loss_that_is_not_finite_is_recorded_as_a_word(tmp_path: Path, alone: Ranks) -> None:
    run = open_run_directory(tmp_path)
    metrics = StepMetrics()
    for step, loss in enumerate([math.inf, -math.inf, math.nan]):
        metrics.add(torch.tensor(loss), data_wait_seconds=0.0, step=step, tokens=1, lr=1.0)
    metrics.flush(alone, run)
    assert [row["train/loss"] for row in read(tmp_path / "metrics.jsonl")] == ["Infinity", "-Infinity", "NaN"]


def test_the_times_of_the_steps_leave_out_what_came_before_the_clock_was_restarted(
    tmp_path: Path, alone: Ranks
) -> None:
    run = open_run_directory(tmp_path)
    metrics = StepMetrics()
    time.sleep(0.2)
    started = time.perf_counter()
    metrics.restart_clock()
    for step in range(3):
        time.sleep(0.05)
        metrics.add(torch.tensor(1.0), data_wait_seconds=0.0, step=step, tokens=1, lr=1.0)
    elapsed = time.perf_counter() - started
    metrics.flush(alone, run)
    seconds = [row["train/step_seconds"] for row in read(tmp_path / "metrics.jsonl")]
    assert min(seconds) >= 0.05
    assert sum(seconds) <= elapsed
