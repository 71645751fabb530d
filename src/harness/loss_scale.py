"""Keeps the small gradients of fp16: the loss is scaled up before the backward pass, and the gradients down after it.

Micikevicius et al. 2018, with the rule and the numbers of torch.amp.GradScaler. It stands here again because the loop
knows already, alike on every rank and for sharded gradients, whether a gradient is finite: a scaler that asks for
itself asks each rank about its own shard alone. And its state is two numbers, not a pickle.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

GROWTH = 2.0
BACKOFF = 0.5
GROWTH_INTERVAL_STEPS = 2000
SMALLEST_SCALE = 1.0  # a gradient that overflows unscaled is not the scale's fault


@dataclass(kw_only=True)
class LossScale:
    """The factor on the loss. It halves when a gradient overflows and doubles after 2000 steps in a row without."""

    scale: float = 65536.0
    steps_since_change: int = 0

    def unscale(self, gradients: Sequence[Tensor]) -> None:
        """Divides the gradients, in place; an overflow stays one."""
        torch._foreach_mul_(list(gradients), 1 / self.scale)

    def grow(self) -> None:
        """After a step with a finite gradient."""
        self.steps_since_change += 1
        if self.steps_since_change == GROWTH_INTERVAL_STEPS:
            self.scale, self.steps_since_change = self.scale * GROWTH, 0

    def back_off(self) -> bool:
        """After an overflow: False when the scale is as small as it gets, so that something else must be wrong."""
        if self.scale <= SMALLEST_SCALE:
            return False
        self.scale, self.steps_since_change = self.scale * BACKOFF, 0
        return True

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, for `set_state`."""
        return asdict(self)

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self.scale, self.steps_since_change = float(state["scale"]), int(state["steps_since_change"])
