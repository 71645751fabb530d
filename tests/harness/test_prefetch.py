"""Batches made ahead against batches made when they are due: the same bits, errors in their place, no thread left."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from harness.job import Batch, Job
from harness.launch import Refused
from harness.order import Order, Part
from harness.prefetch import Batches, Made
from harness.split import split_batch

MakeJob = Callable[..., Job]
NUM_STEPS = 8


class Counting:
    """A stream of whole numbers; the state is the next one."""

    def __init__(self, *, fails_at: int | None = None) -> None:
        self.fails_at = fails_at

    def read(self, state: dict[str, Any], num_examples: int) -> tuple[Batch, dict[str, Any]]:
        first = state.get("next", 0)
        if self.fails_at is not None and first >= self.fails_at:
            raise OSError("the disk is gone")
        numbers = torch.arange(first, first + num_examples)[:, None]
        return (numbers, numbers), {"next": first + num_examples}


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Whatever a test does, the threads after it are those before it."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def batches_of(job: Job, *, rank: int = 0, num_processes: int = 1) -> Batches:
    split = split_batch(batch_size=job.batch_size, num_processes=num_processes, micro_batch_size=job.micro_batch_size)
    return Batches(job, split, rank=rank, device=torch.device("cpu"))


def taken(job: Job, *, first: int = 0, data_state: dict[str, Any] | None = None, rank: int = 0) -> list[Made]:
    with batches_of(job, rank=rank, num_processes=2) as batches:
        batches.start(step=first, data_state=data_state or {})
        return [batches.take(step)[0] for step in range(first, NUM_STEPS)]


def as_data(made: list[Made]) -> list[Any]:
    return [
        ({slot: [part.tolist() for part in batch] for slot, batch in one.micro_batches.items()}, one.num_targets)
        for one in made
    ]


@pytest.mark.parametrize("prefetch_steps", [1, 2, 7, 100])
@pytest.mark.parametrize("first", [0, 3, NUM_STEPS])
def test_batches_made_ahead_are_those_of_the_order(make_job: MakeJob, prefetch_steps: int, first: int) -> None:
    job = make_job(micro_batch_size=1, prefetch_steps=prefetch_steps)
    order = Order(seed=3, num_examples=10, batch_size=4)
    for rank in (0, 1):
        expected = []
        for step in range(first, NUM_STEPS):
            indices, epochs = order.at(step)
            own = {s: job.examples.batch(indices[s : s + 1], epochs[s : s + 1]) for s in (2 * rank, 2 * rank + 1)}  # type: ignore[union-attr]
            num_targets = sum(int((targets != -1).sum()) for _, targets in own.values())
            expected.append(({slot: [part.tolist() for part in batch] for slot, batch in own.items()}, num_targets))
        assert as_data(taken(job, first=first, rank=rank)) == expected


@pytest.mark.parametrize("prefetch_steps", [0, 3])
def test_a_stream_goes_on_from_the_state_after_the_last_batch_taken(make_job: MakeJob, prefetch_steps: int) -> None:
    job = make_job(examples=Counting(), prefetch_steps=prefetch_steps, num_targets=lambda batch: batch[1].numel())
    made = taken(job)
    numbers = [one.micro_batches[0][0].flatten().tolist() for one in made]
    assert numbers == [[4 * step, 4 * step + 1] for step in range(NUM_STEPS)], "rank 0 of 2 has the first half"
    assert made[2].data_state == {"next": 12}, "and nothing of what was read ahead"
    assert as_data(taken(job, first=3, data_state=made[2].data_state)) == as_data(made[3:])
    other = [one.micro_batches[1][0].flatten().tolist() for one in taken(job, rank=1)]
    assert other == [[4 * step + 2, 4 * step + 3] for step in range(NUM_STEPS)]


@pytest.mark.parametrize("prefetch_steps", [0, 1, 5])
def test_an_error_is_raised_at_the_step_that_needs_the_batch(make_job: MakeJob, prefetch_steps: int) -> None:
    job = make_job(examples=Counting(fails_at=12), prefetch_steps=prefetch_steps, num_targets=lambda _batch: 1)
    with batches_of(job) as batches:
        batches.start(step=0, data_state={})
        for step in range(3):
            batches.take(step)
        with pytest.raises(Refused, match="the batch of step 4 cannot be made: the disk is gone"):
            batches.take(3)


def test_no_more_is_made_ahead_than_was_asked_for_and_nothing_after_the_last_step(make_job: MakeJob) -> None:
    made: list[int] = []

    class Noted:
        def __len__(self) -> int:
            return 10

        def batch(self, indices: npt.NDArray[np.int64], _epochs: npt.NDArray[np.int64]) -> Batch:
            made.append(len(made))
            return (torch.from_numpy(indices),)

    job = make_job(examples=Noted(), prefetch_steps=3, num_targets=lambda _batch: 1)
    with batches_of(job) as batches:
        batches.start(step=0, data_state={})
        deadline = time.monotonic() + 20
        while len(made) < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.02)
        assert len(made) == 3
        for step in range(NUM_STEPS):
            batches.take(step)
    assert len(made) == NUM_STEPS


def test_the_seconds_waited_are_those_that_making_took(make_job: MakeJob) -> None:
    class Slow(Counting):
        def read(self, state: dict[str, Any], num_examples: int) -> tuple[Batch, dict[str, Any]]:
            time.sleep(0.05)
            return super().read(state, num_examples)

    job = make_job(examples=Slow(), prefetch_steps=2, num_targets=lambda _batch: 1)
    with batches_of(job) as batches:
        batches.start(step=0, data_state={})
        assert batches.take(0)[1] >= 0.04
        time.sleep(0.5)
        assert batches.take(1)[1] < 0.04


def test_the_targets_of_each_part_of_a_mixture_are_counted(make_job: MakeJob) -> None:
    parts = [Part(name="a", num_examples=4, weight=3.0), Part(name="b", num_examples=6, weight=1.0)]
    job = make_job(parts=parts, micro_batch_size=2)
    order = Order(seed=3, num_examples=10, batch_size=4, parts=parts)
    for rank in (0, 1):
        for step, made in enumerate(taken(job, rank=rank)):
            own = slice(2 * rank, 2 * rank + 2)
            indices, epochs = (numbers[own] for numbers in order.at(step))
            counts = [0, 0]
            for index, epoch in zip(indices, epochs, strict=True):
                counts[int(index >= 4)] += 1 + (index * 3 + epoch) % 7  # as the examples of the test are ragged
            assert list(made.part_targets) == counts
            assert made.num_targets == sum(counts)
