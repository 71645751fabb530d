"""Two runs, eval by eval and score by score: read, checked to be alike, paired on the items that both have, judged.

Nothing is left out in silence: what cannot be compared has a sentence, items of one run alone are named, errors and
empty rows are counted apart.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.comparison.address import visible
from harness.comparison.intervals import Interval, interval_of
from harness.comparison.paired import Paired, compare_paired
from harness.comparison.reading import (
    Reading,
    contexts_of,
    eval_names,
    has_other_source,
    read_eval,
    unknown_fields,
    unlike,
)
from harness.comparison.scores import Row, Score, Scored, score_rows
from harness.comparison.verdicts import Verdict, verdicts
from harness.launch import Refused


@dataclass(frozen=True, kw_only=True)
class Side:
    """One run under one score. `interval` is over the shared items alone."""

    step: int
    interval: Interval
    alone: tuple[str, ...]  # ids that the other run has no row of
    num_errors: int  # of all rows
    num_empty: int  # rows without an error that have no value


@dataclass(frozen=True, kw_only=True)
class Item:
    """A shared item. `gain` is what it adds to the difference, above 0 where B is better."""

    id: str
    a: float  # as a reader wants to see it: of a ratio its own
    b: float
    gain: float


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One score of one eval."""

    eval: str
    score: Score
    a: Side
    b: Side
    paired: Paired
    verdict: Verdict
    won: tuple[Item, ...]  # by B, the largest gain first
    lost: tuple[Item, ...]  # the largest loss first
    unknown: tuple[str, ...]  # parts of the identity that a run did not keep
    has_other_source: bool
    contexts: tuple[int, int] | None  # where A and B look back differently far


@dataclass(frozen=True, kw_only=True)
class NotCompared:
    """An eval, or a score of it, and why nothing is said about it."""

    eval: str
    why: str


def check_installed() -> None:
    """Raises Refused unless scipy and statsmodels are there."""
    from importlib.util import find_spec

    missing = [package for package in ("scipy", "statsmodels") if find_spec(package) is None]
    if missing:
        raise Refused(f"comparing runs needs {' and '.join(missing)}\n  help: pip install {' '.join(missing)}")


def compare_runs(
    a: Path, b: Path, *, name: str | None = None, step: int | None = None
) -> tuple[list[Compared], list[NotCompared]]:
    """Every score of every eval of both runs, or of one eval, at the last steps or at one. Raises Refused.

    Refused is what was not measured alike, when nothing else is left to compare.
    """
    refusals: list[NotCompared] = []
    pairs: list[tuple[str, Reading, Reading]] = []
    for eval_name in [name] if name else sorted({*eval_names(a), *eval_names(b)}):
        readings = [read_eval(run, eval_name, step=step) for run in (a, b)]
        missing = [run.name for run, reading in zip((a, b), readings, strict=True) if reading is None]
        if missing:
            at = f" at step {step:,}" if step is not None else ""
            refusals.append(NotCompared(eval=eval_name, why=f"no result of it{at} in {' and '.join(missing)}"))
            continue
        of_a, of_b = (reading for reading in readings if reading is not None)
        if why := unlike(of_a, of_b):
            refusals.append(NotCompared(eval=eval_name, why=f"not measured alike: {why}"))
        else:
            pairs.append((eval_name, of_a, of_b))
    found = [one for pair in pairs for one in _scores_of(*pair)]
    refusals += [one for one in found if isinstance(one, NotCompared)]
    measured = [one for one in found if isinstance(one, _Measured)]
    if not measured:
        whys = "".join(f"\n  {one.eval}: {one.why}" for one in refusals) or "\n  neither run has an eval that ended"
        raise Refused(f"{a.name} and {b.name} have nothing to compare{whys}\n  help: tools/eval evaluates a run again")
    judged = verdicts([(one.paired, one.score.higher_is_better) for one in measured])
    return [_compared(one, verdict) for one, verdict in zip(measured, judged, strict=True)], refusals


@dataclass(frozen=True, kw_only=True)
class _Measured:
    eval: str
    score: Score
    readings: tuple[Reading, Reading]
    scored: tuple[Scored, Scored]
    shared: tuple[Mapping[str, Row], Mapping[str, Row]]
    paired: Paired


def _declared_apart(of_a: Score, of_b: Score) -> str:
    """How two runs declare one score, where they differ: one of them may be older than a change of the eval."""
    in_a, in_b = asdict(of_a), asdict(of_b)
    parts = [f"{key} {in_a[key]} and {in_b[key]}" for key in in_a if in_a[key] != in_b[key]]
    return f"{of_a.metric} is declared differently (A and B: {visible('; '.join(parts))}); tools/eval measures anew"


def _scores_of(eval_name: str, a: Reading, b: Reading) -> list["_Measured | NotCompared"]:
    """Each score that both declare alike, over the items that have a value in both runs."""
    found: list[_Measured | NotCompared] = []
    of_b = {score.metric: score for score in b.scores}
    for score in a.scores:
        if score.metric not in of_b:
            continue
        if of_b[score.metric] != score:
            found.append(NotCompared(eval=eval_name, why=_declared_apart(score, of_b[score.metric])))
            continue
        valued = [{str(row["id"]): row for row in one.rows if _has_value(row, score)} for one in (a, b)]
        ids = [name for name in valued[0] if name in valued[1]]
        if not ids:
            found.append(NotCompared(eval=eval_name, why=f"no item has a {score.metric} in both runs"))
            continue
        shared = tuple({name: rows[name] for name in ids} for rows in valued)
        scored = tuple(score_rows(list(rows.values()), score) for rows in shared)
        found.append(
            _Measured(
                eval=eval_name,
                score=score,
                readings=(a, b),
                scored=(scored[0], scored[1]),
                shared=(shared[0], shared[1]),
                paired=compare_paired(scored[0], scored[1]),
            )
        )
    return found or [NotCompared(eval=eval_name, why="no score of single items: only its metrics are known")]


def _compared(one: _Measured, verdict: Verdict) -> Compared:
    readings = one.readings
    items = [_item(one, name) for name in one.scored[0].values]
    return Compared(
        eval=one.eval,
        score=one.score,
        a=_side(readings[0], readings[1], one.scored[0], one.score),
        b=_side(readings[1], readings[0], one.scored[1], one.score),
        paired=one.paired,
        verdict=verdict,
        won=tuple(sorted((item for item in items if item.gain > 0), key=lambda item: -item.gain)),
        lost=tuple(sorted((item for item in items if item.gain < 0), key=lambda item: item.gain)),
        unknown=tuple(unknown_fields(*readings)),
        has_other_source=has_other_source(*readings),
        contexts=contexts_of(*readings),
    )


def _side(mine: Reading, other: Reading, scored: Scored, score: Score) -> Side:
    ids = {str(row["id"]) for row in other.rows}
    errors = [row for row in mine.rows if row.get("error")]
    return Side(
        step=mine.step,
        interval=interval_of(scored),
        alone=tuple(str(row["id"]) for row in mine.rows if str(row["id"]) not in ids),
        num_errors=len(errors),
        num_empty=sum(not row.get("error") and not _has_value(row, score) for row in mine.rows),
    )


def _item(one: _Measured, name: str) -> Item:
    difference = one.scored[1].values[name] - one.scored[0].values[name]
    a, b = (_shown(rows[name], one.score) for rows in one.shared)
    return Item(id=name, a=a, b=b, gain=difference if one.score.higher_is_better else -difference)


def _shown(row: Row, score: Score) -> float:
    return float(row[score.field]) / (float(row[score.per]) if score.per else 1.0)


def _has_value(row: Row, score: Score) -> bool:
    fields: Sequence[Any] = [row.get(score.field), *([row.get(score.per)] if score.per else [])]
    return (
        not row.get("error")
        and all(isinstance(value, int | float) and math.isfinite(value) for value in fields)
        and (not score.per or row[score.per] > 0)
        and (not score.cluster or score.cluster in row)
    )
