"""A split is arithmetic, so it is checked by counting."""

import re

import pytest
from hypothesis import given
from hypothesis.strategies import integers, none

from harness.launch import Refused
from harness.split import split_batch


@given(num_processes=integers(1, 8), micro_batch_size=integers(1, 9), num_micro_batches=integers(1, 6))
def test_the_slots_of_all_ranks_tile_the_batch_in_order(
    num_processes: int, micro_batch_size: int, num_micro_batches: int
) -> None:
    batch_size = num_processes * micro_batch_size * num_micro_batches
    split = split_batch(batch_size=batch_size, num_processes=num_processes, micro_batch_size=micro_batch_size)
    assert [
        slot * micro_batch_size + place
        for rank in range(num_processes)
        for slot in split.slots(rank)
        for place in range(micro_batch_size)
    ] == list(range(batch_size))


@given(num_processes=integers(1, 8), share=integers(1, 50))
def test_without_a_micro_batch_size_a_process_takes_its_share_at_once(num_processes: int, share: int) -> None:
    split = split_batch(batch_size=num_processes * share, num_processes=num_processes)
    assert (split.micro_batch_size, split.num_micro_batches) == (share, 1)


@given(batch_size=integers(1, 200), num_processes=integers(1, 9), micro_batch_size=none() | integers(1, 17))
def test_a_batch_splits_or_the_refusal_names_numbers_that_do(
    batch_size: int, num_processes: int, micro_batch_size: int | None
) -> None:
    divides = batch_size % (num_processes * (micro_batch_size or 1)) == 0
    try:
        split_batch(batch_size=batch_size, num_processes=num_processes, micro_batch_size=micro_batch_size)
    except Refused as refused:
        assert not divides
        what, mend = str(refused).split("\n  help: ")
        assert str(batch_size) in what
        sizes, _, counts = mend.partition(";")
        other_sizes = [int(number) for number in re.findall(r"\d+", sizes)]
        assert other_sizes
        for size in other_sizes:
            split_batch(batch_size=size, num_processes=num_processes, micro_batch_size=micro_batch_size)
        for number in re.findall(r"\d+", counts):
            split_batch(batch_size=batch_size, num_processes=int(number), micro_batch_size=micro_batch_size)
    else:
        assert divides


def test_the_refusal_names_the_nearest_sizes() -> None:
    with pytest.raises(Refused, match=r"batch_size = 7 does not split over 2 processes\n.* 6 or 8 would split"):
        split_batch(batch_size=7, num_processes=2)
    with pytest.raises(Refused, match=r"over 1 process with micro-batches of 8\n.* batch_size 8 or 16 would split$"):
        split_batch(batch_size=12, num_processes=1, micro_batch_size=8)
