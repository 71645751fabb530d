"""The debug profile runs every experiment of configs/ end to end: train, checkpoint, eval, samples, record."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted(path.name for path in (ROOT / "configs").glob("*.toml") if path.name != "machine.toml")
TIMEOUT_SECONDS = 240


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_debug_profile_fits_every_experiment(experiment: str, tmp_path: Path) -> None:
    here = tmp_path / "here.toml"
    here.write_text(f'[log]\nruns_dir = "{tmp_path}/runs"\n')
    profile = "configs/profiles/cpu_debug.toml"
    command = [sys.executable, "train.py", f"configs/{experiment}", profile, str(here)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 20
    assert [path.name for path in sorted((run / "checkpoints").iterdir())] == ["step_00000010", "step_00000020"]
    results = {path.parent.parent.name: json.loads(path.read_text()) for path in run.glob("evals/*/*/result.json")}
    config = {key: entry["value"] for key, entry in json.loads((run / "config.json").read_text()).items()}
    kinds = {name: config[f"eval.{name}.kind"] for name in results}
    assert kinds == {
        key.split(".")[1]: kind for key, kind in config.items() if key.startswith("eval.") and key.endswith(".kind")
    }
    for name, kind in kinds.items():
        assert results[name]["num_rows"] > 0
        if kind == "bits_per_byte":
            assert results[name]["metrics"]["bits_per_byte"] < 8.2
        if kind == "completions":
            assert results[name]["num_rows"] == len(config[f"eval.{name}.prompts"])
    assert json.loads((run / "run.json").read_text())["experiment"].startswith(experiment.removesuffix(".toml"))
