"""Which samples are seen, in which order: at random by a seed, worst first, as written; searched; by what was said."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.comparison.scores import Score
from harness.look.marks import NOTHING_SAID, Said
from harness.look.sample_rows import Row, Samples

PAGE_SIZE = 20
ORDERS = {
    "start": "20 at random, then the worst",
    "random": "at random",
    "worst": "worst first",
    "best": "best first",
    "file": "as written",
}
MARKS = {"": "all", "unmarked": "not marked", "pass": "passed", "fail": "failed", "noted": "with a note"}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a person asked for."""

    order: str = "start"
    by: str = ""  # the metric that says what is worse; the eval's first one when empty
    seed: int = 0
    search: str = ""
    mark: str = ""  # one of MARKS
    tag: str = ""
    page: int = 1


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The places of the rows on one page, and how many there are in all."""

    places: Sequence[int]
    total: int
    page: int
    num_pages: int


def choose(samples: Samples, choice: Choice, said: Mapping[str, Said]) -> Chosen:
    """One page of samples. A page beyond the last is the last. `said` is by id."""
    places = [place for place in _ordered(samples, choice) if _is_wanted(samples.rows[place], choice, said)]
    num_pages = max(1, math.ceil(len(places) / PAGE_SIZE))
    page = min(max(1, choice.page), num_pages)
    here = places[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return Chosen(places=here, total=len(places), page=page, num_pages=num_pages)


def badness(row: Row, score: Score | None) -> float:
    """How bad a sample is: errors are worst, what has no value comes last."""
    if row.get("error"):
        return math.inf
    value, unit = (
        _number(row.get(name)) if name else 1.0 for name in ((score.field, score.per) if score else ("", ""))
    )
    if score is None or math.isnan(value) or not unit > 0:
        return -math.inf
    return -value / unit if score.higher_is_better else value / unit


def _ordered(samples: Samples, choice: Choice) -> list[int]:
    places = list(range(len(samples.rows)))
    if choice.order == "file":
        return places
    random.Random(choice.seed).shuffle(places)  # items that are equally bad stay in this order
    if choice.order == "random":
        return places
    kept = PAGE_SIZE if choice.order == "start" else 0
    sign = 1 if choice.order == "best" else -1
    score = samples.score(choice.by)
    return places[:kept] + sorted(places[kept:], key=lambda place: sign * badness(samples.rows[place], score))


def _is_wanted(row: Row, choice: Choice, said: Mapping[str, Said]) -> bool:
    if choice.search and not _holds(row, choice.search.casefold()):
        return False
    if not choice.mark and not choice.tag:
        return True
    about = said.get(str(row.get("id", "")), NOTHING_SAID)
    has_mark = {"unmarked": not about.mark, "noted": bool(about.notes)}.get(choice.mark, about.mark == choice.mark)
    return (has_mark or not choice.mark) and (not choice.tag or choice.tag in about.tags)


def _holds(value: Any, word: str) -> bool:
    if isinstance(value, Mapping):
        return any(_holds(inner, word) for inner in value.values())
    if isinstance(value, list):
        return any(_holds(inner, word) for inner in value)
    return word in str(value).casefold()


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
