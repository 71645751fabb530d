"""What a run keeps so that it can be understood in two years: config, authored layers, code, environment, launch line.

Only files under the run directory: no tracker is asked, nothing leaves the machine. No environment variable is kept,
and what looks like a secret is left out of every text.
"""

import json
import os
import platform
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.launch import Refused
from harness.redact import clean_bytes, clean_command, without_secrets
from harness.rows import finite
from harness.snapshot import snapshot_code


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
    """Fills a fresh run directory: config.json, the experiment's files, code/, environment.json and last run.json."""
    for name, content in experiment.files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clean_bytes(content)[0])
    config = {key: {"value": value, "origin": experiment.origins.get(key)} for key, value in experiment.config.items()}
    _write_json(directory / "config.json", config)
    run = {
        "id": directory.name,
        "experiment": experiment.name,
        "why": experiment.why,
        "fingerprint": experiment.fingerprint,
        "fingerprints": experiment.fingerprints,
        "command": clean_command(sys.orig_argv),
        "working_directory": str(Path.cwd()),
        "code": write_surroundings(directory),
        **facts,
    }
    _write_json(directory / "run.json", run)


def check_data(directory: Path, facts: Mapping[str, Any]) -> None:
    """Raises Refused for a run whose record names other data than those that it would go on with."""
    try:
        record = json.loads((directory / "run.json").read_text("utf-8"))
    except ValueError:  # a power cut soon after the start: there is nothing to compare with
        return
    began, now = _hashes(record.get("data")), _hashes(facts.get("data"))
    changed = [name for name in began if name in now and began[name] != now[name]]
    if changed:
        name = changed[0]
        raise Refused(
            f"{directory}: the data{f' of {name}' if name else ''} are not those that the run began with "
            f"(sha256 {began[name][:8]}, now {now[name][:8]})\n"
            f'  help: bring them back, or begin anew with its weights: [init] kind = "weights", path = "{directory}"'
        )


def _hashes(data: Mapping[str, Any] | None) -> dict[str, str]:
    """Of each source of a mixture by its name, of another kind of data by no name."""
    sources = {"": data} if data and "sha256" in data else data or {}
    return {name: source["sha256"] for name, source in sources.items()}


def write_surroundings(directory: Path) -> dict[str, Any]:
    """Keeps what a start of a run stands on: environment.json and code/; gives the facts of the code."""
    directory.mkdir(parents=True, exist_ok=True)
    _write_json(directory / "environment.json", environment())
    return snapshot_code(directory / "code")


def environment() -> dict[str, Any]:
    """Python, packages and hardware. No environment variable is stored: they hold secrets."""
    from harness.system_metrics import hardware  # psutil, for which a config error must not wait

    return {
        "python": sys.version,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        **hardware(),
        "packages": dict(sorted(_packages().items(), key=lambda item: item[0].lower())),
    }


def _packages() -> dict[str, str]:
    """Names and versions as the folders of metadata are named: reading the metadata itself takes 0.1 s."""
    folders = [folder.stem for path in reversed(sys.path) for folder in Path(path).glob("*.dist-info")]
    return dict(folder.split("-", 1) for folder in folders if "-" in folder)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    text = json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(without_secrets(text)[0] + "\n", "utf-8")
