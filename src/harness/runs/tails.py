"""Summaries of runs that are still writing, kept up from one look to the next by reading only what was added.

The state is a cache: {run: {"segments", "offset", "torn", "metrics"}}. A run that went on after a stop is read again
from its start, since rows were undone. Only complete lines are taken; the rest is read the next time.
"""

import math
from dataclasses import replace
from typing import Any

from harness.rows import WORDS
from harness.runs.columns import eval_point_columns
from harness.runs.facts import Facts, rows, whole
from harness.runs.source import Source
from harness.state import STARTS
from harness.summary import NOT_METRICS

PIECE_BYTES = 16_000_000

Tail = dict[str, Any]


def followed(source: Source, facts: Facts, tail: Tail | None) -> tuple[Facts, Tail]:
    """The facts with a summary of all that is written by now, and the state for the next time."""
    name = f"{facts.run}/metrics.jsonl"
    stamp = source.stamp(name)
    segments = sum(row.get("event") in STARTS for row in facts.events)
    if tail is None or tail["segments"] != segments or stamp is None or stamp.size < tail["offset"]:
        tail = {"segments": segments, "offset": 0, "torn": 0, "metrics": {}}
    try:
        while piece := _complete(source.read_from(name, tail["offset"], PIECE_BYTES)):
            found, num_torn = rows(piece)
            tail["offset"] += len(piece)
            tail["torn"] += num_torn
            for row in found:
                _add_row(tail, facts, row)
    except OSError as error:
        facts.problems.append(f"metrics.jsonl: {error.strerror or error}")
    metrics = {key: dict(entry) for key, entry in tail["metrics"].items()}
    points = eval_point_columns([facts])
    for key, step, value in zip(points["key"], points["step"], points["value"], strict=True):
        if value is not None:
            _add(metrics, key, step, value)
    return replace(facts, summary={"metrics": metrics}, num_torn=facts.num_torn + tail["torn"]), tail


def _complete(piece: bytes) -> bytes:
    """Up to the last newline; a piece that is one endless line is given up as a whole."""
    return piece[: piece.rfind(b"\n") + 1] or (piece if len(piece) == PIECE_BYTES else b"")


def _add_row(tail: Tail, facts: Facts, row: dict[str, Any]) -> None:
    step = row.get("step")
    if type(step) is not int:
        return
    step += 1 - facts.first_step
    if step > facts.kept_until.get(whole(row, "seg"), step):
        return
    for key, value in row.items():
        if key in NOT_METRICS:
            continue
        number = WORDS.get(value) if isinstance(value, str) else value
        if isinstance(number, int | float):
            _add(tail["metrics"], key, step, float(number))


def _add(metrics: dict[str, Any], key: str, step: int, value: float) -> None:
    entry = metrics.get(key)
    if entry is None:
        extremes = dict.fromkeys(("min", "min_step", "max", "max_step"))
        entry = metrics[key] = {"last": value, "last_step": step, **extremes, "n": 0, "not_finite": 0}
    entry["last"], entry["last_step"] = value, step
    entry["n"] += 1
    if not math.isfinite(value):
        entry["not_finite"] += 1
        return
    if entry["min"] is None or value < entry["min"]:
        entry["min"], entry["min_step"] = value, step
    if entry["max"] is None or value > entry["max"]:
        entry["max"], entry["max_step"] = value, step
