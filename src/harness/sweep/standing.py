"""How the points of a sweep stand: which run of a store is theirs, its state, its metrics.

Nothing is kept for that: the runs are the record. A run is a point's when it recorded the same values in all that
changes what is learnt, or how fast; what it is called means nothing. So a config that changed after its run has none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.repeats import begun, fingerprints_of
from harness.rows import WORDS
from harness.state import state_of

FINISHED, RUNNING, NEVER = "finished", "running", "never ran"
CLASSES = ("science", "speed")  # of fields; where a run is kept and how often it speaks makes it no other run

Fingerprint = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One experiment of a sweep: `argument` is what train.py is told to begin it."""

    experiment: str
    argument: str
    values: Mapping[str, Any]  # of what the sweep varies
    config: Mapping[str, Any]
    fingerprint: Fingerprint


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A point and its run: the newest finished one, else the newest that is running, else the newest."""

    point: Point
    run: Path | None
    state: str

    @property
    def argument(self) -> str:
        """What train.py is told to bring the point to its end: the run, if there is one, goes on."""
        return str(self.run) if self.run else self.point.argument

    @property
    def is_open(self) -> bool:
        """Whether anything is left to do."""
        return self.state != FINISHED


def fingerprint(fingerprints: Mapping[str, str]) -> Fingerprint:
    """What a point and its runs have in common; of a record that says nothing, nothing."""
    return tuple(str(fingerprints.get(name, "")) for name in CLASSES)


def standings(points: Sequence[Point], runs_dir: Path, known: dict[Path, Fingerprint]) -> list[Standing]:
    """How each point stands now. `known` keeps what was read, as a record never changes."""
    runs: dict[Fingerprint, list[Path]] = {}
    for record in runs_dir.glob("*/run.json"):
        if record not in known:
            known[record] = fingerprint(fingerprints_of(record))
        runs.setdefault(known[record], []).append(record.parent)
    return [_standing(point, sorted(runs.get(point.fingerprint, []), key=begun)) for point in points]


def _standing(point: Point, runs: list[Path]) -> Standing:
    states = {run: state_of(run) for run in runs}
    for wanted in ((FINISHED,), (RUNNING,), states.values()):
        of_state = [run for run in runs if states[run] in wanted]
        if of_state:
            return Standing(point=point, run=of_state[-1], state=states[of_state[-1]])
    return Standing(point=point, run=None, state=NEVER)


def summary_of(run: Path) -> dict[str, float]:
    """The last value of each metric, and `wall_seconds`; nothing before a run has closed, or of a torn summary."""
    try:
        summary = json.loads((run / "summary.json").read_text("utf-8"))
        last = {key: entry["last"] for key, entry in summary["metrics"].items()}
        last["wall_seconds"] = summary["wall_seconds"]
        numbers = {key: WORDS.get(value, value) for key, value in last.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {key: value for key, value in numbers.items() if isinstance(value, int | float)}
