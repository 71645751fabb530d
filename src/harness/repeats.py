"""Which earlier runs a new one repeats: those that recorded the same fingerprint of all that changes what is learnt."""

import json
from pathlib import Path


def earlier_runs(runs_dir: Path, science: str) -> list[Path]:
    """Runs whose record has this science fingerprint, oldest first. A record that cannot be read has none."""
    if not science:
        return []
    paths = [path.parent for path in runs_dir.glob("*/run.json") if _science_of(path) == science]
    return sorted(paths, key=lambda path: path.name.rpartition("-")[0].rpartition("-")[2])


def repeats_line(runs: list[Path]) -> str:
    """What is said at the start of a run that repeats others; nothing when it is the first."""
    if not runs:
        return ""
    others = f" and {len(runs) - 1} before it" if len(runs) > 1 else ""
    return f"repeats {runs[-1]}{others}: the same in all that changes what is learnt"


def _science_of(record: Path) -> str | None:
    try:
        fingerprints = json.loads(record.read_text("utf-8")).get("fingerprints")
    except (OSError, ValueError, AttributeError):
        return None
    return fingerprints.get("science") if isinstance(fingerprints, dict) else None
