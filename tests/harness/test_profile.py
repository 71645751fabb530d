"""A trace of a window of steps is written, holds those steps, and changes no number."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.console import Console
from harness.job import Job
from harness.loop import train
from harness.profile import Tracer, Window
from harness.ranks import Ranks
from harness.run_directory import open_run_directory
from harness.split import split_batch
from harness.stop import StopFlag

MakeJob = Callable[..., Job]


def trained(path: Path, job: Job, ranks: Ranks) -> list[bytes]:
    path.mkdir()
    run = open_run_directory(path)
    train(job, split_batch(batch_size=4, num_processes=1), ranks, run, Console(speaks=False), StopFlag())
    run.close()
    return [tensor.numpy().tobytes() for tensor in job.model.state_dict().values()]


@pytest.mark.parametrize(("first_step", "num_steps", "last_step"), [(3, 2, 4), (7, 5, 8)])
def test_the_steps_of_the_window_are_in_the_trace(
    make_job: MakeJob, alone: Ranks, tmp_path: Path, first_step: int, num_steps: int, last_step: int
) -> None:
    traced = make_job(dropout=0.3, profile=Window(first_step=first_step, num_steps=num_steps))
    plain = make_job(dropout=0.3)
    assert trained(tmp_path / "traced", traced, alone) == trained(tmp_path / "plain", plain, alone)
    (trace,) = (tmp_path / "traced" / "profile").iterdir()
    assert trace.name == f"steps_{first_step:08}_{last_step:08}.json"
    events = json.loads(trace.read_text())["traceEvents"]
    steps = [event for event in events if event.get("name", "").startswith("Optimizer.step#AdamW.step")]
    assert len(steps) == last_step - first_step + 1
    assert not (tmp_path / "plain" / "profile").exists()


def test_other_processes_are_not_traced(tmp_path: Path) -> None:
    with Tracer(Window(first_step=1, num_steps=1), None, torch.device("cpu")) as tracer:
        tracer.before(1)
        tracer.before(2)
    assert list(tmp_path.iterdir()) == []
