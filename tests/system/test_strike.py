"""The project without falsework trains to the bits of the project with it, and goes on with its runs."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 600  # whole processes on a machine that is starved of cores
StraightRuns = Callable[[int], Path]
Losses = Callable[[Path], list[float]]
State = Callable[[Path], dict[str, str]]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * TIMEOUT_SECONDS)]

POISON = '''
"""Importing one of these is an error, in every process that has this file on its path."""

import os
import sys

POISONED = os.environ["POISONED"].split()


class Poison:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in POISONED:
            raise ImportError(f"{name} is poisoned")


sys.meta_path.insert(0, Poison())
'''


class Struck:
    """A struck copy, and commands that run in it with poison on what was struck."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "struck"
        self.poison = folder / "poison"
        self.poison.mkdir()
        (self.poison / "sitecustomize.py").write_text(POISON)
        self.said = command(PROJECT, str(PROJECT / "tools" / "strike"), str(self.project)).stdout

    def run(
        self, folder: Path, *arguments: str, poisoned: str = "falsework cattrs tomli_w tomllib"
    ) -> "subprocess.CompletedProcess[str]":
        """Python with these arguments, from the folder, with the copy's rooms before any installed ones."""
        search = os.pathsep.join(map(str, (self.poison, self.project, self.project / "src")))
        return command(folder, *arguments, PYTHONPATH=search, POISONED=poisoned)


def command(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> Struck:
    """The whole project, struck once."""
    return Struck(tmp_path_factory.mktemp("strike"))


def values_of(run_path: Path) -> dict[str, Any]:
    config: dict[str, dict[str, Any]] = json.loads((run_path / "config.json").read_text())
    return {key: entry["value"] for key, entry in config.items()}


def test_the_same_experiment_trains_to_the_same_bits_before_and_after(
    struck: Struck, workplace: Path, straight_runs: StraightRuns, losses: Losses, last_state: State
) -> None:
    ejected = command(workplace, str(PROJECT / "tools" / "eject"), "tiny.toml").stdout
    (workplace / "tiny.py").write_text(ejected)
    struck.run(workplace, str(struck.project / "train.py"), "tiny.py")
    (after,), before = (workplace / "runs").iterdir(), straight_runs(1)
    assert len(losses(before)) == 40
    assert losses(after) == losses(before)
    assert last_state(after) == last_state(before)
    evaluated = [path / "evals" / "held_out" / "step_00000040" / "samples.jsonl" for path in (before, after)]
    assert evaluated[0].read_bytes() == evaluated[1].read_bytes()
    assert values_of(after) == values_of(before)
    records = [json.loads((path / "run.json").read_text()) for path in (before, after)]
    assert records[0]["fingerprint"] == records[1]["fingerprint"]
    assert not (after / "config.toml").exists()


def test_a_run_from_before_the_strike_goes_on_after_it(
    struck: Struck, workplace: Path, straight_runs: StraightRuns, losses: Losses, last_state: State
) -> None:
    half_done = workplace / "runs" / "half_done"
    shutil.copytree(straight_runs(1), half_done)
    for path in sorted((half_done / "checkpoints").iterdir()):
        if path.name > "step_00000016":
            shutil.rmtree(path)
    done = struck.run(workplace, str(struck.project / "train.py"), "runs/half_done")
    assert "goes on after step 16" in done.stdout
    assert losses(half_done) == losses(straight_runs(1))
    assert last_state(half_done) == last_state(straight_runs(1))


def test_the_copy_passes_its_own_tests_and_checks(struck: Struck) -> None:
    names = ["test_floors.py", "test_sources.py", "bindings/test_override.py", "bindings/test_plain.py"]
    tests = [str(struck.project / "tests" / name) for name in names]
    # pytest reads pyproject.toml with tomllib, so that one is left alone here
    struck.run(struck.project, "-m", "pytest", "-p", "no:cacheprovider", *tests, poisoned="falsework cattrs tomli_w")
    struck.run(struck.project, "-m", "pytest", "--collect-only", "tests", poisoned="falsework cattrs tomli_w")
    for words in (["check"], ["format", "--check"]):
        struck.run(struck.project, "-m", "ruff", *words, "--no-cache", ".")
    struck.run(struck.project, "-m", "mypy", poisoned="falsework cattrs tomli_w")
    tools = [path for path in (struck.project / "tools").iterdir() if os.access(path, os.X_OK) and path.is_file()]
    assert {"eval", "look", "runs"} <= {path.name for path in tools}
    for tool in tools:
        struck.run(struck.project, str(tool), "--help")


def test_the_copy_has_every_experiment_and_counts_what_went(struck: Struck) -> None:
    configs = {path.stem for path in (PROJECT / "configs").glob("[0-9]*.toml")}
    assert {path.stem for path in (struck.project / "experiments").glob("*.py")} == configs
    debug = {path.stem for path in (struck.project / "experiments" / "cpu_debug").glob("*.py")}
    assert debug == {f"{name}+cpu_debug" for name in configs}
    assert [path.name for path in struck.project.rglob("*.toml")] == ["pyproject.toml"]
    before, after = (
        {name.partition(">")[0] for name in tomllib.loads(file.read_text())["project"]["dependencies"]}
        for file in (PROJECT / "pyproject.toml", struck.project / "pyproject.toml")
    )
    assert before - after == {"cattrs", "tomli-w"}
    assert after < before
    assert "lines removed in" in struck.said
