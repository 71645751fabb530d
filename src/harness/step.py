"""One optimizer step over a global batch that may be split over ranks and micro-batches, with the same result."""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harness.job import Batch, Job
from harness.order import Order
from harness.ranks import Ranks
from harness.split import Split
from harness.streams import stream_seed


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """The micro-batches of this rank for one step, by global slot, and what all ranks agreed on before computing."""

    micro_batches: dict[int, Batch]
    num_targets: int  # over all ranks and micro-batches
    stop_asked: bool  # on any rank


def fetch(job: Job, order: Order, split: Split, ranks: Ranks, step: int, *, stop_asked: bool) -> Fetched:
    """Takes this rank's examples of a step and agrees with the others on the number of targets and on stopping.

    The agreement is one all-reduce of two numbers, so that a signal on one rank stops all ranks at the same step.
    """
    indices, epochs = order.at(step)
    micro_batches: dict[int, Batch] = {}
    num_targets = 0
    for slot in split.slots(ranks.rank):
        here = slice(slot * split.micro_batch_size, (slot + 1) * split.micro_batch_size)
        batch = job.examples.batch(indices[here], epochs[here])
        num_targets += job.num_targets(batch)
        micro_batches[slot] = tuple(part.to(ranks.device, non_blocking=True) for part in batch)
    all_targets, num_stops = ranks.sum_counts(num_targets, int(stop_asked))
    assert all_targets > 0, f"the batch of step {step} holds nothing to learn from"
    return Fetched(micro_batches=micro_batches, num_targets=all_targets, stop_asked=num_stops > 0)


def forward_backward(job: Job, wrapped: nn.Module, ranks: Ranks, step: int, fetched: Fetched) -> Tensor:
    """Leaves the gradient of the mean loss over all targets of the step in the parameters.

    Returns this rank's part of that mean loss, detached: its sum over ranks is the loss of the step. The wrapped model
    averages gradients over ranks, hence the factor num_processes.
    """
    share = torch.zeros((), device=ranks.device)
    last = max(fetched.micro_batches)
    for slot, batch in fetched.micro_batches.items():
        torch.manual_seed(stream_seed(job.seed, "noise", step, slot))
        with nullcontext() if slot == last else ranks.without_sync(wrapped):
            with job.autocast(ranks.device):
                loss = job.loss_sum(wrapped, batch) / fetched.num_targets
            (loss * ranks.num_processes).backward()
        share += loss.detach()
    return share


def clip(parameters: list[nn.Parameter], *, clip_norm: float) -> Tensor:
    """Scales the gradients to at most `clip_norm` (L2, over all parameters) and returns the norm before."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    if clip_norm != float("inf"):
        torch.nn.utils.clip_grads_with_norm_(parameters, clip_norm, norm)
    return norm


def update(job: Job, peaks: list[list[float]], step: int) -> float:
    """Sets the learning rates of this step, steps every optimizer, clears the gradients; returns the factor."""
    factor = job.lr_factor(step)
    for optimizer, rates in zip(job.optimizers, peaks, strict=True):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return factor
