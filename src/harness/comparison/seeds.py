"""Noise between runs of one experiment, which the items of an eval cannot show: groups of seeds against each other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.comparison.intervals import CONFIDENCE, POWER, Interval, t_interval

MOST_SEEDS = 1_000  # the search for how many are needed ends here


@dataclass(frozen=True, kw_only=True)
class SeedNoise:
    """A metric over the seeds of two experiments. `p` is of equal means (Welch 1947); NaN with fewer than two seeds."""

    a: Interval
    b: Interval
    p: float
    num_seeds_needed: int | None  # of each, for the difference seen; None where it cannot be known or is huge


def compare_seeds(a: Sequence[float], b: Sequence[float]) -> SeedNoise:
    """The metric of every run of both experiments; one run each says nothing about the noise between runs."""
    from scipy.stats import ttest_ind

    enough = len(a) > 1 and len(b) > 1
    p = float(ttest_ind(a, b, equal_var=False).pvalue) if enough and len({*a, *b}) > 1 else math.nan
    return SeedNoise(
        a=t_interval(list(a)), b=t_interval(list(b)), p=p, num_seeds_needed=_num_seeds_needed(a, b) if enough else None
    )


def _num_seeds_needed(a: Sequence[float], b: Sequence[float]) -> int | None:
    from statistics import fmean, variance

    from statsmodels.stats.power import TTestIndPower

    spread = math.sqrt((variance(a) + variance(b)) / 2)
    if spread == 0 or fmean(a) == fmean(b):
        return None
    effect = abs(fmean(a) - fmean(b)) / spread
    power_of = TTestIndPower().power
    counts = (count for count in range(2, MOST_SEEDS) if power_of(effect, count, 1 - CONFIDENCE) >= POWER)
    return next(counts, None)
