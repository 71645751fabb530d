"""Run directories written by hand, file by file, as docs/runs.md lays them out."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NOW = 1_790_000_000.0
BASE = {"seed": 1, "optimizer.kind": "adamw", "optimizer.lr": 0.01, "model.width": 64, "data.seq_len": 128}


def write_run(
    root: Path,
    experiment: str,
    *,
    number: int = 0,
    config: Mapping[str, Any] | None = None,
    losses: Sequence[Any] = (3.0, 2.0),
    bits: float | None = 2.0,
    end: str | None = "finished",
    alive: bool = False,
    minutes: float = 1.5,
) -> Path:
    """A run that logged these losses and evaluated once; without `end` it crashed, unless it is alive."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(NOW + number * 3600))
    run = root / f"{experiment}-{stamp}-{number:04x}"
    run.mkdir(parents=True)
    start = time.time() if alive else NOW + number * 3600
    _write(run / "config.json", {key: _entry(key, value) for key, value in {**BASE, **(config or {})}.items()})
    rows = [{"step": at, "t": start + at, "seg": 0, "train/loss": loss} for at, loss in enumerate(losses, 1)]
    _write_rows(run / "metrics.jsonl", rows)
    events: list[dict[str, Any]] = [{"event": "started", "t": start, "seg": 0, "step": 0}]
    if bits is not None:
        metrics = {"eval/held_out/bits_per_byte": bits}
        events.append({"event": "evaluated", "t": start + 60, "seg": 0, "step": len(losses), "metrics": metrics})
        result = {"metrics": {"bits_per_byte": bits}, "num_rows": 1, "seconds": 0.5}
        folder = run / f"evals/held_out/step_{len(losses):08}"
        folder.mkdir(parents=True)
        _write(folder / "result.json", result)
        _write_rows(folder / "samples.jsonl", [{"id": "a", "bits_per_byte": bits}])
    if end:
        events.append({"event": end, "t": start + 60 * minutes, "seg": 0, "step": len(losses), "reason": end})
    _write_rows(run / "events.jsonl", events)
    _write_rows(run / "system.jsonl", [{"t": start, "seg": 0, "period": 10.0, "uptime": 0.0, "step": 0}])
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + number * 3600))
    facts = {"device": "cpu", "num_processes": 1, "precision": "fp32", "num_parameters": 1000, "created": created}
    record = {"id": run.name, "experiment": experiment, "why": f"why {experiment}", "command": ["python", "train.py"]}
    _write(run / "run.json", {**record, **facts})
    return run


def write_code(run: Path, commit: str, files: Mapping[str, str], patch: str = "") -> None:
    """The snapshot of the code that a run keeps."""
    for name, content in files.items():
        path = run / "code/source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (run / "code/commit.txt").write_text(f"{commit}\n")
    (run / "code/uncommitted.patch").write_text(patch)


def _entry(key: str, value: Any) -> dict[str, Any]:
    return {"value": value, "origin": f"configs/base.toml:1:{len(key)}"}


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def _write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
