"""An ejected experiment at the full size of the debug profile trains to the same bits as the TOML that it came from."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 240


def said_by(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_ejected_experiment_trains_to_the_same_bits(
    tmp_path: Path, losses: Callable[[Path], list[Any]], last_state: Callable[[Path], Any]
) -> None:
    runs = {}
    for name in ("toml", "python"):
        (tmp_path / f"{name}.toml").write_text(f'[log]\nruns_dir = "{tmp_path}/{name}"\n')
        files = ["configs/22_lr_001_23.toml", "configs/profiles/cpu_debug.toml", str(tmp_path / f"{name}.toml")]
        if name == "python":
            ejected = tmp_path / "ejected.py"
            ejected.write_text(said_by("tools/eject", "+".join(files)))
            files = [str(ejected)]
        said_by("train.py", *files)
        (runs[name],) = (tmp_path / name).iterdir()
    assert len(losses(runs["toml"])) == 20
    assert losses(runs["python"]) == losses(runs["toml"])
    assert last_state(runs["python"]) == last_state(runs["toml"])
    samples = [sorted((runs[name] / "evals").rglob("samples.jsonl")) for name in ("toml", "python")]
    assert len(samples[0]) == len(samples[1]) > 0
    assert [file.read_bytes() for file in samples[0]] == [file.read_bytes() for file in samples[1]]
