"""The runs of both experiments that are equal but for the seed, and what a metric does between them.

Items say how sure a difference between two runs is; only other seeds say how sure one is between two configs.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.find import run_names
from harness.analysis.seeds import SEED, Science, SeededRun, replicates
from harness.comparison.reading import read_metrics
from harness.comparison.seeds import SeedNoise, compare_seeds
from harness.comparison.two_runs import Compared
from harness.state import state_of

MAX_RUNS_READ = 2_000  # the newest of a store; a config takes a millisecond

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class SeedGroups:
    """One finished run a seed, the compared runs themselves among them."""

    a: tuple[Path, ...]
    b: tuple[Path, ...]
    are_equal_but_for_the_seed: bool  # A and B themselves
    num_unread: int  # older runs that were not looked at


@dataclass(frozen=True, kw_only=True)
class BetweenRuns:
    """One metric over the seeds of both."""

    eval: str
    metric: str
    noise: SeedNoise


def seed_groups(a: Path, b: Path, *, science: Science, upgrade: Upgrade) -> SeedGroups:
    """The groups of both runs, looked for in the stores that they are in."""
    stores = dict.fromkeys((a.parent, b.parent))
    paths = [store / name for store in stores for name in run_names(store)]
    configs = {path: config for path in paths[-MAX_RUNS_READ:] if (config := _config(path, upgrade)) is not None}
    of_a, of_b = (_config(run, upgrade) or {} for run in (a, b))
    learnt = [{key: value for key, value in science(config).items() if key != SEED} for config in (of_a, of_b)]
    groups = [
        _group(run, config, configs, same, science)
        for run, config, same in zip((a, b), (of_a, of_b), learnt, strict=True)
    ]
    return SeedGroups(
        a=groups[0],
        b=groups[1],
        are_equal_but_for_the_seed=learnt[0] == learnt[1],
        num_unread=max(0, len(paths) - MAX_RUNS_READ),
    )


def between_runs(groups: SeedGroups, compared: list[Compared], *, step: int | None = None) -> list[BetweenRuns]:
    """Every score that was compared, over the seeds of both; nothing while there is one run each."""
    if max(len(groups.a), len(groups.b)) < 2:
        return []
    found = []
    for one in compared:
        of_a, of_b = (
            [
                value
                for run in group
                if (value := read_metrics(run, one.eval, step=step).get(one.score.metric)) is not None
            ]
            for group in (groups.a, groups.b)
        )
        if of_a and of_b:
            found.append(BetweenRuns(eval=one.eval, metric=one.score.metric, noise=compare_seeds(of_a, of_b)))
    return found


def _group(
    run: Path,
    config: Mapping[str, Any],
    configs: Mapping[Path, Mapping[str, Any]],
    learnt: Mapping[str, Any],
    science: Science,
) -> tuple[Path, ...]:
    """The run itself, and finished ones of other seeds; of two with the same seed the newer one."""
    alike = [
        (path, other)
        for path, other in configs.items()
        if path != run
        and all(key in other and other[key] == value for key, value in learnt.items())
        and state_of(path) == "finished"
    ]
    by_name = {path.name: path for path in (*configs, run)}
    seeded = [
        SeededRun(run=path.name, experiment="", config=values, metrics={}) for path, values in (*alike, (run, config))
    ]
    group = next(group for group in replicates(seeded, science=science) if run.name in group.runs)
    return tuple(by_name[name] for name in group.runs)


def _config(run: Path, upgrade: Upgrade) -> dict[str, Any] | None:
    """The resolved config, flat and under today's names; None where it cannot be read."""
    try:
        recorded = json.loads((run / "config.json").read_bytes())
        return upgrade({key: entry["value"] for key, entry in recorded.items()})
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
