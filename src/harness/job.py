"""What a training run is made of, as plain parts: whoever builds a Job decides what is trained."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Batch = tuple[Tensor, ...]  # what `Examples.batch` gives and `loss_sum` takes; the first dimension is the example
Row = dict[str, Any]  # one raw row of an eval; "id" is unique within the eval


class Examples(Protocol):
    """Training examples that can be addressed: no iterator, so no position has to be saved."""

    def __len__(self) -> int: ...

    def batch(self, indices: npt.NDArray[np.int64], epochs: npt.NDArray[np.int64]) -> Batch:
        """The examples at `indices` [B], each as seen in its epoch [B], on the CPU."""
        ...


@dataclass(frozen=True, kw_only=True)
class Eval:
    """One evaluation: items are shared out over the ranks, `rows` scores a share, `metrics` sums up all rows.

    `rows(model, items)` gives one row per item, in any order; `metrics(rows)` sees the rows of all items, sorted by id.
    """

    items: Sequence[Any]
    rows: Callable[[nn.Module, Sequence[Any]], Iterable[Row]]
    metrics: Callable[[Sequence[Row]], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Job:
    """The parts and the numbers of one training run.

    `loss_sum(model, batch)` is the sum of the loss over the batch's targets and `num_targets(batch)` counts them; the
    harness divides by the count over all ranks and micro-batches. `lr_factor(step)` scales each group's own rate.
    """

    model: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    lr_factor: Callable[[int], float]
    examples: Examples
    loss_sum: Callable[[nn.Module, Batch], Tensor]
    num_targets: Callable[[Batch], int]
    evals: Mapping[str, Eval]
    autocast: Callable[[torch.device], AbstractContextManager[Any]]
    seed: int
    num_steps: int
    batch_size: int
    micro_batch_size: int | None
    clip_norm: float  # inf never clips; the norm is recorded either way
    log_every_steps: int
    eval_every_steps: int | None
    checkpoint_every_steps: int
    keep_checkpoints: int
    facts: Mapping[str, Any]  # what the record should say about the parts: precision, data with its content hash
