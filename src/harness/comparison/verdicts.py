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

    corrected = multipletests([pair.p for pair, _ in pairs], alpha=1 - CONFIDENCE, method="holm")[1]
    return [_verdict(pair, higher, float(p)) for (pair, higher), p in zip(pairs, corrected, strict=True)]


def _verdict(pair: Paired, higher_is_better: bool, p: float) -> Verdict:
    difference = pair.difference
    if p <= 1 - CONFIDENCE and (difference.low > 0 or difference.high < 0):
        return Verdict(
            word="better" if (difference.mean > 0) == higher_is_better else "worse", p=p, num_items_needed=None
        )
    return Verdict(word="cannot tell", p=p, num_items_needed=_num_items_needed(pair))


def _num_items_needed(pair: Paired) -> int | None:
    """Items at which a difference as large as the one seen would be found in 80% of cases; None for none seen."""
    from scipy.stats import norm

    difference = pair.difference
    if not math.isfinite(difference.standard_error) or difference.mean == 0 or difference.standard_error == 0:
        return None
    reach = float(norm.ppf(0.5 + CONFIDENCE / 2) + norm.ppf(POWER))
    return max(
        difference.num_items + 1,
        math.ceil(difference.num_items * (reach * difference.standard_error / difference.mean) ** 2),
    )
