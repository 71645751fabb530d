"""Which earlier runs a new one repeats: those that recorded the same fingerprint of all that changes what is learnt."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def earlier_runs(runs_dir: Path, science: str) -> list[Path]:
    """Runs whose record has this science fingerprint, oldest first. A record that cannot be read has none."""
    if not science:
        return []
    paths = [path.parent for path in runs_dir.glob("*/run.json") if fingerprints_of(path).get("science") == science]
    return sorted(paths, key=begun)


def begun(run: Path) -> str:
    """When a run began, as its name says it: names end in `-<UTC time>-<hex>`."""
    return run.name.rpartition("-")[0].rpartition("-")[2]


def fingerprints_of(record: Path) -> Mapping[str, Any]:
    """What a run.json says of the values of each class; nothing for one that cannot be read."""
    try:
        fingerprints = json.loads(record.read_text("utf-8")).get("fingerprints")
    except (OSError, ValueError, AttributeError):
        return {}
    return fingerprints if isinstance(fingerprints, dict) else {}


def repeats_line(runs: list[Path]) -> str:
    """What is said at the start of a run that repeats others; nothing when it is the first."""
    if not runs:
        return ""
    others = f" and {len(runs) - 1} before it" if len(runs) > 1 else ""
    return f"repeats {runs[-1]}{others}: the same in all that changes what is learnt"
