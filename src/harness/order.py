"""Which example sits in which slot of which step: a pure function of (seed, step) for any number of processes.

A keyed Feistel network permutes the examples of each epoch without storing the permutation, so any step of any epoch
is found at once and nothing about the order is ever saved.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

NUM_ROUNDS = 6
BLOCK_SLOTS = 4096  # slots computed at once: about 1 us a slot alone, 0.1 us in a block
MAX_WALK = 1000  # a walk longer than this has probability below 0.75 ** 1000
MIXTURE_SLOTS = 4096  # of which every part has its share exactly; shares are rounded to 1 / MIXTURE_SLOTS


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a mixture: the next `num_examples` of the examples, drawn as often as its weight says."""

    name: str
    num_examples: int
    weight: float


class Order:
    """The order of one run over `num_examples` examples in steps of `batch_size`."""

    def __init__(self, *, seed: int, num_examples: int, batch_size: int, parts: Sequence[Part] = ()) -> None:
        if num_examples < 1:
            raise ValueError("there are no examples to order")
        self._example_at = (
            partial(mixed_example_at, parts=parts, seed=seed)
            if parts
            else partial(example_at, num_examples=num_examples, seed=seed)
        )
        self.seed, self.num_examples, self.batch_size = seed, num_examples, batch_size
        self._steps_per_block = max(1, min(BLOCK_SLOTS, num_examples) // batch_size)  # an epoch costs 0.2 ms or more
        self._block_number, self._block = -1, (np.empty(0, np.int64), np.empty(0, np.int64))

    def at(self, step: int) -> tuple[Int64, Int64]:
        """(indices, epochs), both [batch_size]: the examples of a step, and the epoch each is seen in."""
        number, offset = divmod(step, self._steps_per_block)
        if number != self._block_number:
            num_slots = self._steps_per_block * self.batch_size
            self._block = self._example_at(np.arange(number * num_slots, (number + 1) * num_slots))
            self._block_number = number
        indices, epochs = self._block
        here = slice(offset * self.batch_size, (offset + 1) * self.batch_size)
        return indices[here], epochs[here]


def example_at(slots: Int64, num_examples: int, seed: int | str) -> tuple[Int64, Int64]:
    """The example and the epoch of each global slot (slot = step * batch_size + place in the batch)."""
    epochs = slots // num_examples
    indices = np.empty_like(slots)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        indices[here] = permute(slots[here] % num_examples, num_examples, f"{seed}/order/{epoch}")
    return indices, epochs


def mixed_example_at(slots: Int64, parts: Sequence[Part], seed: int) -> tuple[Int64, Int64]:
    """As `example_at`, where the examples are those of several parts, one part after the other.

    Of each block of MIXTURE_SLOTS slots every part has the same number, at places that a permutation of the block
    says; a part's own order goes on from block to block, epoch by epoch of its own, whatever the other parts are.
    """
    counts = shares_of(parts)
    ends = np.cumsum(counts)
    firsts = np.cumsum([0, *(part.num_examples for part in parts)])
    blocks = slots // MIXTURE_SLOTS
    places = np.empty_like(slots)
    for block in np.unique(blocks):
        here = blocks == block
        places[here] = permute(slots[here] % MIXTURE_SLOTS, MIXTURE_SLOTS, f"{seed}/mixture/{block}")
    indices, epochs = np.empty_like(slots), np.empty_like(slots)
    for number, part in enumerate(parts):
        here = (places >= ends[number] - counts[number]) & (places < ends[number])
        own_slots = blocks[here] * counts[number] + places[here] - (ends[number] - counts[number])
        own_indices, epochs[here] = example_at(own_slots, part.num_examples, f"{seed}/{part.name}")
        indices[here] = firsts[number] + own_indices
    return indices, epochs


def shares_of(parts: Sequence[Part]) -> list[int]:
    """How many of MIXTURE_SLOTS slots each part has: its share by weight, rounded so that all are given away.

    Raises ValueError for a part that would have none.
    """
    total = sum(part.weight for part in parts)
    shares = [part.weight / total * MIXTURE_SLOTS for part in parts]
    counts = [int(share) for share in shares]
    by_rest = sorted(range(len(parts)), key=lambda number: (counts[number] - shares[number], number))
    for number in by_rest[: MIXTURE_SLOTS - sum(counts)]:
        counts[number] += 1
    for part, count in zip(parts, counts, strict=True):
        if count == 0:
            raise ValueError(f"{part.name} has less than 1/{MIXTURE_SLOTS} of the weight; leave it out or raise it")
    return counts


def permute(positions: Int64, size: int, key: str) -> Int64:
    """Sends [0, size) to itself, one to one: a balanced Feistel network (Luby and Rackoff 1988), cycle-walking.

    The network permutes [0, 4 ** k) with 4 ** k >= size; a value outside the range goes through again until it is in.
    """
    half_bits = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
    mask = np.uint64((1 << int(half_bits)) - 1)
    digest = hashlib.blake2b(key.encode(), digest_size=8 * NUM_ROUNDS).digest()
    round_keys = np.frombuffer(digest, dtype="<u8")
    values = positions.astype(np.uint64)
    outside = np.ones(len(values), dtype=bool)
    for _ in range(MAX_WALK):
        left, right = values[outside] >> half_bits, values[outside] & mask
        for round_key in round_keys:
            left, right = right, left ^ (_mix(right ^ round_key) & mask)
        values[outside] = (left << half_bits) | right
        outside = values >= size
        if not outside.any():
            return values.astype(np.int64)
    raise AssertionError(f"a walk over {size} examples did not end")


def _mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014): every input bit reaches every output bit."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
