"""The batches of the next steps, made by a thread while the device computes: the same ones in the same order.

What a batch holds is a function of the step (of the state before it, for a stream), so the thread may run ahead as far
as it likes and nothing of it is saved. It makes no random number and touches no weight.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch

from harness.job import Batch, Examples, ExampleStream, Job
from harness.launch import Refused
from harness.order import Order
from harness.split import Split

JOIN_SECONDS = 5.0  # a thread that hangs in a read of a dead disk is left to the end of the process


@dataclass(frozen=True, kw_only=True)
class Made:
    """One rank's part of one step, on the CPU (in pinned memory for an accelerator)."""

    micro_batches: dict[int, Batch]  # by global slot
    num_targets: int
    part_targets: tuple[int, ...] = ()  # the same, for each part of a mixture
    data_state: dict[str, Any] = field(default_factory=dict)  # of a stream, after this step


class Batches:
    """The micro-batches of one rank, one step after the other; `prefetch_steps` of the job are made ahead."""

    def __init__(self, job: Job, split: Split, *, rank: int, device: torch.device) -> None:
        self._job, self._split, self._slots = job, split, split.slots(rank)
        self._pinned = device.type == "cuda"
        self._order: Order | None = None
        self._stream: ExampleStream | None = None
        if isinstance(job.examples, ExampleStream):
            self._stream = job.examples
        else:
            self._indexed: Examples = job.examples
            self._order = Order(
                seed=job.seed, num_examples=len(job.examples), batch_size=job.batch_size, parts=job.parts
            )
        self.part_names = [part.name for part in job.parts]
        self._ends = np.cumsum([part.num_examples for part in job.parts])
        self._thread: threading.Thread | None = None
        self._ready: deque[Made | BaseException] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._data_state: dict[str, Any] = {}

    def start(self, *, step: int, data_state: dict[str, Any]) -> None:
        """From here on batches are taken, first that of `step`; `data_state` is what a stream had come to."""
        assert self._thread is None, "started twice"
        self._data_state = data_state
        if self._job.prefetch_steps and step < self._job.num_steps:
            self._thread = threading.Thread(target=self._run_ahead, args=(step,), name="prefetch", daemon=True)
            self._thread.start()

    def take(self, step: int) -> tuple[Made, float]:
        """The batch of the next step, and the seconds waited for it. Raises what making it raised."""
        started = time.perf_counter()
        if self._thread is None:
            made: Made | BaseException = self.make(step, self._data_state)
        else:
            with self._changed:
                while not self._ready:
                    self._changed.wait()
                made = self._ready.popleft()
                if len(self._ready) <= self._job.prefetch_steps // 2:  # wakes the thread for several steps at once
                    self._changed.notify()
        if isinstance(made, BaseException):
            raise made
        self._data_state = made.data_state
        return made, time.perf_counter() - started

    def make(self, step: int, data_state: dict[str, Any]) -> Made:
        """The batch of one step, now. Raises Refused for data that cannot be read or used."""
        try:
            return self._make(step, data_state)
        except (OSError, ValueError) as error:
            raise Refused(f"data: the batch of step {step + 1} cannot be made: {error}") from error

    def close(self) -> None:
        """Ends the thread; what it had made ahead is dropped."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run_ahead(self, step: int) -> None:
        data_state = self._data_state
        made: Made | BaseException
        while step < self._job.num_steps:
            try:
                made = self.make(step, data_state)
                data_state = made.data_state
            except BaseException as error:  # noqa: BLE001 - raised again where the batch is needed
                made = error
            with self._changed:
                self._ready.append(made)
                self._changed.notify()
                while len(self._ready) >= self._job.prefetch_steps and not self._is_closed:
                    self._changed.wait()
                if self._is_closed or isinstance(made, BaseException):
                    return
            step += 1

    def _make(self, step: int, data_state: dict[str, Any]) -> Made:
        job, size = self._job, self._split.micro_batch_size
        micro_batches: dict[int, Batch] = {}
        part_targets = [0] * len(job.parts)
        if self._stream is not None:
            whole, data_state = self._stream.read(data_state, job.batch_size)
            for slot in self._slots:
                micro_batches[slot] = tuple(part[slot * size : (slot + 1) * size] for part in whole)
        else:
            assert self._order is not None
            indices, epochs = self._order.at(step)
            for slot in self._slots:
                here = slice(slot * size, (slot + 1) * size)
                micro_batches[slot] = self._indexed.batch(indices[here], epochs[here])
                if job.parts:
                    self._count_parts(part_targets, micro_batches[slot], indices[here])
        num_targets = sum(job.num_targets(batch) for batch in micro_batches.values())
        if self._pinned:
            micro_batches = {slot: tuple(part.pin_memory() for part in batch) for slot, batch in micro_batches.items()}
        return Made(
            micro_batches=micro_batches,
            num_targets=num_targets,
            part_targets=tuple(part_targets),
            data_state=data_state,
        )

    def _count_parts(
        self, part_targets: list[int], batch: Batch, indices: "np.ndarray[Any, np.dtype[np.int64]]"
    ) -> None:
        """Adds the targets of each example to those of the part that it comes from."""
        numbers = np.searchsorted(self._ends, indices, side="right")
        for number in np.unique(numbers):
            rows = torch.from_numpy(numbers == number)
            part_targets[number] += self._job.num_targets(tuple(part[rows] for part in batch))
