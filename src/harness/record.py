"""What a run keeps so that it can be understood in two years: config, authored layers, code, environment, launch line.

Standard library only, and only files under the run directory: no tracker is asked, nothing leaves the machine.
"""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.rows import finite

SOURCE_FOLDERS = ("src", "bindings")
SOURCE_FILES = ("train.py", "pyproject.toml", "constraints.txt")
MAX_SOURCE_BYTES = 1_000_000  # of one file; larger ones are data, not code
MAX_PATCH_BYTES = 5_000_000
GIT_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What was asked for, as plain data: the harness stores it and never looks inside."""

    name: str  # "22_lr_001_23", or "22_lr_001_23+cpu_debug" with a profile on top
    why: str
    config: Mapping[str, Any]  # {"optimizer.lr": 0.01}: dotted keys, plain values
    origins: Mapping[str, str] = field(default_factory=dict)  # {"optimizer.lr": "configs/22_lr_001_23.toml:8:6"}
    files: Mapping[str, bytes] = field(default_factory=dict)  # further files of the record: {"config.toml": ...}
    fingerprint: str = ""
    fingerprints: Mapping[str, str] = field(default_factory=dict)  # of the fields of each class: {"science": ...}
    notes: Sequence[str] = ()  # what is to be said at the start of a new run


def write_record(directory: Path, experiment: Experiment, facts: Mapping[str, Any]) -> None:
    """Fills a fresh run directory: run.json, config.json, the experiment's files, code/ and environment.json."""
    for name, content in experiment.files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    config = {key: {"value": value, "origin": experiment.origins.get(key)} for key, value in experiment.config.items()}
    _write_json(directory / "config.json", config)
    _write_json(directory / "environment.json", environment())
    snapshot_code(directory / "code")
    run = {
        "id": directory.name,
        "experiment": experiment.name,
        "why": experiment.why,
        "fingerprint": experiment.fingerprint,
        "fingerprints": experiment.fingerprints,
        "command": sys.orig_argv,
        "working_directory": str(Path.cwd()),
        **facts,
    }
    _write_json(directory / "run.json", run)


def environment() -> dict[str, Any]:
    """Python, packages and hardware. No environment variable is stored: they hold secrets."""
    return {
        "python": sys.version,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "host": socket.gethostname(),
        "num_cores": os.cpu_count(),
        "packages": dict(sorted(_packages().items(), key=lambda item: item[0].lower())),
    }


def _packages() -> dict[str, str]:
    """Names and versions as the folders of metadata are named: reading the metadata itself takes 0.1 s."""
    folders = [folder.stem for path in reversed(sys.path) for folder in Path(path).glob("*.dist-info")]
    return dict(folder.split("-", 1) for folder in folders if "-" in folder)


def snapshot_code(directory: Path) -> None:
    """Copies the project's source, and where git is there also the commit and the uncommitted changes."""
    root = Path(sys.argv[0]).resolve().parent
    for folder in SOURCE_FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            _copy(path, root, directory / "source")
    for name in SOURCE_FILES:
        if (root / name).is_file():
            _copy(root / name, root, directory / "source")
    commit = _git(root, "rev-parse", "HEAD")
    if commit:
        patch = _git(root, "diff", "--binary", "--no-color", "--no-ext-diff", "HEAD")
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "commit.txt").write_bytes(commit)
        left_out = f"left out: {len(patch)} bytes, the bound is {MAX_PATCH_BYTES}\n".encode()
        (directory / "uncommitted.patch").write_bytes(patch if len(patch) <= MAX_PATCH_BYTES else left_out)


def _copy(path: Path, root: Path, target: Path) -> None:
    if path.stat().st_size <= MAX_SOURCE_BYTES:
        to = target / path.relative_to(root)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)


def _git(root: Path, *words: str) -> bytes:
    """What git prints, or nothing where there is no git or no repository."""
    try:
        done = subprocess.run(["git", *words], cwd=root, check=False, capture_output=True, timeout=GIT_TIMEOUT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
