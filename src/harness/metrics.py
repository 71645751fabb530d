"""Per-step numbers: kept on the device, reduced over ranks once per interval, written one row a step."""

import math
import time

import torch
from torch import Tensor

from harness.ranks import Ranks
from harness.run_directory import RunDirectory
from harness.throughput import memory_high_water


class StepMetrics:
    """Collects the numbers of each step until `flush`.

    Reductions: train/loss is a sum over ranks (each holds its part of the step's mean); train/data_wait_seconds is that
    of the rank that waited longest; train/grad_norm, train/lr and train/tokens are the same on every rank by
    construction; train/step_seconds is by the main process's clock, since all ranks meet in every step. The last row of
    an interval also has what is measured over all of it: train/tokens_per_second, train/data_wait_share,
    train/memory_bytes (the largest high-water of a rank) and, where work and peak are known, train/mfu.
    """

    def __init__(self, *, flops_per_token: float | None = None, peak_flops: float | None = None) -> None:
        self._flops_per_token, self._peak_flops = flops_per_token, peak_flops
        self._steps: list[dict[str, float]] = []
        self._times: list[float] = []
        self._waits: list[float] = []
        self._loss_shares: list[Tensor] = []
        self._last_time = time.perf_counter()
        self._num_steps = self._num_tokens = 0

    def restart_clock(self) -> None:
        """Leaves the time since the last step (an eval, a checkpoint) out of the next step's time."""
        self._last_time = time.perf_counter()

    def add(self, loss_share: Tensor, *, data_wait_seconds: float, **values: float) -> None:
        """Adds one step. `values` must be equal on all ranks."""
        now = time.perf_counter()
        self._loss_shares.append(loss_share)
        self._waits.append(data_wait_seconds)
        self._times.append(time.time())
        self._steps.append({"step_seconds": round(now - self._last_time, 7), **values})
        self._last_time = now

    def flush(self, ranks: Ranks, run: RunDirectory | None) -> dict[str, float]:
        """Reduces and writes what was collected; returns the interval's means on every rank. All ranks."""
        if not self._steps:
            return {}
        shares = torch.stack(self._loss_shares).tolist()
        gathered = ranks.gather_numbers(*shares, *self._waits, memory_high_water(ranks.device))
        losses = [sum(of_ranks) for of_ranks in gathered[: len(shares)]]
        *waits, memory_bytes = [max(of_ranks) for of_ranks in gathered[len(shares) :]]
        tokens = math.fsum(values["tokens"] for values in self._steps)
        means = self._rates(tokens, math.fsum(waits), ranks) | {"memory_bytes": int(memory_bytes)}
        self._steps[-1] |= means
        if run is not None:
            for values, loss, wait, moment in zip(self._steps, losses, waits, self._times, strict=True):
                step = int(values["step"])
                named = {f"train/{key}": value for key, value in values.items() if key != "step"}
                run.record_step(step, {"train/loss": loss, "train/data_wait_seconds": wait, **named}, moment)
        self._num_steps += len(self._steps)
        self._num_tokens += int(tokens)
        if run is not None:
            step = int(self._steps[-1]["step"])
            run.note_progress(step=step, num_steps=self._num_steps, num_tokens=self._num_tokens)
        means |= {"loss": sum(losses) / len(losses), "lr": self._steps[-1]["lr"]}
        self._steps, self._times, self._waits, self._loss_shares = [], [], [], []
        return means

    def _rates(self, tokens: float, waited: float, ranks: Ranks) -> dict[str, float]:
        """Over the interval; the peak is one process's."""
        seconds = math.fsum(values["step_seconds"] for values in self._steps)
        rates = {"tokens_per_second": tokens / seconds, "data_wait_share": waited / seconds}
        if self._flops_per_token is not None and self._peak_flops is not None:
            rates["mfu"] = tokens * self._flops_per_token / seconds / (self._peak_flops * ranks.num_processes)
        return rates
