"""Runs that are killed with SIGKILL and started again end with the bits of a run that never was."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Kill = Callable[[Any], None]
StraightRuns = Callable[[int], Path]
State = Callable[[Path], dict[str, str]]

pytestmark = pytest.mark.slow


def run_path(folder: Path) -> Path | None:
    """The only run, once its record is there."""
    return next((path.parent for path in (folder / "runs").glob("*/run.json")), None)


def num_steps_recorded(folder: Path) -> int:
    """Steps that the only run has written down so far."""
    return sum(path.read_bytes().count(b"\n") for path in (folder / "runs").glob("*/metrics.jsonl"))


@pytest.mark.parametrize(("num_processes", "num_kills", "seed"), [(1, 2, 0), (2, 1, 1)])
def test_a_run_killed_at_random_ends_with_the_bits_of_a_straight_one(
    workplace: Path,
    start: Run,
    run: Run,
    kill: Kill,
    wait_for: Callable[..., Any],
    straight_runs: StraightRuns,
    last_state: State,
    num_processes: int,
    num_kills: int,
    seed: int,
) -> None:
    dice = random.Random(seed)
    options = {"processes": num_processes if num_processes > 1 else 0}
    arguments, killed = ["tiny.toml"], Path()
    for kill_after_rows in sorted(dice.sample(range(1, 30), num_kills)):
        process = start(workplace, *arguments, **options)
        wait_for(lambda least=kill_after_rows: num_steps_recorded(workplace) >= least, process)
        kill(process)
        killed = run_path(workplace) or killed
        arguments = [str(killed.relative_to(workplace))]
    done = run(workplace, *arguments, **options)
    assert done.returncode == 0, done.stderr
    assert last_state(killed) == last_state(straight_runs(num_processes))


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    workplace: Path,
    start: Run,
    run: Run,
    kill: Kill,
    wait_for: Callable[..., Any],
    straight_runs: StraightRuns,
    last_state: State,
) -> None:
    process = start(workplace, "tiny.toml")
    wait_for(lambda: list((workplace / "runs").glob("*/checkpoints/.writing_step_00000016")), process)
    kill(process)
    killed = run_path(workplace)
    assert killed is not None
    done = run(workplace, str(killed))
    assert done.returncode == 0, done.stderr
    assert "goes on after step" in done.stdout
    assert last_state(killed) == last_state(straight_runs(1))
    assert not list((killed / "checkpoints").glob(".*")), "what the kill left half written is gone"
