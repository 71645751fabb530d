"""Per-step numbers: kept on the device, reduced over ranks once per interval, written one row a step."""

import math
import time

import torch
from torch import Tensor

from harness.ranks import Ranks
from harness.run_directory import RunDirectory


class StepMetrics:
    """Collects the numbers of each step until `flush`.

    Reductions: train/loss is a sum over ranks (each holds its part of the step's mean); train/grad_norm, train/lr and
    train/tokens are the same on every rank by construction; train/step_seconds is the main process's own clock.
    """

    def __init__(self) -> None:
        self._steps: list[dict[str, float]] = []
        self._loss_shares: list[Tensor] = []
        self._last_time = time.perf_counter()

    def restart_clock(self) -> None:
        """Leaves the time since the last step (an eval, a checkpoint) out of the next step's time."""
        self._last_time = time.perf_counter()

    def add(self, loss_share: Tensor, **values: float) -> None:
        """Adds one step. `values` must be equal on all ranks."""
        now = time.perf_counter()
        self._loss_shares.append(loss_share)
        self._steps.append({"step_seconds": now - self._last_time, **values})
        self._last_time = now

    def flush(self, ranks: Ranks, run: RunDirectory | None) -> dict[str, float]:
        """Reduces and writes what was collected; returns the interval's means on every rank. All ranks."""
        if not self._steps:
            return {}
        losses = ranks.sum(torch.stack(self._loss_shares)).tolist()
        if run is not None:
            for values, loss in zip(self._steps, losses, strict=True):
                step = int(values["step"])
                named = {f"train/{key}": value for key, value in values.items() if key != "step"}
                run.record_step(step, {"train/loss": loss, **named})
        seconds = math.fsum(values["step_seconds"] for values in self._steps)
        tokens = math.fsum(values["tokens"] for values in self._steps)
        means = {
            "loss": math.fsum(losses) / len(losses),
            "tokens_per_second": tokens / seconds,
            "lr": self._steps[-1]["lr"],
        }
        self._steps, self._loss_shares = [], []
        return means
