"""Which pair is shown when, and which run stands on the left: drawn once from a seed, then stored with the votes.

Each run is on the left as often as the other, to one. A tenth of the pairs come back later with sides swapped, among
pairs that are new, so that nobody can tell them from those. The standard library alone.
"""

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

REPEATED = 0.1
MAX_PAIRS = 1_000  # at one sitting

Side = Literal["a", "b"]


class Showing(NamedTuple):
    """One pair on the screen."""

    id: str
    left: Side  # the run that stands there

    @property
    def right(self) -> Side:
        """The other run."""
        return "b" if self.left == "a" else "a"


def schedule(ids: Sequence[str], *, seed: int) -> list[Showing]:
    """The ids in an order drawn from the seed, with repeats of the first half among the second."""
    random_ = random.Random(seed)
    order = list(ids)
    random_.shuffle(order)
    lefts: list[Side] = ["a" if index % 2 else "b" for index in range(len(order))]
    if random_.random() < 0.5:  # or an odd number of pairs would always favour A
        lefts = ["b" if left == "a" else "a" for left in lefts]
    random_.shuffle(lefts)
    shown = [Showing(name, left) for name, left in zip(order, lefts, strict=True)]
    half = len(shown) // 2
    repeats = random_.sample(shown[:half], min(half, num_repeats(len(shown))))
    later = shown[half:]
    for repeat in repeats:
        later.insert(random_.randint(1, len(later)), Showing(repeat.id, repeat.right))
    return shown[:half] + later


def num_repeats(num_pairs: int) -> int:
    """How many of so many pairs come twice: a tenth, rounded, and one at least where there are two."""
    return max(1, round(REPEATED * num_pairs)) if num_pairs > 1 else 0


def repeats_in(shown: Sequence[Showing]) -> list[bool]:
    """Whether each showing is of a pair that was there before."""
    seen: set[str] = set()
    found = []
    for showing in shown:
        found.append(showing.id in seen)
        seen.add(showing.id)
    return found
