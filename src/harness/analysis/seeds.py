"""Runs that differ in nothing but their seed, taken together: mean, spread, number. Plain data in, plain data out."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SEED = "seed"

Science = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # of a config what changes what is learnt


@dataclass(frozen=True, kw_only=True)
class SeededRun:
    """A run as it is asked about."""

    run: str
    experiment: str
    config: Mapping[str, Any]
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Replicates:
    """Runs of one configuration with different seeds."""

    experiments: tuple[str, ...]  # more than one if seeds have experiments of their own
    seeds: tuple[Any, ...]
    runs: tuple[str, ...]  # one a seed
    metrics: Mapping[str, tuple[float, float | None, int]]  # mean, sd (None for one seed), number of seeds


def replicates(runs: Sequence[SeededRun], *, science: Science) -> list[Replicates]:
    """All configurations, those with most seeds first. Of runs with the same seed too the last one counts."""
    groups: dict[str, dict[str, SeededRun]] = {}
    for run in runs:
        learnt = {key: value for key, value in science(run.config).items() if key != SEED}
        groups.setdefault(repr(sorted(learnt.items())), {})[str(run.config.get(SEED))] = run
    found = [_together(list(by_seed.values())) for by_seed in groups.values()]
    return sorted(found, key=lambda group: -len(group.seeds))


def _together(runs: Sequence[SeededRun]) -> Replicates:
    ordered = sorted(runs, key=lambda run: (str(type(run.config.get(SEED))), run.config.get(SEED) or 0))
    keys = dict.fromkeys(key for run in ordered for key in run.metrics)
    return Replicates(
        experiments=tuple(dict.fromkeys(run.experiment for run in ordered)),
        seeds=tuple(run.config.get(SEED) for run in ordered),
        runs=tuple(run.run for run in ordered),
        metrics={key: _spread([run.metrics[key] for run in ordered if key in run.metrics]) for key in keys},
    )


def _spread(values: Sequence[float]) -> tuple[float, float | None, int]:
    if not all(map(math.isfinite, values)):  # `statistics` raises for what diverged
        return sum(values) / len(values), math.nan if len(values) > 1 else None, len(values)
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values)
