"""Two runs on the same items: the mean difference with its interval, and how often chance alone would do as much.

Pairing is worth a lot: at 1,000 items whose scores correlate at 0.9 a difference of 4 points is found in 95% of cases,
and in 47% by comparing two unpaired means.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.comparison.intervals import Interval, difference_interval, ratio_interval
from harness.comparison.scores import Scored

NUM_FLIPS = 9_999  # random sign flips, above the number of items where all can be tried
MOST_NUMBERS = 1_000_000  # in memory at once
SEED = 0  # the same two runs give the same p


@dataclass(frozen=True, kw_only=True)
class Paired:
    """B against A on the items that both have: `difference` is B - A, `p` of no difference at all."""

    difference: Interval
    p: float
    test: str
    wins: tuple[str, ...]  # ids where B's value is higher
    losses: tuple[str, ...]
    num_ties: int
    num_unmatched: int  # items of one run alone
    correlation: float  # of the two runs' values over items; NaN where one of them is constant


def compare_paired(a: Scored, b: Scored) -> Paired:
    """The paired comparison of one score. Raises ValueError when the runs share no item."""
    ids = [name for name in a.values if name in b.values]
    if not ids:
        raise ValueError("the two runs share no item")
    differences = {name: b.values[name] - a.values[name] for name in ids}
    clusters = {name: a.clusters[name] for name in ids} if a.clusters else {}
    is_binary = {a.values[name] for name in ids} | {b.values[name] for name in ids} <= {0.0, 1.0}
    if is_binary and not clusters:
        p, test = _mcnemar(differences), "exact McNemar"
        difference = difference_interval(differences, of_shares=True)
    else:
        p, test = _sign_flips(differences, clusters), "sign flips of clusters" if clusters else "sign flips"
        difference = (
            ratio_interval(differences, a.weights, clusters)
            if a.weights
            else difference_interval(differences, clusters, of_shares=is_binary)
        )
    wins = tuple(name for name, value in differences.items() if value > 0)
    losses = tuple(name for name, value in differences.items() if value < 0)
    return Paired(
        difference=difference,
        p=p,
        test=test,
        wins=wins,
        losses=losses,
        num_ties=len(ids) - len(wins) - len(losses),
        num_unmatched=len(a.values.keys() ^ b.values.keys()),
        correlation=_correlation([a.values[name] for name in ids], [b.values[name] for name in ids]),
    )


def _mcnemar(differences: Mapping[str, float]) -> float:
    """Of the items where the runs disagree, each would be as likely to win either way (McNemar 1947, exact)."""
    from scipy.stats import binomtest

    wins = sum(value > 0 for value in differences.values())
    losses = sum(value < 0 for value in differences.values())
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def _sign_flips(differences: Mapping[str, float], clusters: Mapping[str, str]) -> float:
    """The share of sign patterns, one sign an item or a cluster, whose sum is as far from 0 (Fisher 1935)."""
    import numpy as np
    from scipy.stats import monte_carlo_test, permutation_test

    sums: dict[str, float] = {}
    for name, value in differences.items():
        key = clusters.get(name, name)
        sums[key] = sums.get(key, 0.0) + value
    numbers = np.array(list(sums.values()))
    if len(numbers) < 2 or not numbers.any():
        return 1.0
    if 2 ** len(numbers) <= NUM_FLIPS:
        return float(permutation_test((numbers,), np.sum, permutation_type="samples", n_resamples=NUM_FLIPS).pvalue)
    random = np.random.default_rng(SEED)
    done = monte_carlo_test(
        numbers,
        lambda size: numbers * random.choice([-1.0, 1.0], size=size),
        np.sum,
        n_resamples=NUM_FLIPS,
        batch=max(1, MOST_NUMBERS // len(numbers)),
    )
    return float(done.pvalue)


def _correlation(a: list[float], b: list[float]) -> float:
    import numpy as np

    if len(a) < 2 or len(set(a)) == 1 or len(set(b)) == 1:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])
