"""Curves in the terminal: each a letter, named below the picture with its last value. No colour, no package.

A column of the picture shows the mean of the steps that fall into it; where curves meet, the first one is on top.
"""

import math
import string
from collections.abc import Callable, Sequence

from harness.analysis.curves import Curve, drawable
from harness.analysis.numbers import short
from harness.console import table

HEIGHT = 18
NUM_TICKS = 4
STEP = "  step"  # what the numbers below are
LETTERS = string.ascii_letters

Scale = Callable[[float], float]


def curve_text(metric: str, curves: Sequence[Curve], *, width: int, log_steps: bool, log_values: bool) -> str:
    """One metric of several runs as lines of letters."""
    shown = [drawable(curve, log_steps=log_steps, log_values=log_values) for curve in curves]
    shown = [curve for curve in shown if curve.steps]
    if not shown:
        return f"{metric}: nothing to draw"
    values = _Axis([value for curve in shown for value in curve.values], HEIGHT, logarithmic=log_values)
    margin = max(len(label) for label in values.labels.values())
    steps = _Axis(
        [step for curve in shown for step in curve.steps], width - margin - 2 - len(STEP), logarithmic=log_steps
    )
    grid = [[" "] * steps.num_cells for _ in range(HEIGHT)]
    letters = {curve.run: letter for letter, curve in zip(LETTERS, curves, strict=False)}
    for curve in reversed(shown):
        for row, column in _cells(curve, steps, values):
            grid[row][column] = letters[curve.run]
    lines = [metric + (" (logarithmic)" if log_values else "")]
    for row in reversed(range(HEIGHT)):
        label = values.labels.get(row, "")
        lines.append(f"{label:>{margin}} {'┤' if label else '│'}{''.join(grid[row])}".rstrip())
    lines += [f"{'':{margin}} └{'─' * steps.num_cells}", f"{'':{margin}}  {_below(steps)}"]
    rows = [
        (f"{letters[curve.run]}  {curve.run}", f"{len(curve.values):,} rows", f"last {short(curve.values[-1])}")
        for curve in curves
        if len(curve.values)
    ]
    return "\n".join([*lines, table(rows)])


class _Axis:
    """Numbers onto cells, and the labels of some cells."""

    def __init__(self, numbers: Sequence[float], num_cells: int, *, logarithmic: bool) -> None:
        self.num_cells = num_cells
        self._scale: Scale = math.log10 if logarithmic else float
        self._low, self._high = self._scale(min(numbers)), self._scale(max(numbers))
        ends = [round(at * (num_cells - 1) / NUM_TICKS) for at in range(NUM_TICKS + 1)]
        span = self._high - self._low
        marks = [(cell, self._low + span * cell / (num_cells - 1)) for cell in ends] if span else [(0, self._low)]
        self.labels = {cell: short(_rounded(10**mark if logarithmic else mark)) for cell, mark in marks}

    def cell(self, number: float) -> int:
        """The cell of a number."""
        span = self._high - self._low
        return round((self._scale(number) - self._low) / span * (self.num_cells - 1)) if span else 0


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")


def _cells(curve: Curve, steps: _Axis, values: _Axis) -> list[tuple[int, int]]:
    """Row and column of each mark; a jump between neighbours is filled, so that a line stays one."""
    columns: dict[int, list[float]] = {}
    for step, value in zip(curve.steps, curve.values, strict=True):
        columns.setdefault(steps.cell(step), []).append(value)
    cells: list[tuple[int, int]] = []
    before: int | None = None
    for column, in_column in sorted(columns.items()):
        row = values.cell(sum(in_column) / len(in_column))
        towards = range(before, row, 1 if row > before else -1) if before is not None else ()
        cells += [(between, column) for between in list(towards)[1:]] + [(row, column)]
        before = row
    return cells


def _below(steps: _Axis) -> str:
    """The labels of the steps, each starting at its cell, the last one ending there."""
    line = ""
    for cell, label in steps.labels.items():
        start = cell if cell + len(label) <= steps.num_cells else steps.num_cells - len(label)
        if start >= len(line) + (1 if line else 0):
            line = line.ljust(start) + label
    return line + STEP
