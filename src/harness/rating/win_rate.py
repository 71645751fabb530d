"""How often B is preferred, how sure that is, and one of three words.

A tie is half a win. Votes with ties scatter less than coin tosses, so Wilson's interval is taken at the number of
tosses that would scatter as much: it covers in 93 to 97% (tests simulate it), where at the bare number of votes a
third of which are ties it covers in 98%.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.comparison.intervals import CONFIDENCE, POWER
from harness.comparison.verdicts import Word


@dataclass(frozen=True, kw_only=True)
class WinRate:
    """B against A over pairs, each the mean over its raters."""

    mean: float
    low: float
    high: float
    wins: int  # pairs
    losses: int
    ties: int
    p: float  # exact sign test over wins and losses
    word: Word
    num_needed: int | None  # pairs more; with "cannot tell" alone, and None too where nothing leans either way


def win_rate(scores: Mapping[str, float]) -> WinRate:
    """The win rate of scores by id: 1 for B, 0 for A, between them for ties and for raters who differ.

    Both the test and the interval must leave 50% out before a side is taken. Raises ValueError for no votes.
    """
    from scipy.stats import binomtest
    from statsmodels.stats.proportion import proportion_confint

    if not scores:
        raise ValueError("no votes")
    count = len(scores)
    mean = math.fsum(scores.values()) / count
    tosses = count * _variance_ratio(scores, mean)
    low, high = map(float, proportion_confint(mean * tosses, tosses, alpha=1 - CONFIDENCE, method="wilson"))
    wins = sum(score > 0.5 for score in scores.values())
    losses = sum(score < 0.5 for score in scores.values())
    p = float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
    is_told = p <= 1 - CONFIDENCE and not low <= 0.5 <= high
    word: Word = ("better" if mean > 0.5 else "worse") if is_told else "cannot tell"
    needed = None if is_told else num_needed(mean, count / tosses)
    return WinRate(
        mean=mean,
        low=low,
        high=high,
        wins=wins,
        losses=losses,
        ties=count - wins - losses,
        p=p,
        word=word,
        num_needed=None if needed is None else max(1, needed - count),
    )


def num_needed(mean: float, scatter: float = 1.0) -> int | None:
    """Pairs at which a win rate like this is told from 50% in 80% of cases; `scatter` is its variance over a toss's."""
    from statsmodels.stats.power import normal_sample_size_one_tail

    if mean == 0.5:
        return None
    found: float = normal_sample_size_one_tail(
        abs(mean - 0.5),
        POWER,
        (1 - CONFIDENCE) / 2,
        std_null=math.sqrt(0.25 * scatter),
        std_alternative=math.sqrt(mean * (1 - mean) * scatter),
    )
    return math.ceil(found)


def _variance_ratio(scores: Mapping[str, float], mean: float) -> float:
    """The variance of tosses over that of the scores, as if one clear win and one clear loss had been seen too.

    Without those two, ten ties would be proof of a win rate of exactly 50%.
    """
    count = len(scores)
    tosses = mean * (1 - mean)
    lacking = tosses - math.fsum((score - mean) ** 2 for score in scores.values()) / count
    return tosses / (tosses - lacking * count / (count + 2)) if lacking > 1e-12 else 1.0
