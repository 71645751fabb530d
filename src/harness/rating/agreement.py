"""Whether votes mean anything: sides, repeats, other raters, the automatic metric.

statsmodels has Cohen's kappa; Krippendorff's alpha, for any number of raters who need not have rated the same pairs, it
has not.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.comparison.intervals import CONFIDENCE
from harness.rating.tally import Vote
from harness.rating.votes import Choice

BIASED = 0.01  # p below which a rater is said to lean to one side: of 100 careful ones it names one


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many of how many, with Wilson's interval; NaN for none."""

    hits: int
    total: int
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Sides:
    """How often a rater pressed left and right, and how often chance alone would lean as much."""

    left: int
    right: int
    p: float

    @property
    def is_biased(self) -> bool:
        """Whether this is more than chance."""
        return self.p < BIASED


@dataclass(frozen=True, kw_only=True)
class Kappa:
    """Cohen's kappa of two raters over the pairs that both rated: 1 is full agreement, 0 is that of chance."""

    raters: tuple[str, str]
    value: float  # NaN where both always pressed the same
    low: float
    high: float
    same: Share


def share(hits: int, total: int) -> Share:
    """A share with its interval."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(hits, total, alpha=1 - CONFIDENCE, method="wilson") if total else (math.nan,) * 2
    return Share(hits=hits, total=total, low=float(low), high=float(high))


def sides(presses: Sequence[Choice]) -> Sides:
    """The balance of left and right. Each run stood on the left as often as the other, so it should be even."""
    from scipy.stats import binomtest

    left, right = presses.count("left"), presses.count("right")
    return Sides(left=left, right=right, p=float(binomtest(left, left + right).pvalue) if left + right else 1.0)


def steadiness(repeats: Sequence[tuple[Vote, Vote]]) -> Share:
    """How many hidden repeats got the same answer, with sides swapped."""
    return share(sum(first.score == again.score for first, again in repeats), len(repeats))


def kappa(name: str, votes: Mapping[str, Vote], other_name: str, others: Mapping[str, Vote]) -> Kappa | None:
    """Cohen's kappa of two raters over three answers: A, neither, B. None when they share no pair."""
    import numpy as np
    from statsmodels.stats.inter_rater import cohens_kappa

    both = [key for key in votes if key in others]
    if not both:
        return None
    table = np.zeros((3, 3))
    for key in both:
        table[int(2 * votes[key].score), int(2 * others[key].score)] += 1
    same = share(int(np.trace(table)), len(both))
    is_constant = table.sum(0).max() == table.sum() and table.sum(1).max() == table.sum()
    found = None if is_constant else cohens_kappa(table)
    value, low, high = (found.kappa, found.kappa_low, found.kappa_upp) if found else (math.nan,) * 3
    return Kappa(raters=(name, other_name), value=float(value), low=max(-1.0, low), high=min(1.0, high), same=same)


def alpha(by_rater: Mapping[str, Mapping[str, object]]) -> float:
    """Krippendorff's alpha of nominal answers: 1 - disagreement seen / disagreement by chance (Krippendorff 2011).

    NaN where fewer than two answers meet on any pair, or all are the same.
    """
    units: dict[str, list[object]] = {}
    for answers in by_rater.values():
        for name, answer in answers.items():
            units.setdefault(name, []).append(answer)
    paired = [answers for answers in units.values() if len(answers) > 1]
    total = sum(map(len, paired))
    counts = Counter(answer for answers in paired for answer in answers)
    seen = sum(_num_differing(Counter(answers)) / (len(answers) - 1) for answers in paired)
    by_chance = _num_differing(counts) / (total - 1) if total > 1 else 0.0
    return 1 - seen / by_chance if by_chance else math.nan


def with_metric(scores: Mapping[str, float], a: Mapping[str, float], b: Mapping[str, float], *, higher: bool) -> Share:
    """On how many of the pairs where people and a metric both prefer a side they prefer the same."""
    sign = 1 if higher else -1
    both = [
        (score - 0.5) * (b[name] - a[name]) * sign
        for name, score in scores.items()
        if name in a and name in b and score != 0.5 and a[name] != b[name]
    ]
    return share(sum(product > 0 for product in both), len(both))


def _num_differing(counts: Counter[object]) -> int:
    """Ordered pairs of answers that are not the same."""
    total = counts.total()
    return total * total - sum(count * count for count in counts.values())
