"""Runs of one configuration are found whatever their names are, and their spread is that of a sample."""

import math

import pytest
from scipy.stats import tstd

from harness.analysis.seeds import SeededRun, replicates
from harness.analysis.seeds_text import seeds_text


def run(name: str, loss: float, **config: object) -> SeededRun:
    return SeededRun(run=f"{name}-x", experiment=name, config=config, metrics={"loss": loss})


def test_runs_that_differ_in_the_seed_alone_are_one_group() -> None:
    losses = [1.0, 1.5, 1.1]
    runs = [run(f"e{seed}", loss, seed=seed, lr=0.1, threads=seed) for seed, loss in enumerate(losses)]
    groups = replicates(
        [*runs, run("other", 9.0, seed=0, lr=0.2, threads=0)],
        science=lambda config: {key: value for key, value in config.items() if key != "threads"},
    )
    assert [group.seeds for group in groups] == [(0, 1, 2), (0,)]
    mean, deviation, num_seeds = groups[0].metrics["loss"]
    assert num_seeds == 3
    assert mean == pytest.approx(1.2)
    assert deviation == pytest.approx(tstd(losses))
    assert groups[1].metrics["loss"] == (9.0, None, 1)


def test_a_seed_that_ran_twice_counts_once() -> None:
    (group,) = replicates([run("a", 1.0, seed=1), run("a", 2.0, seed=1)], science=dict)
    assert group.metrics["loss"] == (2.0, None, 1)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_seed_that_diverged_leaves_no_spread(loss: float) -> None:
    runs = [run("a", loss, seed=1), run("b", math.inf, seed=2), run("c", 1.0, seed=3)]
    mean, deviation, num_seeds = replicates(runs, science=dict)[0].metrics["loss"]
    assert (math.isfinite(mean), num_seeds) == (False, 3)
    assert deviation is not None
    assert math.isnan(deviation)


def test_one_seed_is_said_to_tell_nothing() -> None:
    groups = replicates([run("a", 1.0, seed=1), run("b", 2.0, seed=1, lr=1)], science=dict)
    assert seeds_text(groups, ["loss"], width=100).startswith("2 configurations have one seed")
    assert seeds_text(groups[:1], ["loss"], width=100).startswith("1 configuration has one seed")
