"""One step, however it is split, against plain torch on the whole batch at once."""

import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from harness.fetch import Fetched, Fetching
from harness.job import Examples, ExampleStream, Job
from harness.order import Order
from harness.prefetch import Batches
from harness.ranks import Ranks
from harness.split import split_batch
from harness.step import clip, forward_backward, update
from harness.stop import StopFlag

MakeJob = Callable[..., Job]


def indexed(job: Job) -> Examples:
    assert not isinstance(job.examples, ExampleStream)
    return job.examples


def gradient(job: Job) -> list[torch.Tensor]:
    return [parameter.grad.clone() for parameter in job.model.parameters() if parameter.grad is not None]


def order_of(job: Job) -> Order:
    return Order(seed=job.seed, num_examples=len(indexed(job)), batch_size=job.batch_size)


def batches_of(job: Job, micro_batch_size: int | None = None) -> Batches:
    split = split_batch(batch_size=job.batch_size, num_processes=1, micro_batch_size=micro_batch_size)
    return Batches(job, split, rank=0, device=torch.device("cpu"))


@pytest.mark.parametrize("micro_batch_size", [1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize("step", [0, 3])
def test_ragged_micro_batches_give_the_gradient_of_the_whole_batch(
    make_job: MakeJob, alone: Ranks, micro_batch_size: int, step: int
) -> None:
    job = make_job(batch_size=12, num_examples=17)
    batch = indexed(job).batch(*order_of(job).at(step))
    targets = [int((row != -1).sum()) for row in batch[1]]
    assert len(set(targets)) > 3, "the rows differ in length"
    logits = job.model(batch[0]).flatten(0, 1)
    mean = nn.functional.cross_entropy(logits, batch[1].flatten(), ignore_index=-1)  # torch divides by the targets
    expected = torch.autograd.grad(mean, list(job.model.parameters()))

    fetched = Fetching(job, batches_of(job, micro_batch_size), alone, StopFlag()).fetch(step)
    assert fetched.num_targets == sum(targets)
    loss = forward_backward(job, job.model, alone, step, fetched)
    torch.testing.assert_close(loss, mean.detach(), rtol=1e-6, atol=0)
    for got, wanted in zip(gradient(job), expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)


def test_the_mean_gradient_of_the_ranks_is_that_of_one_process_with_dropout_too(make_job: MakeJob) -> None:
    """Noise belongs to the micro-batch, not to the rank that computes it."""
    gradients, losses = {}, {}
    for num_processes in (1, 2, 4):
        job = make_job(batch_size=8, num_examples=17, dropout=0.5, micro_batch_size=2)
        split = split_batch(batch_size=8, num_processes=num_processes, micro_batch_size=2)
        indices, epochs = order_of(job).at(2)
        slots = {slot: indexed(job).batch(indices[2 * slot :][:2], epochs[2 * slot :][:2]) for slot in range(4)}
        num_targets = sum(int((targets != -1).sum()) for _, targets in slots.values())
        loss = torch.zeros(())
        for rank in range(num_processes):  # gradients add up in the parameters
            ranks = Ranks(rank=rank, num_processes=num_processes, device=torch.device("cpu"), num_threads=1)
            own = {slot: slots[slot] for slot in split.slots(rank)}
            fetched = Fetched(micro_batches=own, num_targets=num_targets)
            loss += forward_backward(job, job.model, ranks, 2, fetched)
        gradients[num_processes] = [part / num_processes for part in gradient(job)]
        losses[num_processes] = loss
    for num_processes in (2, 4):
        torch.testing.assert_close(losses[num_processes], losses[1], rtol=1e-6, atol=0)
        torch.testing.assert_close(gradients[num_processes], gradients[1], rtol=1e-5, atol=1e-7)


def test_noise_differs_between_steps_and_between_micro_batches(make_job: MakeJob, alone: Ranks) -> None:
    job = make_job(batch_size=1, dropout=0.5)
    batch = indexed(job).batch(*order_of(job).at(0))
    losses = {
        float(forward_backward(job, job.model, alone, step, Fetched(micro_batches={slot: batch}, num_targets=1)))
        for step in range(3)
        for slot in range(3)
    }
    assert len(losses) == 9


def test_a_batch_without_targets_is_our_mistake(make_job: MakeJob, alone: Ranks) -> None:
    job = make_job(num_targets=lambda _batch: 0)
    with pytest.raises(AssertionError, match="step 6 holds nothing to learn"):
        Fetching(job, batches_of(job), alone, StopFlag()).fetch(6)


@pytest.mark.parametrize("clip_norm", [1e-3, 0.5, 1e3, math.inf])
def test_clipping_is_torchs_own(make_job: MakeJob, clip_norm: float) -> None:
    job = make_job()
    job.loss_sum(job.model, indexed(job).batch(*order_of(job).at(0))).backward()
    twin = copy.deepcopy(job.model)
    for parameter, other in zip(job.model.parameters(), twin.parameters(), strict=True):
        other.grad = None if parameter.grad is None else parameter.grad.clone()
    expected_norm = nn.utils.clip_grad_norm_(twin.parameters(), clip_norm)
    assert torch.equal(clip(list(job.model.parameters()), clip_norm=clip_norm), expected_norm)
    for parameter, other in zip(job.model.parameters(), twin.parameters(), strict=True):
        assert parameter.grad is not None
        assert other.grad is not None
        assert torch.equal(parameter.grad, other.grad)


def test_every_group_follows_its_own_peak_as_with_torchs_lambda_lr(make_job: MakeJob) -> None:
    job = make_job(lr_factor=lambda step: 0.5**step)
    twin = copy.deepcopy(job.model)

    def optimizer_of(model: nn.Module) -> torch.optim.Optimizer:
        first, *rest = model.parameters()
        return torch.optim.SGD([{"params": [first], "lr": 0.3}, {"params": rest, "lr": 0.7}], momentum=0.9)

    optimizers = [optimizer_of(job.model)]
    job = make_job(model=job.model, optimizers=optimizers, lr_factor=job.lr_factor)
    other = optimizer_of(twin)
    schedule = LambdaLR(other, job.lr_factor)
    for step in range(5):
        for model in (job.model, twin):
            job.loss_sum(model, indexed(job).batch(*order_of(job).at(step))).backward()
        assert update(job, [[0.3, 0.7]], step) == 0.5**step
        other.step()
        other.zero_grad()
        schedule.step()
        for parameter, twin_parameter in zip(job.model.parameters(), twin.parameters(), strict=True):
            assert torch.equal(parameter, twin_parameter)
            assert parameter.grad is None
