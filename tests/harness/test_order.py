"""The order of examples against its definition, a second implementation, and itself as it always was."""

import hashlib
import struct
from itertools import count, islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, text

from harness.order import MIXTURE_SLOTS, Order, Part, example_at, permute, shares_of

WORD = 2**64 - 1


def splitmix64_finalizer(word: int) -> int:
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & WORD
    return word ^ word >> 31


def permuted_one_by_one(position: int, size: int, key: str) -> int:
    """The same network in whole numbers of Python, one position at a time."""
    half = next(1 << bits for bits in count(1) if 4**bits >= size)
    round_keys = struct.unpack("<6Q", hashlib.blake2b(key.encode(), digest_size=48).digest())
    value = position
    while True:
        left, right = divmod(value, half)
        for round_key in round_keys:
            left, right = right, left ^ splitmix64_finalizer(right ^ round_key) % half
        value = left * half + right
        if value < size:
            return value


@given(size=integers(1, 5000), key=text(max_size=8))
def test_a_permutation_of_any_size_is_one_to_one(size: int, key: str) -> None:
    assert sorted(permute(np.arange(size), size, key)) == list(range(size))


def test_the_permutation_of_every_size_to_300_is_one_to_one() -> None:
    for size in range(1, 301):
        assert sorted(permute(np.arange(size), size, "k")) == list(range(size)), size


@given(size=integers(1, 2**40), start=integers(0, 2**40), key=text(max_size=8))
def test_a_second_implementation_agrees(size: int, start: int, key: str) -> None:
    positions = [(start + 977 * place) % size for place in range(4)]
    assert permute(np.array(positions), size, key).tolist() == [permuted_one_by_one(p, size, key) for p in positions]


@settings(max_examples=15)
@given(num_examples=integers(1, 60), batch_size=integers(1, 70), seed=integers(0, 2**32))
def test_each_epoch_visits_each_example_once(num_examples: int, batch_size: int, seed: int) -> None:
    order = Order(seed=seed, num_examples=num_examples, batch_size=batch_size)
    slots = ((i, e) for step in count() for i, e in zip(*order.at(step), strict=True))
    for epoch in range(3):
        seen = list(islice(slots, num_examples))
        assert sorted(seen) == [(index, epoch) for index in range(num_examples)]


@pytest.mark.parametrize(("num_examples", "batch_size"), [(1000, 3), (100, 4096), (50_000, 5000), (50_000, 3), (7, 1)])
def test_a_step_is_the_same_whichever_step_was_asked_for_before(num_examples: int, batch_size: int) -> None:
    steps = [0, 4095, 4096, 4097, 1365, 1364, 1366, 2, 1, 8191, 8192, 0]
    order = Order(seed=5, num_examples=num_examples, batch_size=batch_size)
    for step in steps:
        slots = np.arange(step * batch_size, (step + 1) * batch_size)
        expected = example_at(slots, num_examples, seed=5)
        for got, wanted in zip(order.at(step), expected, strict=True):
            assert got.tolist() == wanted.tolist(), step


def test_the_order_never_changes() -> None:
    """Golden values: every recorded run relies on them. They were confirmed by `permuted_one_by_one`."""
    assert permute(np.arange(10), 10, "1/order/0").tolist() == [0, 7, 2, 3, 8, 1, 5, 4, 6, 9]
    assert permute(np.arange(10), 10, "1/order/1").tolist() == [6, 8, 7, 9, 0, 3, 4, 5, 2, 1]
    order = Order(seed=1234, num_examples=1_000_000, batch_size=4)
    assert [row.tolist() for row in order.at(0)] == [[589690, 329517, 360111, 246631], [0, 0, 0, 0]]
    assert [row.tolist() for row in order.at(249_999)] == [[109865, 473100, 159809, 529482], [0, 0, 0, 0]]
    assert [row.tolist() for row in order.at(250_000)] == [[837420, 506466, 692430, 361162], [1, 1, 1, 1]]


def test_over_many_epochs_each_place_sees_each_example_about_equally_often() -> None:
    size, num_epochs = 16, 2000
    indices, epochs = example_at(np.arange(size * num_epochs), size, seed=1)
    assert epochs[-1] == num_epochs - 1
    seen = np.zeros((size, size))
    np.add.at(seen, (np.arange(size * num_epochs) % size, indices), 1)
    mean = num_epochs / size
    chi_square = ((seen - mean) ** 2 / mean).sum()
    freedom = (size - 1) ** 2
    assert abs(chi_square - freedom) < 4 * (2 * freedom) ** 0.5  # four standard deviations


def test_no_examples_have_no_order() -> None:
    with pytest.raises(ValueError, match="no examples"):
        Order(seed=1, num_examples=0, batch_size=1)


PARTS = [
    Part(name="large", num_examples=5000, weight=5.0),
    Part(name="small", num_examples=70, weight=2.0),
    Part(name="rare", num_examples=900, weight=0.01),
]


def mixed(parts: list[Part], *, batch_size: int, num_steps: int, seed: int = 3) -> tuple[list[int], list[int]]:
    order = Order(seed=seed, num_examples=sum(p.num_examples for p in parts), batch_size=batch_size, parts=parts)
    steps = [order.at(step) for step in range(num_steps)]
    return [int(i) for indices, _ in steps for i in indices], [int(e) for _, epochs in steps for e in epochs]


def test_every_part_of_a_mixture_has_its_share_of_each_block() -> None:
    indices, _ = mixed(PARTS, batch_size=64, num_steps=3 * MIXTURE_SLOTS // 64)
    for block in range(3):
        here = np.array(indices[block * MIXTURE_SLOTS : (block + 1) * MIXTURE_SLOTS])
        counts = [int(((here >= first) & (here < end)).sum()) for first, end in ((0, 5000), (5000, 5070), (5070, 5970))]
        assert counts == shares_of(PARTS)
        assert sum(counts) == MIXTURE_SLOTS
        for num_slots, weight in zip(counts, (5.0, 2.0, 0.01), strict=True):
            assert abs(num_slots - weight / 7.01 * MIXTURE_SLOTS) < 1


def test_every_part_of_a_mixture_shows_each_example_once_in_each_epoch_of_its_own() -> None:
    indices, epochs = mixed(PARTS, batch_size=64, num_steps=2 * MIXTURE_SLOTS // 64)
    seen = [(index, epoch) for index, epoch in zip(indices, epochs, strict=True) if 5000 <= index < 5070]
    assert len(seen) == len(set(seen))
    whole = {epoch for _, epoch in seen if (sum(e == epoch for _, e in seen)) == 70}
    assert len(whole) >= len(seen) // 70 - 1, "all epochs but the last are whole"


def test_the_order_of_a_mixture_does_not_depend_on_how_it_is_cut_into_steps() -> None:
    assert mixed(PARTS, batch_size=48, num_steps=100) == mixed(PARTS, batch_size=600, num_steps=8)
    assert mixed(PARTS, batch_size=48, num_steps=100) != mixed(PARTS, batch_size=48, num_steps=100, seed=4)


def test_a_part_keeps_its_own_order_whatever_the_others_are() -> None:
    def of_the_first(parts: list[Part]) -> set[int]:
        indices, epochs = mixed(parts, batch_size=64, num_steps=MIXTURE_SLOTS // 64)
        return {index for index, epoch in zip(indices, epochs, strict=True) if index < 5000 and epoch == 0}

    other = [PARTS[0], Part(name="other", num_examples=11, weight=5.0)]
    fewer, more = sorted([of_the_first(PARTS), of_the_first(other)], key=len)
    assert fewer < more, "more of the same order"


def test_a_weight_too_small_to_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="rare has less than 1/4096"):
        shares_of([PARTS[0], Part(name="rare", num_examples=9, weight=1e-4)])
