"""Per-step numbers: kept on the device, reduced over ranks once per interval, written one row a step."""

import math
import time

import torch
from torch import Tensor

from harness.ranks import Ranks
from harness.run_directory import RunDirectory
from harness.throughput import memory_high_water, peak_flops


class StepMetrics:
    """Collects the numbers of each step until `flush`.

    Reductions: train/loss is a sum over ranks (each holds its part of the step's mean); train/grad_norm, train/lr and
    train/tokens are the same on every rank by construction; times are by the main process's own clock. The last row of
    an interval also has what is measured over all of it: train/tokens_per_second, train/data_wait_share,
    train/memory_bytes (the main process's high-water) and, for a device of known peak, train/mfu.
    """

    def __init__(self, *, flops_per_token: float | None = None) -> None:
        self._flops_per_token = flops_per_token
        self._steps: list[dict[str, float]] = []
        self._times: list[float] = []
        self._loss_shares: list[Tensor] = []
        self._last_time = time.perf_counter()
        self._num_steps = self._num_tokens = 0

    def restart_clock(self) -> None:
        """Leaves the time since the last step (an eval, a checkpoint) out of the next step's time."""
        self._last_time = time.perf_counter()

    def add(self, loss_share: Tensor, **values: float) -> None:
        """Adds one step. `values` must be equal on all ranks."""
        now = time.perf_counter()
        self._loss_shares.append(loss_share)
        self._times.append(time.time())
        self._steps.append({"step_seconds": round(now - self._last_time, 7), **values})
        self._last_time = now

    def flush(self, ranks: Ranks, run: RunDirectory | None) -> dict[str, float]:
        """Reduces and writes what was collected; returns the interval's means on every rank. All ranks."""
        if not self._steps:
            return {}
        losses = ranks.sum(torch.stack(self._loss_shares)).tolist()
        seconds = math.fsum(values["step_seconds"] for values in self._steps)
        tokens = math.fsum(values["tokens"] for values in self._steps)
        means = self._over_interval(seconds, tokens, ranks)
        self._steps[-1] |= means
        if run is not None:
            for values, loss, moment in zip(self._steps, losses, self._times, strict=True):
                step = int(values["step"])
                named = {f"train/{key}": value for key, value in values.items() if key != "step"}
                run.record_step(step, {"train/loss": loss, **named}, moment)
        self._num_steps += len(self._steps)
        self._num_tokens += int(tokens)
        if run is not None:
            step = int(self._steps[-1]["step"])
            run.note_progress(step=step, num_steps=self._num_steps, num_tokens=self._num_tokens)
        means |= {"loss": math.fsum(losses) / len(losses), "lr": self._steps[-1]["lr"]}
        self._steps, self._times, self._loss_shares = [], [], []
        return means

    def _over_interval(self, seconds: float, tokens: float, ranks: Ranks) -> dict[str, float]:
        waited = math.fsum(values.get("data_wait_seconds", 0.0) for values in self._steps)
        numbers = {
            "tokens_per_second": tokens / seconds,
            "data_wait_share": waited / seconds,
            "memory_bytes": memory_high_water(ranks.device),
        }
        peak = peak_flops(ranks.device)
        if self._flops_per_token is not None and peak is not None:
            numbers["mfu"] = tokens * self._flops_per_token / seconds / (peak * ranks.num_processes)
        return numbers
