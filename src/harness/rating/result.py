"""All that can be said of the votes between two runs on one eval, as plain values; result_text.py says it in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from harness.comparison.reading import Reading, read_eval
from harness.comparison.scores import score_rows
from harness.launch import Refused
from harness.rating.agreement import Kappa, Share, Sides, alpha, kappa, sides, steadiness, with_metric
from harness.rating.tally import Tally, Vote, tally
from harness.rating.win_rate import WinRate, win_rate

MAX_KAPPAS = 20  # pairs of raters told one by one
MAX_ADDRESSES = 3  # of pairs won, and of pairs lost


@dataclass(frozen=True, kw_only=True)
class Result:
    """B against A, as people see it."""

    a: str
    b: str
    eval: str
    tally: Tally
    win_rate: WinRate
    choices: Mapping[str, int]  # votes, told from B's side: b, a, tie, both bad
    sides: Mapping[str, Sides]  # by rater, as the next one
    steadiness: Mapping[str, Share]
    kappas: Sequence[Kappa]
    alpha: float  # NaN for one rater
    metrics: Mapping[str, Share]  # by metric of the eval
    won: Sequence[str]  # addresses in B of pairs that B won
    lost: Sequence[str]


def result(a: Path, b: Path, name: str) -> Result:
    """The result of all votes so far. Raises Refused when there are none."""
    votes = tally(b.parent, a.name, b.name, name)
    scores = votes.scores
    if not scores:
        raise Refused(f"no vote stands between {a.name} and {b.name} on {name}\n  help: tools/rate goes on with it")
    answers = {rater: {key: vote.score for key, vote in by_id.items()} for rater, by_id in votes.votes.items()}
    pairs_of_raters = list(combinations(votes.votes, 2))[:MAX_KAPPAS]
    found = [kappa(one, votes.votes[one], other, votes.votes[other]) for one, other in pairs_of_raters]
    return Result(
        a=a.name,
        b=b.name,
        eval=name,
        tally=votes,
        win_rate=win_rate(scores),
        choices=_choices([vote for by_id in votes.votes.values() for vote in by_id.values()]),
        sides={rater: sides(presses) for rater, presses in votes.presses.items()},
        steadiness={rater: steadiness(votes.repeats.get(rater, ())) for rater in votes.presses},
        kappas=[one for one in found if one is not None],
        alpha=alpha(answers),
        metrics=_metrics(scores, read_eval(a, name, step=votes.step_a), read_eval(b, name, step=votes.step_b)),
        won=_addresses(votes, b.name, 1.0),
        lost=_addresses(votes, b.name, 0.0),
    )


def _choices(votes: Sequence[Vote]) -> dict[str, int]:
    return {
        "b": sum(vote.score == 1 for vote in votes),
        "a": sum(vote.score == 0 for vote in votes),
        "tie": sum(vote.choice == "tie" for vote in votes),
        "both bad": sum(vote.choice == "both_bad" for vote in votes),
    }


def _metrics(scores: Mapping[str, float], a: Reading | None, b: Reading | None) -> dict[str, Share]:
    """Agreement with every score that both runs have. A run whose eval was taken away has none."""
    if a is None or b is None:
        return {}
    found = {}
    for score in a.scores:
        one, other = score_rows(a.rows, score).values, score_rows(b.rows, score).values
        found[score.metric] = with_metric(scores, one, other, higher=score.higher_is_better)
    return found


def _addresses(votes: Tally, b: str, score: float) -> list[str]:
    texts = [
        address
        for by_id in votes.votes.values()
        for vote in by_id.values()
        if vote.score == score
        for address in vote.addresses
        if address.startswith(f"{b}/")
    ]
    return list(dict.fromkeys(texts))[:MAX_ADDRESSES]
