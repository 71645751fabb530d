"""Curves as plain numbers, ready for drawing: smoothed, thinned, without what a logarithm cannot show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

MAX_CURVES = 24  # more than eight colours times three dashes cannot be told apart


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One metric of one run over its steps. Values may be NaN: a gap."""

    run: str
    experiment: str
    steps: Sequence[float]
    values: Sequence[float]


def smoothed(curve: Curve, weight: float) -> Curve:
    """An exponential moving average, corrected for its start: `weight` is what the past keeps at every row.

    A NaN stays a gap and leaves the average as it was.
    """
    assert 0 <= weight < 1, weight
    average, kept, values = 0.0, 1.0, []
    for value in curve.values:
        if math.isfinite(value):
            average = weight * average + (1 - weight) * value
            kept *= weight
            values.append(average / (1 - kept))
        else:
            values.append(math.nan)
    return replace(curve, values=values)


def drawable(curve: Curve, *, log_steps: bool, log_values: bool) -> Curve:
    """Without rows that are not finite, or that a logarithmic axis has no place for."""
    points = [
        (step, value)
        for step, value in zip(curve.steps, curve.values, strict=True)
        if math.isfinite(value) and (value > 0 or not log_values) and (step > 0 or not log_steps)
    ]
    return replace(curve, steps=[step for step, _ in points], values=[value for _, value in points])


def thinned(curve: Curve, num_points: int) -> Curve:
    """At most so many points, for the eye: of each stretch its lowest and its highest, so that no spike is lost."""
    if len(curve.steps) <= num_points:
        return curve
    per_stretch = math.ceil(2 * len(curve.steps) / num_points)
    kept: list[int] = []
    for start in range(0, len(curve.steps), per_stretch):
        stretch = range(start, min(start + per_stretch, len(curve.steps)))
        kept += sorted({min(stretch, key=curve.values.__getitem__), max(stretch, key=curve.values.__getitem__)})
    return replace(curve, steps=[curve.steps[at] for at in kept], values=[curve.values[at] for at in kept])
