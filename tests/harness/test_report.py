"""The first and the last lines of a run."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from harness import report
from harness.job import Job
from harness.loop import Ended
from harness.ranks import Ranks
from harness.rows import RowWriter
from harness.run_directory import open_run_directory
from harness.split import split_batch

MakeJob = Callable[..., Job]


def test_the_first_line_says_what_really_runs(make_job: MakeJob) -> None:
    job = make_job(num_steps=12_000)
    ranks = Ranks(rank=0, num_processes=2, device=torch.device("cpu:0"), num_threads=3)
    line = report.start_line(job, ranks, split_batch(batch_size=12, num_processes=2, micro_batch_size=2))
    num = 11 * 6 + 6 * 11 + 11
    assert line == (
        f"2 processes on cpu with 3 threads, fp32; batch of 12 = 3 x 2 per process; {num} parameters; 12,000 steps"
    )


def test_shared_parameters_count_once(make_job: MakeJob) -> None:
    model = nn.Sequential(nn.Embedding(11, 6), nn.Linear(6, 11, bias=False))
    model[1].weight = model[0].weight
    assert report.num_parameters(make_job(model=model)) == 66


def test_the_end_has_the_numbers_and_the_next_step(make_job: MakeJob, tmp_path: Path) -> None:
    metrics = {"eval/a/loss": 1.23456, "eval/a/num_bytes": 4096.0, "eval/a/rate": 0.0}
    text = report.end(make_job(), open_run_directory(tmp_path), Ended(reason="finished", step=1200, metrics=metrics))
    assert text.splitlines()[:4] == [
        "finished 1,200 steps",
        "  eval/a/loss       1.2346",
        "  eval/a/num_bytes   4,096",
        "  eval/a/rate       0.0000",
    ]
    assert text.splitlines()[-1].startswith("next: ")
    assert str(tmp_path) in text.splitlines()[-1]


@pytest.mark.parametrize(("value", "shown"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")])
def test_a_number_that_is_not_finite_is_shown(make_job: MakeJob, tmp_path: Path, value: float, shown: str) -> None:
    ended = Ended(reason="finished", step=1, metrics={"eval/a/loss": value})
    assert f"eval/a/loss  {shown}" in report.end(make_job(), open_run_directory(tmp_path), ended)


def test_samples_are_shown_raw_and_on_one_line_each(make_job: MakeJob, tmp_path: Path) -> None:
    run = open_run_directory(tmp_path)
    writer = RowWriter(run.eval_directory("completions", 5) / "samples.jsonl")
    for number in range(4):
        writer.write({"id": f"p{number}", "prompt": "def ", "completion": f"\x1b[31m\n{number}" + "x" * 1000})
    writer.close()
    job = make_job(evals={"completions": None, "held_out": None})
    shown = [
        line
        for line in report.end(job, run, Ended(reason="finished", step=5, metrics={})).splitlines()
        if line.startswith("completions p")
    ]
    assert len(shown) == 2
    assert shown[0].startswith("completions p0: 'def \\x1b[31m\\n0xxx")
    assert all(len(line) < 400 for line in shown)


def test_a_stopped_run_says_how_to_go_on(make_job: MakeJob, tmp_path: Path) -> None:
    text = report.end(make_job(), open_run_directory(tmp_path), Ended(reason="SIGTERM", step=7, metrics={}))
    assert text.splitlines()[0] == "stopped by SIGTERM after step 7; saved"
    assert text.splitlines()[-1] == f"next: accelerate launch train.py {tmp_path}"
