"""The batch of a step, and what all ranks agree on before they compute it: how many targets there are, whether to stop.

The agreement is one all-reduce of a few numbers, which takes two processes of one machine about a millisecond. So while
steps are short they are agreed on several at a time: as many as take AHEAD_SECONDS, no more than are prefetched, and
none beyond the next eval or save. A signal is followed that much later at most.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.job import Batch, Job
from harness.prefetch import Batches, Made
from harness.ranks import Ranks
from harness.stop import StopFlag

AHEAD_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """The micro-batches of this rank for one step, by global slot, and what all ranks agreed on before computing."""

    micro_batches: dict[int, Batch]
    num_targets: int  # over all ranks and micro-batches
    stop_asked: bool = False  # on any rank
    numbers: Mapping[str, float] = field(default_factory=dict)  # what the record says of the batch
    data_state: dict[str, Any] = field(default_factory=dict)  # of a stream, after this step


class _Agreed(NamedTuple):
    """A step that has not been fetched yet."""

    made: Made
    waited_seconds: float
    stop_asked: bool
    num_targets: list[int]  # over all ranks; then the same for each part of a mixture


class Fetching:
    """Takes the batches of this rank, step after step, and agrees with the other ranks. All ranks."""

    def __init__(self, job: Job, batches: Batches, ranks: Ranks, stop: StopFlag) -> None:
        self._job, self._batches, self._ranks, self._stop = job, batches, ranks, stop
        self._most_ahead = max(1, job.prefetch_steps) if ranks.num_processes > 1 else 1
        self._num_ahead = 1  # how many steps are agreed on next; the same on all ranks
        self._agreed: deque[_Agreed] = deque()
        self._last: tuple[int, float] | None = None  # of the last agreement: its first step, and when it was

    def fetch(self, step: int) -> Fetched:
        """This rank's examples of the next step, on the device. Raises what making a batch raised."""
        if not self._agreed:
            self._agree(range(step, min(step + self._num_ahead, self._next_pause(step))))
        made, waited_seconds, stop_asked, (num_targets, *part_targets) = self._agreed.popleft()
        assert num_targets > 0, f"the batch of step {step} holds nothing to learn from"
        numbers: dict[str, float] = {"tokens": num_targets, "data_wait_seconds": waited_seconds}
        numbers |= {f"tokens/{name}": num for name, num in zip(self._batches.part_names, part_targets, strict=True)}
        return Fetched(
            micro_batches=self._on_device(made.micro_batches),
            num_targets=num_targets,
            stop_asked=stop_asked,
            numbers=numbers,
            data_state=made.data_state,
        )

    def _agree(self, steps: range) -> None:
        proposed = self._propose(steps.start)
        taken = [self._batches.take(step) for step in steps]
        counts = [count for made, _ in taken for count in (made.num_targets, *made.part_targets)]
        num_stops, num_ahead, *sums = self._ranks.sum_counts(int(bool(self._stop)), proposed, *counts)
        self._num_ahead = num_ahead // self._ranks.num_processes
        width = len(sums) // len(taken)
        for number, (made, waited_seconds) in enumerate(taken):
            own = sums[number * width : (number + 1) * width]
            self._agreed.append(_Agreed(made, waited_seconds, stop_asked=num_stops > 0, num_targets=own))

    def _next_pause(self, step: int) -> int:
        """The first step after this one before which there is an eval, a save or the end."""
        intervals = (self._job.eval_every_steps, self._job.checkpoint_every_steps)
        return min(self._job.num_steps, *(step + every - step % every for every in intervals if every))

    def _propose(self, step: int) -> int:
        """How many steps this rank would agree on next, by what the last ones took."""
        last, self._last = self._last, (step, time.perf_counter())
        if last is None:
            return 1
        seconds = (self._last[1] - last[1]) / (step - last[0])
        return min(self._most_ahead, max(1, int(AHEAD_SECONDS / seconds)))

    def _on_device(self, micro_batches: dict[int, Batch]) -> dict[int, Batch]:
        device = self._ranks.device
        if device.type == "cpu":
            return micro_batches
        return {
            slot: tuple(part.to(device, non_blocking=True) for part in batch) for slot, batch in micro_batches.items()
        }
