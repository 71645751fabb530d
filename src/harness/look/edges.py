"""What a run did against another, in few words: each score's paired difference and what can be said about it."""

from functools import lru_cache
from pathlib import Path

from harness.analysis.numbers import signed
from harness.comparison.screen import reason_text
from harness.comparison.two_runs import Compared, check_installed, compare_runs
from harness.launch import Refused

MAX_KEPT = 2_000
MAX_WORDS = 4  # scores on an edge


def edge_words(parent: Path, run: Path) -> list[dict[str, str]]:
    """For each score of an eval its name, difference, interval, word and reason; none where nothing can be compared."""
    return list(_edge_words(parent, run, _stamp(parent), _stamp(run)))


@lru_cache(MAX_KEPT)
def _edge_words(parent: Path, run: Path, _of_parent: float, _of_run: float) -> tuple[dict[str, str], ...]:
    try:
        check_installed()
        compared, _ = compare_runs(parent, run)
    except Refused:
        return ()
    those_that_tell_first = sorted(compared, key=lambda one: one.verdict.word == "cannot tell")
    return tuple(edge_word(one) for one in those_that_tell_first[:MAX_WORDS])


def edge_word(one: Compared) -> dict[str, str]:
    """One score."""
    difference = one.paired.difference
    return {
        "score": f"{one.eval} {one.score.metric}",
        "difference": signed(difference.mean),
        "interval": f"{signed(difference.low)} to {signed(difference.high)}",
        "word": one.verdict.word,
        "reason": reason_text(one),
    }


def _stamp(run: Path) -> float:
    """What changes when evals are added."""
    return max((path.stat().st_mtime for path in (run / "evals").glob("*")), default=0.0)
