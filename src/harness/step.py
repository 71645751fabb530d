"""One optimizer step over a global batch that may be split over ranks and micro-batches, with the same result."""

from collections.abc import Iterable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from harness.fetch import Fetched
from harness.job import Job
from harness.ranks import Ranks
from harness.sharded import local_parts, whole
from harness.streams import stream_seed


def forward_backward(job: Job, wrapped: nn.Module, ranks: Ranks, step: int, fetched: Fetched) -> Tensor:
    """Leaves the gradient of the mean loss over all targets of the step in the parameters.

    Returns this rank's part of that mean loss, detached: its sum over ranks is the loss of the step. The wrapped model
    averages gradients over ranks, hence the factor num_processes.
    """
    share: Tensor | None = None
    last = max(fetched.micro_batches)
    scale = job.loss_scale.scale if job.loss_scale else 1
    for slot, batch in fetched.micro_batches.items():
        seed_noise(stream_seed(job.seed, "noise", step, slot), ranks.device)
        with nullcontext() if slot == last else ranks.without_sync(wrapped):
            with job.autocast(ranks.device):
                loss = job.loss_sum(wrapped, batch) / fetched.num_targets
            # A loss that is not finite makes its gradient so, and the exchange of gradients tells every rank. A factor,
            # since torch imports sympy (half a second) when `backward` is given the gradient.
            (loss * (loss.detach() * 0 + ranks.num_processes * scale)).backward()
        share = loss.detach() if share is None else share + loss.detach()
    assert share is not None, "a step has at least one micro-batch"
    if job.loss_scale:
        job.loss_scale.unscale(local_parts(gradients_of(job.model.parameters())))
    return share


def seed_noise(seed: int, device: torch.device) -> None:
    """As torch.manual_seed, for the CPU and this device alone: what it does for others costs 200 us."""
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def clip(parameters: list[nn.Parameter], *, clip_norm: float) -> Tensor:
    """Scales the gradients to at most `clip_norm` (L2, over all parameters) and returns the norm before."""
    norm = torch.nn.utils.get_total_norm(gradients_of(parameters))
    if clip_norm != float("inf"):
        torch.nn.utils.clip_grads_with_norm_(parameters, clip_norm, norm)
    return whole(norm)


def gradients_of(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """The gradients that are there."""
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def update(job: Job, peaks: list[list[float]], step: int) -> float:
    """Sets the learning rates of this step, steps every optimizer and what follows them; returns the factor."""
    factor = job.lr_factor(step)
    for optimizer, rates in zip(job.optimizers, peaks, strict=True):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        optimizer.step()
        for parameter in (parameter for group in optimizer.param_groups for parameter in group["params"]):
            parameter.grad = None  # as zero_grad does, which takes 15 us to begin with
    if job.average:
        job.average.update(step)
    if job.loss_scale:
        job.loss_scale.grow()
    return factor
