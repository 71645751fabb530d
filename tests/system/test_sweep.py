"""tools/sweep on the baseline: written, trained with the debug profile, killed in the middle, gone on with, told."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.experiments import BASELINE

ROOT = Path(__file__).parents[2]
SWEEP = """
extends = "../01_baseline.toml"
schema = 2
why = "does a sweep go on?"
seed = { _sweep = [1, 2] }
[optimizer]
lr = { _sweep = [0.001, 0.01] }
"""
LAYERS = f"configs/sweeps/rates.toml+{ROOT}/configs/profiles/cpu_debug.toml"

pytestmark = pytest.mark.slow


def test_a_sweep_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, wait_for: Callable[..., Any], kill: Callable[..., None]
) -> None:
    (tmp_path / "configs" / "sweeps").mkdir(parents=True)
    (tmp_path / "configs" / "01_baseline.toml").write_text(BASELINE)
    (tmp_path / "configs" / "sweeps" / "rates.toml").write_text(SWEEP)
    command = [sys.executable, str(ROOT / "tools" / "sweep"), LAYERS]

    def sweep(*words: str) -> list[str]:
        done = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, timeout=280, check=True)
        return done.stdout.splitlines()

    assert "4 points: 4 never ran" in sweep()
    assert sorted(path.name for path in (tmp_path / "configs").glob("*.toml")) == [
        "01_baseline.toml",
        "01_lr_01_02.toml",
        "01_seed_2_03.toml",
        "01_seed_2_lr_01_04.toml",
    ]
    process = subprocess.Popen([*command, "--run", "2"], cwd=tmp_path, stdout=subprocess.DEVNULL, text=True)
    wait_for(lambda: len(list((tmp_path / "runs").glob("*/metrics.jsonl"))) >= 2, process)
    kill(process)
    begun = {path.name for path in (tmp_path / "runs").iterdir()}

    lines = sweep("--run", "2")
    assert "4 points: 4 finished" in lines
    runs = list((tmp_path / "runs").iterdir())
    assert begun <= {path.name for path in runs}
    assert len(runs) == 4, "what was killed went on, and nothing ran twice"
    for run in runs:
        steps = {json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()}
        assert steps == set(range(1, 21))
    at = next(number for number, line in enumerate(lines) if line.split()[-2:] == ["sd", "n"])
    assert lines[at + 2].split()[-2:] == ["2", "best"], "the higher rate gets further in 20 steps"
    assert not [line for line in sweep("--run", "2") if line.endswith("starts") or "goes on" in line]
