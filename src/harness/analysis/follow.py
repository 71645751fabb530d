"""A run as it goes: the rows of its metrics and its events, until it ends.

Files are read from where the last look stopped, up to the last whole line; nothing is written and nobody is waited for.
"""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.analysis.numbers import short
from harness.state import state_of

LOOK_EVERY_SECONDS = 0.5
NUM_EARLIER_ROWS = 10
OF_EVERY_ROW = ("step", "t", "seg", "event")
MAX_READ_BYTES = 64 * 1024 * 1024  # of one look


class Tail:
    """A growing file of rows, and how far it was read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def rows(self) -> list[dict[str, Any]]:
        """The whole rows that came since the last look."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read(MAX_READ_BYTES).rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        return [row for line in whole.split(b"\n") if (row := _row(line)) is not None]


def follow(run: Path, *, look_every_seconds: float = LOOK_EVERY_SECONDS) -> Iterator[str]:
    """The last rows so far, then each new one as a line, and how the run ended."""
    metrics, events = Tail(run / "metrics.jsonl"), Tail(run / "events.jsonl")
    state = state_of(run)
    earlier = metrics.rows()
    if len(earlier) > NUM_EARLIER_ROWS:
        yield f"... {len(earlier) - NUM_EARLIER_ROWS:,} rows before these"
    yield from _lines(earlier[-NUM_EARLIER_ROWS:], events.rows()[-NUM_EARLIER_ROWS:])
    while state == "running":
        time.sleep(look_every_seconds)
        state = state_of(run)  # asked before the last look, so that no row after the end is missed
        yield from _lines(metrics.rows(), events.rows())
    yield f"{run.name} {state}"


def _lines(rows: list[dict[str, Any]], events: list[dict[str, Any]]) -> Iterator[str]:
    """Metrics and events in order of step; an event comes after the row of its step."""
    merged = [(row.get("step", 0), 0, row) for row in rows] + [(event.get("step", 0), 1, event) for event in events]
    for step, is_event, row in sorted(merged, key=lambda entry: entry[:2]):
        what = f"{row['event']}  " if is_event and "event" in row else ""
        yield f"step {step:>7,}  {what}{_values(row)}".rstrip()


def _values(row: Mapping[str, Any], *, inner: bool = False) -> str:
    """The numbers of a row; those of a table within it (the metrics of an eval) stand for it."""
    parts = []
    for key, value in row.items():
        if isinstance(value, Mapping):
            parts.append(_values(value, inner=True))
        elif (inner or key not in OF_EVERY_ROW) and not isinstance(value, list):
            parts.append(f"{key.removeprefix('train/')} {short(value)}")
    return "  ".join(parts)


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
