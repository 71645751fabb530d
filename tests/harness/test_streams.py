"""Seeds are promises to every run ever recorded: they never change."""

from itertools import product

import pytest

from harness.streams import stream_seed


# printf '1/noise/0/0' | b2sum -l 64   shifted right by one bit
@pytest.mark.parametrize(
    ("words", "digest"),
    [
        ((1, "init"), 0xC7552F2CD3EC1C10),
        ((1, "noise", 0, 0), 0xE3CC09AD4C7337F0),
        ((1, "noise", 12, 3), 0xD3986FA500A3FA87),
        ((4294967295, "samples"), 0x9381702EDEFFA8AE),
    ],
)
def test_a_seed_is_what_b2sum_says(words: tuple[int, str, *tuple[int, ...]], digest: int) -> None:
    assert stream_seed(*words) == digest >> 1


def test_seeds_of_neighbours_differ_and_fit_torch() -> None:
    seeds = {
        stream_seed(seed, stream, step, slot)
        for seed, stream, step, slot in product(range(8), ("init", "noise", "samples"), range(12), range(12))
    }
    assert len(seeds) == 8 * 3 * 12 * 12
    assert all(0 <= seed < 2**63 for seed in seeds)
