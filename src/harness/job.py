"""What a training run is made of, as plain parts: whoever builds a Job decides what is trained."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.averaging import WeightAverage
from harness.loss_scale import LossScale
from harness.order import Part
from harness.profile import Window

Batch = tuple[Tensor, ...]  # what `Examples.batch` gives and `loss_sum` takes; the first dimension is the example
Row = dict[str, Any]  # one raw row of an eval; "id" is unique within the eval


class Examples(Protocol):
    """Training examples that can be addressed: no iterator, so no position has to be saved."""

    def __len__(self) -> int: ...

    def batch(self, indices: npt.NDArray[np.int64], epochs: npt.NDArray[np.int64]) -> Batch:
        """The examples at `indices` [B], each as seen in its epoch [B], on the CPU."""
        ...


@runtime_checkable
class ExampleStream(Protocol):
    """Training examples that can only be read in order. What is read is a function of the state, which is saved."""

    def read(self, state: dict[str, Any], num_examples: int) -> tuple[Batch, dict[str, Any]]:
        """The next examples after `state` ({} is the start), on the CPU, and the state after them: plain JSON data."""
        ...


@dataclass(frozen=True, kw_only=True)
class Eval:
    """One evaluation: items are shared out over the ranks, `rows` scores a share, `metrics` sums up all rows.

    `rows(model, items)` gives one row per item, in any order; `metrics(rows)` sees the rows of all items, sorted by id.
    With `id_of` an item that cannot be scored becomes a row with "error", which `metrics` does not see.
    """

    items: Sequence[Any]
    rows: Callable[[nn.Module, Sequence[Any]], Iterable[Row]]
    metrics: Callable[[Sequence[Row]], Mapping[str, float]]
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # metric -> harness.comparison.scores.Score
    identity: Mapping[str, Any] = field(default_factory=dict)  # plain JSON: what the rows depend on beside the weights
    id_of: Callable[[Any], str] | None = None  # the id that the row of an item will have
    rescore: Callable[[Row], Row] | None = None  # a kept row scored anew, without the model


@dataclass(frozen=True, kw_only=True)
class Job:
    """The parts and the numbers of one training run.

    `loss_sum(model, batch)` is the sum of the loss over the batch's targets and `num_targets(batch)` counts them; the
    harness divides by the count over all ranks and micro-batches. `lr_factor(step)` scales each group's own rate.

    A model that is to be compiled, recomputed or sharded block by block has its blocks in `model.blocks`, a ModuleList
    of modules that take tensors by position.
    """

    model: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    lr_factor: Callable[[int], float]
    examples: Examples | ExampleStream
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
    loss_scale: LossScale | None = None  # for fp16
    average: WeightAverage | None = None  # of the model's weights
    notes: Sequence[str] = ()  # what is to be said at the start of a new run
    in_shards: bool = False  # whether checkpoints are written by all ranks together; the model may be sharded
    parts: Sequence[Part] = ()  # of a mixture, in the order in which the examples hold them
    prefetch_steps: int = 0  # steps whose batches a thread makes ahead
    profile: Window | None = None  # the steps that are traced
    has_dry_run: bool = False  # whether one micro-batch is computed before the start, to see if memory suffices
    num_state_numbers: int = 0  # fp32 numbers that the optimizers will hold
    flops_per_token: float | None = None  # forward and backward, where somebody knows
    keep_every_steps: int | None = None  # checkpoints of these steps stay for ever
    keep_lowest: str | None = None  # "eval/NAME/METRIC" whose best checkpoint stays
    keep_highest: str | None = None
    max_skipped_steps: int = 0  # updates of a whole run left out because loss or gradient were not finite; then it ends
