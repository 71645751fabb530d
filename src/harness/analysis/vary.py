"""Which hyperparameters vary over some runs, and how they go with a metric. Plain data in, plain data out.

Runs of a study are no sample: each child changes what somebody chose to change. So a change made alone, between a run
and its parent, is evidence; a rank correlation over all runs is a hint, and says with which other keys it is mixed up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.config_changes import changed_keys, pair_text, value_text
from harness.analysis.numbers import short

MOVES_WITH = 0.7  # from this association on (0 to 1), most of what one key seems to do may be the other's
MIN_RUNS_TO_RANK = 4  # a rank correlation of three points says nothing
MAX_VALUES_APART = 8  # of a number; more, as a random search has, are shown as ranges
NUM_RANGES = 4

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A run as it is asked about: its config, its metric, and the run that it is a child of, if that is here too."""

    run: str
    experiment: str
    parent: str | None
    config: Mapping[str, Any]
    metric: float


@dataclass(frozen=True, kw_only=True)
class Alone:
    """A run that changed one thing against its parent: what the metric did, from the parent to it."""

    experiment: str
    was: str
    now: str
    delta: float


@dataclass(frozen=True, kw_only=True)
class Varying:
    """One hyperparameter (with those that always move with it) over the runs."""

    keys: tuple[str, ...]
    groups: Sequence[tuple[str, int, float]]  # value or range, number of runs, mean of the metric; in order
    alone: Sequence[Alone]  # runs that changed this and nothing else
    correlation: float | None  # Spearman's, over the runs that have a number here
    num_ranked: int
    mixed_with: Sequence[str]  # keys that nearly always move along

    @property
    def largest(self) -> float:
        """The largest effect that was seen; of changes made alone where there are any."""
        return max((abs(one.delta) for one in self.alone), default=abs(self.correlation or 0))


def varying(rows: Sequence[Row]) -> list[Varying]:
    """All hyperparameters with more than one value, those with changes made alone first, larger effects first."""
    together = _together(rows)
    alone = _changes_alone(rows, together)
    found = []
    metric = np.array([row.metric for row in rows])
    for keys in together:
        correlation, num_ranked = _correlation(_numbers(rows, keys[0]), metric)
        found.append(
            Varying(
                keys=keys,
                groups=_groups(rows, keys[0]),
                alone=alone.get(keys, []),
                correlation=correlation,
                num_ranked=num_ranked,
                mixed_with=[
                    other[0]
                    for other in together
                    if other != keys and _association(rows, keys[0], other[0]) >= MOVES_WITH
                ],
            )
        )
    return sorted(found, key=lambda one: (not one.alone, -one.largest))


def _together(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Keys that vary; those that split the runs in the same way are one."""
    splits: dict[tuple[int, ...], list[str]] = {}
    for key in sorted({key for row in rows for key in row.config}):
        codes = _codes(rows, key)
        if len(set(codes)) > 1 and not _is_owed_to_a_kind(rows, key):
            splits.setdefault(codes, []).append(key)
    return [tuple(sorted(keys, key=lambda key: (not key.endswith(".kind"), key))) for keys in splits.values()]


def _codes(rows: Sequence[Row], key: str) -> tuple[int, ...]:
    """The runs' values of a key as numbers, equal for equal values."""
    values = [str(row.config.get(key)) for row in rows]
    order = {value: at for at, value in enumerate(dict.fromkeys(values))}
    return tuple(order[value] for value in values)


def _is_owed_to_a_kind(rows: Sequence[Row], key: str) -> bool:
    """Whether a key is only there or not there, as the kind of its table has it or has not."""
    present = {str(row.config[key]) for row in rows if key in row.config}
    kind = f"{key.rpartition('.')[0]}.kind"
    return len(present) == 1 and kind != key and len({row.config.get(kind) for row in rows}) > 1


def _changes_alone(rows: Sequence[Row], together: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], list[Alone]]:
    """For each set of keys the runs that changed nothing else against their parent."""
    by_run = {row.run: row for row in rows}
    found: dict[tuple[str, ...], list[Alone]] = {}
    for row in rows:
        parent = by_run.get(row.parent or "")
        if parent is None:
            continue
        changed = set(changed_keys(parent.config, row.config))
        owners = [keys for keys in together if changed & set(keys)]
        if len(owners) == 1:
            was, now = pair_text(*(side.config.get(owners[0][0]) for side in (parent, row)))
            delta = row.metric - parent.metric
            found.setdefault(owners[0], []).append(Alone(experiment=row.experiment, was=was, now=now, delta=delta))
    return found


def _groups(rows: Sequence[Row], key: str) -> list[tuple[str, int, float]]:
    metrics: dict[str, list[float]] = {}
    for row in rows:
        metrics.setdefault(str(row.config.get(key)), []).append(row.metric)
    values: dict[str, Any] = {str(row.config.get(key)): row.config.get(key) for row in rows}
    numbers = sorted((text for text in values if _is_number(values[text])), key=lambda text: float(values[text]))
    others = [[text] for text in sorted(values.keys() - set(numbers))]
    at_once = 1 if len(numbers) <= MAX_VALUES_APART else -(-len(numbers) // NUM_RANGES)
    together = [numbers[start : start + at_once] for start in range(0, len(numbers), at_once)] + others
    found = []
    for texts in together:
        first, last = values[texts[0]], values[texts[-1]]
        measured = [metric for text in texts for metric in metrics[text]]
        name = value_text(first) if len(texts) == 1 else f"{short(first)} to {short(last)}"
        found.append((name, len(measured), float(np.mean(measured))))
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(rows: Sequence[Row], key: str) -> Numbers:
    """The values of a key, NaN where a run has no number; a switch is 0 and 1."""
    values = [row.config.get(key) for row in rows]
    return np.array([float(value) if isinstance(value, int | float) else np.nan for value in values])


def _correlation(a: Numbers, b: Numbers) -> tuple[float | None, int]:
    """Spearman's rank correlation and the number of runs behind it; None where it cannot say anything."""
    both = np.isfinite(a) & np.isfinite(b)
    num_ranked = int(both.sum())
    if num_ranked < MIN_RUNS_TO_RANK or np.ptp(a[both]) == 0 or np.ptp(b[both]) == 0:
        return None, num_ranked
    from scipy.stats import spearmanr

    return float(spearmanr(a[both], b[both]).statistic), num_ranked


def _association(rows: Sequence[Row], a: str, b: str) -> float:
    """How much two keys move together where both are there, 0 to 1: by rank between numbers, else by Cramer's V.

    V without its bias: Bergsma 2013, "A bias-correction for Cramer's V and Tschuprow's T".
    """
    both = [row for row in rows if a in row.config and b in row.config]
    numbers = _numbers(both, a), _numbers(both, b)
    if np.isfinite(numbers).all():
        return abs(_correlation(*numbers)[0] or 0.0)
    codes = _codes(both, a), _codes(both, b)
    counts = np.zeros((max(codes[0], default=0) + 1, max(codes[1], default=0) + 1))
    if min(counts.shape) < 2 or len(both) < MIN_RUNS_TO_RANK:
        return 0.0
    np.add.at(counts, codes, 1)
    expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / len(both)
    spare = [(size - 1) / (len(both) - 1) for size in counts.shape]
    excess = ((counts - expected) ** 2 / expected).sum() / len(both) - spare[0] * spare[1] * (len(both) - 1)
    least = min(size - (size - 1) * free for size, free in zip(counts.shape, spare, strict=True)) - 1
    return float(np.sqrt(max(0.0, excess) / least)) if least > 0 else 0.0
