"""Small stores of runs with samples, made by hand: what a page must show is known without the code under test."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RUN = "01_hostile-20261123T180000Z-0001"


def make_run(root: Path, name: str = RUN, rows: Sequence[dict[str, Any]] = (), *, is_live: bool = False) -> Path:
    """A run with one eval, `completions`, at step 10, and five steps of train/loss."""
    run = root / name
    folder = run / "evals/completions/step_00000010"
    folder.mkdir(parents=True)
    now = time.time()
    start = {"event": "started", "t": now, "seg": 0, "step": 0}
    metrics = [{"step": step, "t": now, "seg": 0, "train/loss": 3.0 - step / 10} for step in range(1, 6)]
    events = [start] if is_live else [start, {"event": "finished", "t": now, "seg": 0, "step": 5}]
    _write_rows(run / "events.jsonl", events)
    _write_rows(run / "metrics.jsonl", metrics)
    _write_rows(run / "system.jsonl", [{"t": now, "seg": 0, "period": 60, "uptime": 1, "step": 5}])
    _write_rows(folder / "samples.jsonl", rows)
    result = {"metrics": {"parse_rate": 0.5}, "num_rows": len(rows), "seconds": 1.0}
    (folder / "result.json").write_text(json.dumps(result))
    (run / "config.json").write_text(json.dumps({"optimizer.lr": {"value": 0.01, "origin": None}}))
    record = {"id": name, "experiment": name.rsplit("-", 2)[0], "why": None, "created": "2026-11-23T18:00:00Z"}
    facts = {"command": ["train.py"], "num_processes": 1, "device": "cpu", "precision": "fp32", "num_parameters": 10}
    (run / "run.json").write_text(json.dumps(record | facts))
    return run


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
