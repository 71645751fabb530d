"""Run directories written by hand, row by row, so that a test knows every byte of them."""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def write_run(
    root: Path,
    run: str,
    *,
    rows: Iterable[Mapping[str, Any]] = (),
    events: Iterable[Mapping[str, Any]] = ({"event": "started", "t": 1.0, "seg": 0, "step": 0},),
    config: Mapping[str, Any] | None = None,
    summary: Mapping[str, Any] | None = None,
    beat: Mapping[str, Any] | None = None,
    **record: Any,
) -> Path:
    """One run: what is not given is not written."""
    path = root / run
    path.mkdir(parents=True)
    write_rows(path / "metrics.jsonl", rows)
    write_rows(path / "events.jsonl", events)
    if beat is not None:
        write_rows(path / "system.jsonl", [{"t": time.time(), "seg": 0, "period": 10.0, **beat}])
    if summary is not None:
        (path / "summary.json").write_text(json.dumps(summary))
    entries = {key: {"value": value, "origin": None} for key, value in (config or {}).items()}
    (path / "config.json").write_text(json.dumps(entries))
    (path / "run.json").write_text(json.dumps({"id": run, "experiment": run, **record}))
    return path


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """JSON Lines as the trainer writes them: NaN is a word already."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def steps(*losses: float | str, first: int = 1, segment: int = 0) -> list[dict[str, Any]]:
    """A row a step."""
    return [
        {"step": step, "t": 100.0 + step, "seg": segment, "train/loss": loss}
        for step, loss in enumerate(losses, start=first)
    ]


FINISHED = [
    {"event": "started", "t": 1.0, "seg": 0, "step": 0},
    {"event": "finished", "t": 9.5, "seg": 0, "step": 3, "reason": "finished"},
]
