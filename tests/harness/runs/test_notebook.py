"""docs/notebook.md and docs/notebook.py do what they say, on a small store; pandas by hand agrees with the views."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.synthetic_runs import hparams, make_store, metric_values, run_name
from tests.harness.runs.small_store import steps, write_run

ROOT = Path(__file__).parents[3]
NUM_STEPS = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("notebook")
    make_store(path / "runs", 12, NUM_STEPS)
    return path


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "MPLBACKEND": "agg", "XDG_CACHE_HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_block_of_the_page_runs_as_it_stands(folder: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "notebook.md").read_text(), flags=re.DOTALL)
    assert len(blocks) == 5
    output = run([sys.executable, "-c", "\n".join(blocks)], folder)
    losses = metric_values(0, NUM_STEPS)["train/loss"]
    assert output.splitlines()[-1] == f"{hparams(0)['optimizer.lr']} {losses[-1]} {min(losses)}"


def test_by_hand_what_a_resume_has_undone_is_left_out_though_nothing_did_it_again(tmp_path: Path) -> None:
    rows = [*steps(5.0, 4.0, 3.0, 2.0, 1.0), *steps(2.5, first=3, segment=1)]  # 5 steps, back to 2, killed after one
    write_run(tmp_path / "runs", "a", rows=rows, config={"optimizer.lr": 0.1})
    last = (ROOT / "docs" / "notebook.md").read_text().rpartition("```python\n")[2].partition("```")[0]
    assert run([sys.executable, "-c", last], tmp_path) == "0.1 2.5 2.5\n"


@pytest.mark.slow
def test_the_marimo_notebook_runs_as_a_script(folder: Path) -> None:
    pytest.importorskip("marimo")
    output = run([sys.executable, str(ROOT / "docs" / "notebook.py"), str(folder / "runs")], folder)
    best = min((metric_values(at, NUM_STEPS)["train/loss"][-1], at) for at in range(12))
    assert run_name(best[1]) in output
