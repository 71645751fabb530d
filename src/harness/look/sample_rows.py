"""The raw samples of one eval at one step, out of their file; read once while it does not change.

Files alone are read, none outside the folder of runs, so the first sample of a run does not wait for the others.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.comparison.address import Address
from harness.comparison.reading import STEP
from harness.comparison.scores import Score, scores_of
from harness.launch import Refused
from harness.look.visible import plain
from harness.rows import each_row
from harness.run_directory import is_run_directory

MAX_ROWS = 200_000  # of one file; what comes after them is not shown, which is said
MAX_KEPT = 4  # files in memory
TEXTS = ("prompt", "completion", "text", "output", "answer")  # fields that a person reads first

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EvalStep:
    """Where the samples of one eval at one step are."""

    run: str
    eval: str
    step: int
    folder: Path

    def address(self, row: Row) -> str:
        """The address of one of its samples, as all tools write it."""
        return str(Address(run=self.run, eval=self.eval, step=self.step, id=str(row.get("id", ""))))


@dataclass(frozen=True, kw_only=True)
class Samples:
    """All rows of an eval at a step. A row is known here by its place, as ids may hold anything."""

    at: EvalStep
    metrics: Mapping[str, Any]
    scores: Sequence[Score]
    rows: Sequence[Row]

    def score(self, metric: str = "") -> Score | None:
        """What worse and better mean: by a metric, or by the first; None when nothing says so."""
        return next((score for score in self.scores if score.metric == metric), next(iter(self.scores), None))


def inside(root: Path, *names: str) -> Path:
    """The path of a file or folder below root. Raises Refused for names that lead anywhere else."""
    path = root.joinpath(*names)
    if any(not name or name in (".", "..") or "/" in name or "\0" in name for name in names):
        raise Refused(f"{plain('/'.join(names))}: no such thing in {root}")
    if not path.resolve().is_relative_to(root.resolve()):
        raise Refused(f"{plain('/'.join(names))} is not below {root}, so it is not shown")
    return path


def run_path(root: Path, run: str) -> Path:
    """The directory of a run. Raises Refused."""
    path = inside(root, run)
    if not is_run_directory(path):
        raise Refused(f"no run {plain(run)} in {root}")
    return path


def eval_steps(root: Path, run: str) -> list[EvalStep]:
    """All evals of a run that left samples: by name, later steps first."""
    path = run_path(root, run)
    found = [
        EvalStep(run=run, eval=folder.parent.name, step=int(folder.name.removeprefix("step_")), folder=folder)
        for folder in (path / "evals").glob("*/step_*")
        if STEP.fullmatch(folder.name) and (folder / "samples.jsonl").is_file()
    ]
    return sorted(found, key=lambda one: (one.eval, -one.step))


def find_eval_step(root: Path, run: str, name: str, step: int) -> EvalStep:
    """One of them. Raises Refused."""
    for one in eval_steps(root, run):
        if (one.eval, one.step) == (name, step):
            return one
    raise Refused(f"{plain(run)} has no samples of {plain(name)} at step {step:,}")


def first_eval_step(root: Path, run: str) -> EvalStep | None:
    """What to look at first: the last step of an eval that has texts to read, else of the first one."""
    steps = eval_steps(root, run)
    newest = [one for one in steps if one.step == max(other.step for other in steps if other.eval == one.eval)]
    readable = [one for one in newest if any(name in _first_row(one) for name in TEXTS)]
    return next(iter([*readable, *newest]), None)


def samples_of(root: Path, at: EvalStep) -> Samples:
    """All samples there. Raises Refused for a file that cannot be read, or that lies elsewhere."""
    path = at.folder / "samples.jsonl"
    if not path.resolve().is_relative_to(root.resolve()):
        raise Refused(f"{plain(path)} is not below {root}, so it is not shown")
    try:
        stamp = os.stat(path)  # noqa: PTH116 - as in harness.runs.source
        return _read(at, stamp.st_size, stamp.st_mtime_ns)
    except OSError as error:
        raise Refused(f"{plain(path)}: cannot be read: {error.strerror}") from error


@lru_cache(MAX_KEPT)
def _read(at: EvalStep, _size: int, _mtime_ns: int) -> Samples:
    rows: list[Row] = []
    for row in each_row(at.folder / "samples.jsonl"):
        if len(rows) == MAX_ROWS:
            break
        rows.append(row)
    try:
        result = json.loads((at.folder / "result.json").read_bytes())
        metrics, scores = dict(result["metrics"]), scores_of(result, rows)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # not whole: the rows are there all the same
        metrics, scores = {}, []
    return Samples(at=at, metrics=metrics, scores=scores, rows=rows)


def _first_row(at: EvalStep) -> Row:
    return next(each_row(at.folder / "samples.jsonl"), {})
