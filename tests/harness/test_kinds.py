"""Moving averages, loss scales and shards in the loop: saved, gone on with to the bit, and seen by evals."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.averaging import WeightAverage
from harness.console import Console
from harness.job import Batch, Eval, Job
from harness.launch import Failed
from harness.loop import Ended, train
from harness.loss_scale import LossScale
from harness.ranks import Ranks
from harness.rows import read
from harness.run_directory import open_run_directory
from harness.split import split_batch
from harness.stop import StopFlag

MakeJob = Callable[..., Job]


class Killed(BaseException):
    """What kill -9 is within one process."""


def run_in(path: Path, job: Job, ranks: Ranks) -> Ended:
    path.mkdir(exist_ok=True)
    split = split_batch(batch_size=job.batch_size, num_processes=1, micro_batch_size=job.micro_batch_size)
    return train(job, split, ranks, open_run_directory(path), Console(speaks=False), StopFlag())


def with_all(job: Job, *, in_shards: bool) -> Job:
    average = WeightAverage(job.model, decay=0.8, warmup_steps=2, used_by_evals=True)
    return replace(job, average=average, loss_scale=LossScale(), in_shards=in_shards)


def bits(job: Job) -> list[bytes]:
    assert job.average is not None
    tensors = [*job.model.state_dict().values(), *job.average.averages.values()]
    for optimizer in job.optimizers:
        tensors += [value for values in optimizer.state.values() for value in values.values()]
    return [tensor.detach().numpy().tobytes() for tensor in tensors]


@pytest.mark.parametrize("in_shards", [False, True])
def test_a_killed_run_goes_on_with_the_bits_of_average_scale_and_optimizer(
    make_job: MakeJob, alone: Ranks, tmp_path: Path, in_shards: bool
) -> None:
    def job() -> Job:
        return with_all(make_job(dropout=0.3, checkpoint_every_steps=3), in_shards=in_shards)

    def killed_after(steps: int) -> Job:
        made, count = job(), iter(range(100))

        def loss_sum(model: nn.Module, batch: Batch) -> Tensor:
            if next(count) == steps:
                raise Killed
            return made.loss_sum(model, batch)

        return replace(made, loss_sum=loss_sum)

    straight, resumed = job(), job()
    run_in(tmp_path / "straight", straight, alone)
    for steps in (5, 3):
        with pytest.raises(Killed):
            run_in(tmp_path / "killed", killed_after(steps), alone)
    run_in(tmp_path / "killed", resumed, alone)
    assert bits(resumed) == bits(straight)
    assert resumed.loss_scale == straight.loss_scale == LossScale(steps_since_change=8)


def test_a_loss_scale_alone_changes_no_bit(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    plain, scaled = make_job(), replace(make_job(), loss_scale=LossScale())
    run_in(tmp_path / "plain", plain, alone)
    run_in(tmp_path / "scaled", scaled, alone)
    for ours, theirs in zip(scaled.model.parameters(), plain.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def overflowing(job: Job, *, above: float) -> Job:
    """The gradient is infinite while the scale is larger than `above`, as in fp16."""
    loss_scale = LossScale()

    def loss_sum(model: nn.Module, batch: Batch) -> Tensor:
        loss = job.loss_sum(model, batch)
        loss.register_hook(lambda gradient: gradient * (float("inf") if loss_scale.scale > above else 1.0))
        return loss

    return replace(job, loss_sum=loss_sum, loss_scale=loss_scale)


def test_a_step_that_overflows_is_left_out_until_the_scale_fits(
    make_job: MakeJob, alone: Ranks, tmp_path: Path
) -> None:
    job = overflowing(make_job(), above=20_000.0)
    first = [parameter.detach().clone() for parameter in job.model.parameters()]
    seen: list[bool] = []

    def rows(model: nn.Module, items: Sequence[int]) -> list[dict[str, Any]]:
        seen.append(all(map(torch.equal, first, model.parameters())))
        return [{"id": str(item)} for item in items]

    evaluation = Eval(items=[0], rows=rows, metrics=lambda _rows: {"one": 1.0})
    run_in(tmp_path / "run", replace(job, evals={"same": evaluation}, eval_every_steps=1), alone)
    assert job.loss_scale == LossScale(scale=16_384.0, steps_since_change=6)
    assert seen == [True, True, False, False, False, False, False, False], "two halvings: 65536, 32768"
    norms = [row["train/grad_norm"] for row in read(tmp_path / "run" / "metrics.jsonl")]
    assert [isinstance(norm, str) for norm in norms] == [True, True] + [False] * 6, "Infinity is written as a word"


def test_an_overflow_that_no_scale_mends_ends_the_run(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    job = overflowing(make_job(num_steps=40), above=0.5)
    with pytest.raises(Failed, match="step 17 is not finite"):
        run_in(tmp_path / "run", job, alone)


@pytest.mark.parametrize("used_by_evals", [True, False])
def test_evals_see_the_averages_when_they_are_asked_to(
    make_job: MakeJob, alone: Ranks, tmp_path: Path, used_by_evals: bool
) -> None:
    job = make_job()
    average = WeightAverage(job.model, decay=0.9, warmup_steps=0, used_by_evals=used_by_evals)
    trained: list[Tensor] = []

    def rows(model: nn.Module, items: Sequence[int]) -> list[dict[str, Any]]:
        trained[:] = [parameter.detach().clone() for parameter in model.parameters()]
        return [{"id": str(item)} for item in items]

    evaluation = Eval(items=[0, 1], rows=rows, metrics=lambda found: {"num": float(len(found))})
    run_in(tmp_path / "run", replace(job, average=average, evals={"look": evaluation}), alone)
    expected = average.averages.values() if used_by_evals else job.model.parameters()
    assert all(map(torch.equal, trained, expected))
    assert not all(map(torch.equal, job.model.parameters(), average.averages.values()))
