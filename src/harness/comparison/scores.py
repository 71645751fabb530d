"""What an eval's rows say as one number per item, so that its mean is the metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Score:
    """A metric as a sum over items, divided by their number or by the sum of another field."""

    metric: str  # "bits_per_byte"
    field: str  # "bits": what is summed
    per: str | None = None  # "num_bytes": what its sum is divided by; the number of items when None
    higher_is_better: bool = True
    cluster: str | None = None  # the field whose equal values mark items that are not independent


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The items of one eval of one run under one score; rows with an error or without the field are counted apart."""

    values: Mapping[str, float]  # id -> value; with `per`, scaled so that the mean over items is the metric
    clusters: Mapping[str, str]  # id -> cluster; empty when the score declares none
    num_errors: int
    num_empty: int
    weights: Mapping[str, float] = field(default_factory=dict)  # with `per`: id -> its part of the denominator, mean 1

    @property
    def mean(self) -> float:
        """The metric over the items that have a value; NaN for none."""
        return sum(self.values.values()) / len(self.values) if self.values else float("nan")


def score_rows(rows: Sequence[Row], score: Score) -> Scored:
    """One value per row. Raises ValueError for two rows of one id.

    A ratio of sums (bits over bytes) becomes a mean by dividing each item's numerator by the mean denominator: exact
    for the metric itself, and for a difference of two runs whose denominators are the same.
    """
    whole = [row for row in rows if not row.get("error")]
    filled = [row for row in whole if isinstance(row.get(score.field), int | float)]
    if len({str(row["id"]) for row in filled}) < len(filled):
        raise ValueError("two rows have the same id")
    unit = sum(float(row[score.per]) for row in filled) / len(filled) if score.per and filled else 1.0
    return Scored(
        values={str(row["id"]): float(row[score.field]) / unit for row in filled},
        clusters={str(row["id"]): str(row[score.cluster]) for row in filled} if score.cluster else {},
        num_errors=len(rows) - len(whole),
        num_empty=len(whole) - len(filled),
        weights={str(row["id"]): float(row[score.per]) / unit for row in filled} if score.per else {},
    )


def scores_of(result: Mapping[str, Any], rows: Sequence[Row]) -> list[Score]:
    """What the eval itself declared in its result.json; for a run from before that, what its rows look like."""
    declared = [Score(metric=metric, **fields) for metric, fields in result.get("scores", {}).items()]
    if declared or not rows:
        return declared
    if {"bits", "num_bytes"} <= rows[0].keys():
        return [Score(metric="bits_per_byte", field="bits", per="num_bytes", higher_is_better=False)]
    named = {"parses": "parse_rate"}
    return [
        Score(metric=named.get(field, field), field=field)
        for field, value in rows[0].items()
        if isinstance(value, bool)
    ]
