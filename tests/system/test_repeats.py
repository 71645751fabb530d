"""Two runs of the same science on one machine: what is said at the start, and what the record keeps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

pytestmark = pytest.mark.slow


def test_a_second_run_says_which_it_repeats_and_machine_toml_is_a_layer_of_both(workplace: Path, run: Run) -> None:
    (workplace / "short.toml").write_text('extends = "tiny.toml"\nwhy = "again?"\ntrain.num_steps = 8\n')
    (workplace / "machine.toml").write_text("log.every_steps = 2\n")
    first = run(workplace, "short.toml")
    assert first.returncode == 0, first.stderr
    assert "repeats" not in first.stdout
    (path,) = (workplace / "runs").iterdir()
    (workplace / "machine.toml").write_text("log.every_steps = 4\n")
    second = run(workplace, "short.toml")
    line = f"repeats runs/{path.name}: the same in all that changes what is learnt"
    assert line in second.stdout.splitlines()
    other = next(run_path for run_path in (workplace / "runs").iterdir() if run_path != path)
    assert line in (other / "log.txt").read_text().splitlines()
    assert (other / "layers" / "02_machine.toml").read_text() == "log.every_steps = 4\n"
    one, two = (json.loads((run_path / "run.json").read_text())["fingerprints"] for run_path in (path, other))
    assert (one["science"], one["speed"]) == (two["science"], two["speed"])
    assert one["place"] != two["place"]
    (workplace / "machine.toml").write_text("train.num_steps = 4\n")
    refused = run(workplace, "short.toml")
    assert refused.returncode == 2
    assert refused.stderr.startswith("machine.toml:1:7: train.num_steps: a science field; ")
