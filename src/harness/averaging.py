"""An exponential moving average of the weights (Polyak and Juditsky 1992), and how a model borrows it for an eval.

The decay is a function of the step, so the averages are all that a checkpoint has to keep. Buffers are not averaged.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from harness.sharded import local_parts


class WeightAverage:
    """average = decay * average + (1 - decay) * weights after each update; during `warmup_steps` a copy of the weights.

    Of sharded weights each rank averages its own shard, without talking to others.
    """

    def __init__(self, model: nn.Module, *, decay: float, warmup_steps: int, used_by_evals: bool) -> None:
        assert 0 <= decay < 1, decay
        self.decay, self.warmup_steps, self.used_by_evals = decay, warmup_steps, used_by_evals
        self._weights = dict(model.named_parameters())
        self.averages: dict[str, Tensor] = {name: weight.detach().clone() for name, weight in self._weights.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After the optimizers' update of `step`."""
        averages, weights = local_parts(self.averages.values()), local_parts(self._weights.values())
        if step < self.warmup_steps:
            torch._foreach_copy_(averages, weights)
        else:
            torch._foreach_lerp_(averages, weights, 1 - self.decay)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """The model has the averages inside and its own weights again after, to the bit.

        Values are exchanged in place, because a wrapped or compiled model knows its weights by their addresses.
        """
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        averages, weights = local_parts(self.averages.values()), local_parts(self._weights.values())
        for average, weight in zip(averages, weights, strict=True):
            kept = weight.clone()
            weight.copy_(average)
            average.copy_(kept)
