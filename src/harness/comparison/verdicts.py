"""One of three words for each comparison, after a correction for how many were made: better, worse, cannot tell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.comparison.intervals import CONFIDENCE, POWER
from harness.comparison.paired import Paired

Word = Literal["better", "worse", "cannot tell"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What can be said of B against A. `p` is corrected; `num_items_needed` stands with "cannot tell" alone."""

    word: Word
    p: float
    num_items_needed: int | None


def verdicts(pairs: Sequence[tuple[Paired, bool]]) -> list[Verdict]:
    """A verdict for each (comparison, higher is better), Holm's correction over all of them (Holm 1979).

    Both must agree before a side is taken: the corrected test, and the interval, which must not hold 0.
    """
    if not pairs:
        return []
    from statsmodels.stats.multitest import multipletests

    raw = [pair.p for pair, _ in pairs]
    corrected = multipletests(raw, alpha=1 - CONFIDENCE, method="holm")[1]
    times = [len(raw) - sum(other < p for other in raw) for p in raw]  # what Holm's correction multiplies each p by
    return [_verdict(pair, higher, float(p), by) for (pair, higher), p, by in zip(pairs, corrected, times, strict=True)]


def _verdict(pair: Paired, higher_is_better: bool, p: float, times: int) -> Verdict:
    difference = pair.difference
    if p <= 1 - CONFIDENCE and (difference.low > 0 or difference.high < 0):
        return Verdict(
            word="better" if (difference.mean > 0) == higher_is_better else "worse", p=p, num_items_needed=None
        )
    return Verdict(word="cannot tell", p=p, num_items_needed=_num_items_needed(pair, times))


def _num_items_needed(pair: Paired, times: int) -> int | None:
    """Items at which a difference as large as the one seen would be found in 80% of cases; None where nothing says.

    Of so few items that their best p, 2 of all patterns of signs, is above the level, none is found however large.
    """
    from scipy.stats import norm

    difference, level = pair.difference, (1 - CONFIDENCE) / times
    if not math.isfinite(difference.standard_error) or difference.mean == 0:
        return None
    reach = float(norm.ppf(1 - level / 2) + norm.ppf(POWER))
    least = math.ceil(math.log2(2 / level)) / (difference.num_clusters or difference.num_items)
    scatter = (reach * difference.standard_error / difference.mean) ** 2
    return max(difference.num_items + 1, math.ceil(difference.num_items * max(least, scatter)))
