"""What a process finds out about the launcher above it, from real parents with real command lines."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHILD = "from harness.launcher import *; print(asked_processes())"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, sys.argv[-1]], check=True)"
CONFIG = "compute_environment: LOCAL_MACHINE\ndistributed_type: MULTI_CPU\nnum_machines: 1\nnum_processes: 2\n"

DIES = """
import signal, time
from harness.launcher import follow_launcher
def told(number, frame):
    print("told", flush=True)
    raise SystemExit
signal.signal(signal.SIGTERM, told)
follow_launcher()
print("ready", flush=True)
time.sleep(30)
"""


def asked(folder: Path, *words: str, **environment: str) -> str:
    """What a script finds when its parent was started with these words before the script's name."""
    (folder / "train.py").write_text(CHILD)
    (folder / "parent.py").write_text(PARENT)
    clean = {name: value for name, value in os.environ.items() if name not in {"WORLD_SIZE", "HF_HOME"}}
    done = subprocess.run(
        [sys.executable, "parent.py", *words, "train.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**clean, "ACCELERATE_MIXED_PRECISION": "no", "XDG_CACHE_HOME": str(folder / "cache"), **environment},
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "1"),
        ("--cpu --num_processes 3", "3"),
        ("--cpu --num-processes=3", "3"),
        ("--config_file two.yaml", "2"),
        ("--config-file=two.json", "2"),
        ("--config_file two.yaml --num_processes 1", "1"),
        ("--config_file missing.yaml", "1"),
    ],
)
def test_the_launchers_words_are_read(tmp_path: Path, words: str, expected: str) -> None:
    (tmp_path / "two.yaml").write_text(CONFIG)
    (tmp_path / "two.json").write_text('{\n  "distributed_type": "MULTI_CPU",\n  "num_processes": 2\n}\n')
    assert asked(tmp_path, *words.split()) == expected


def test_the_launchers_default_file_counts_unless_it_was_told_to_use_the_cpu(tmp_path: Path) -> None:
    for home, environment in (("cache/huggingface", {}), ("home", {"HF_HOME": str(tmp_path / "home")})):
        path = tmp_path / home / "accelerate" / "default_config.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(CONFIG)
        assert asked(tmp_path, **environment) == "2"
        assert asked(tmp_path, "--cpu", **environment) == "1"
        path.unlink()


def test_where_the_launcher_told_its_world_its_words_do_not_count(tmp_path: Path) -> None:
    assert asked(tmp_path, "--num_processes", "3", WORLD_SIZE="2") == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_is_told_when_its_launcher_dies(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "train.py").write_text(DIES)
    (tmp_path / "parent.py").write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, "parent.py", "train.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ACCELERATE_MIXED_PRECISION": "no"},
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(number)
        began = time.monotonic()
        assert parent.stdout.read() == "told\n"  # to the end of the file: the child is gone too
        assert time.monotonic() - began < 10
