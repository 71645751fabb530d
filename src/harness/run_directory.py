"""The directory of one run: what is where, how it is named, and how it is opened again.

    runs/22_lr_001_23-20261123T171503Z-9f3a/
      run.json           written once: experiment, why, command, world, device, data, time
      config.toml        the resolved config (and layers/: the authored files); config.json: flat, with origins
      code/  environment.json
      events.jsonl       started, evaluated, checkpoint, resumed, finished, stopped, failed
      metrics.jsonl      one row a step: {"step":12,"t":1790000000.0,"seg":0,"train/loss":2.31}
      evals/NAME/step_00000200/{result.json,samples.jsonl}      every raw row of every eval
      checkpoints/step_00000200/
      log.txt            what stood on the screen

A run directory is only ever added to, by its own run.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.rows import RowWriter, read

MAX_NAME_TRIES = 100


@dataclass(frozen=True, kw_only=True)
class RunDirectory:
    """An open run, on the main process only. `segment` counts the starts: 0 for the first, 1 after one resume."""

    path: Path
    segment: int
    metrics: RowWriter
    events: RowWriter

    def event(self, kind: str, **fields: Any) -> None:
        """Appends an event with the time."""
        self.events.write({"event": kind, "t": time.time(), "seg": self.segment, **fields})

    def record_step(self, step: int, values: Mapping[str, float]) -> None:
        """Appends the metrics of one step."""
        self.metrics.write({"step": step, "t": time.time(), "seg": self.segment, **values})

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints are."""
        return self.path / "checkpoints"

    def eval_directory(self, name: str, step: int) -> Path:
        """Where the rows of one eval at one step go; made when missing."""
        directory = self.path / "evals" / name / f"step_{step:08}"
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def close(self) -> None:
        """Syncs and closes the row files."""
        self.metrics.close()
        self.events.close()


def create_run_directory(root: Path, name: str) -> Path:
    """Makes `root/<name>-<UTC time>-<4 hex>`, never an existing one. Raises OSError when it cannot be made."""
    root.mkdir(parents=True, exist_ok=True)
    for _ in range(MAX_NAME_TRIES):
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        path = root / f"{name}-{stamp}-{secrets.token_hex(2)}"
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise OSError(f"no free name for a run in {root} after {MAX_NAME_TRIES} tries")


def open_run_directory(path: Path) -> RunDirectory:
    """Opens a run for appending, as the next segment. One process at a time may have it open."""
    events = path / "events.jsonl"
    starts = [row for row in read(events) if row.get("event") in ("started", "resumed")] if events.exists() else []
    return RunDirectory(
        path=path, segment=len(starts), metrics=RowWriter(path / "metrics.jsonl"), events=RowWriter(events)
    )


def is_run_directory(path: Path) -> bool:
    """Whether this is a run's directory: it has the record that is written at the start."""
    return (path / "run.json").is_file()
