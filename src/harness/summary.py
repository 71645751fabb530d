"""The numbers of a whole run in one small file: last, smallest and largest value of every metric, each with its step.

It is kept up in memory while the run trains, a thousand rows at a time, and written at the close: so nobody has to read
all rows of ten thousand runs to sort them. It decides nothing: what is best is the reader's question.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.rows import WORDS, each_row, finite
from harness.state import STARTS

NOT_METRICS = ("step", "t", "seg")


@dataclass(slots=True)
class Extremes:
    """One metric so far. `min` and `max` are of the finite values; None while there are none."""

    last: float = math.nan
    last_step: int = 0
    min: float | None = None
    min_step: int | None = None
    max: float | None = None
    max_step: int | None = None
    n: int = 0
    not_finite: int = 0
    total: float = 0.0


class Summary:
    """All metrics of a run so far, by key."""

    def __init__(self) -> None:
        self._metrics: dict[str, Extremes] = {}
        self._evals: dict[str, Any] = {}

    def add_columns(self, keys: Sequence[str], steps: Sequence[float], columns: Iterable[Sequence[float]]) -> None:
        """Adds rows of the same keys, all finite, in their order, column by column."""
        for key, column in zip(keys, columns, strict=True):
            entry = self._metrics.setdefault(key, Extremes())
            entry.last, entry.last_step = column[-1], int(steps[-1])
            entry.n += len(column)
            entry.total += sum(column)
            low, high = min(column), max(column)
            if entry.min is None or low < entry.min:
                entry.min, entry.min_step = low, int(steps[column.index(low)])
            if entry.max is None or high > entry.max:
                entry.max, entry.max_step = high, int(steps[column.index(high)])

    def add_row(self, step: int, values: Mapping[str, float]) -> None:
        """Adds one row, of any numbers."""
        for key, value in values.items():
            if math.isfinite(value):
                self.add_columns([key], [step], [[value]])
            else:
                entry = self._metrics.setdefault(key, Extremes())
                entry.last, entry.last_step = value, step
                entry.n += 1
                entry.not_finite += 1

    def add_evals(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds what all evals gave at one step."""
        self.add_row(step, metrics)
        self._evals = {"step": step, "metrics": dict(metrics)}

    def add_earlier(self, metrics: Path, events: Path, *, start: int) -> None:
        """Adds the rows of the segments before this one, which starts at step `start`, without those it undoes."""
        starts = [row for row in each_row(events) if row.get("event") in STARTS]
        kept = {
            row["seg"]: min([start, *(later["step"] for later in starts[at + 1 :])]) for at, row in enumerate(starts)
        }
        for row in each_row(metrics):
            if row.get("step", math.inf) <= kept.get(row.get("seg"), -1):
                self.add_row(row["step"], _numbers(row))
        for row in each_row(events):
            if row.get("event") == "evaluated" and row["step"] <= kept.get(row["seg"], -1):
                self.add_evals(row["step"], _numbers(row["metrics"]))

    @property
    def last_step(self) -> int:
        """The last step of any metric; 0 while there are none."""
        return max((entry.last_step for entry in self._metrics.values()), default=0)

    def total(self, key: str) -> float:
        """The sum of a metric over all rows, e.g. of train/tokens."""
        return self._metrics[key].total if key in self._metrics else 0

    def plain(self) -> dict[str, Any]:
        """As plain data, with NaN and infinities as words."""
        summary: dict[str, Any] = {"metrics": dict(self._entries())}
        if self._evals:
            summary["evals"] = self._evals
        return finite(summary)  # type: ignore[no-any-return]

    def _entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for key, entry in self._metrics.items():
            plain = {
                name: getattr(entry, name) for name in ("last", "last_step", "min", "min_step", "max", "max_step", "n")
            }
            yield key, plain | ({"not_finite": entry.not_finite} if entry.not_finite else {})


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a row that was read back."""
    values = ((key, WORDS.get(value, value) if isinstance(value, str) else value) for key, value in row.items())
    return {key: value for key, value in values if key not in NOT_METRICS and isinstance(value, int | float)}
