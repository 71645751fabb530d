"""The directory of one run: what is where, how it is named, and how it is opened again. docs/runs.md says it at length.

    runs/22_lr_001_23-20261123T171503Z-9f3a/
      run.json           written once, last of the record: experiment, why, fingerprints, command, world, commit, data
      config.toml  layers/     the resolved config; the authored files
      config.json        {"optimizer.lr": {"value": 0.01, "origin": "configs/22_lr_001_23.toml:8:6"}}
      code/              commit.txt, uncommitted.patch, source/, left_out.txt
      environment.json   Python, packages, hardware
      segments/001/      code/ and environment.json as they were when the run went on (001 is the first resume)
      events.jsonl       started, resumed, evaluated, checkpoint, alert, mirror, finished, preempted, failed
      metrics.jsonl      one row a step: {"step":12,"t":1790000000.123,"seg":0,"train/loss":2.31}
      system.jsonl       one row every few seconds, from a thread: the heartbeat, cpu, memory, GPU, throughput
      summary.json       written at close: last, min and max of every metric with their steps; time, tokens, status
      output.txt         stdout and stderr as they were (output_rank0.txt, output_rank1.txt, ... of several processes)
      log.txt            what the trainer said;  error_rank0.txt  the traceback of a rank that failed
      mirrors/NAME/      files of other trackers;  writer  which process holds the run
      evals/NAME/step_00000200/{result.json,samples.jsonl}      every raw row of every eval
      checkpoints/step_00000200/
    runs/notes/*.jsonl  runs/ratings/*.jsonl  runs/.trash/      what people say about runs, never inside one

A run directory is only ever added to, by its own run, and not at all after its close. One process writes each file, one
row by one `os.write`; nothing is locked. What state a run is in is derived (harness/state.py), never stored.
"""

import json
import math
import os
import secrets
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from harness.heartbeat import Heartbeat
from harness.launch import launched_processes
from harness.metric_rows import MetricWriter
from harness.redact import clean_command
from harness.rows import RowWriter, each_row, read
from harness.state import ENDS, STARTS
from harness.summary import Summary

MAX_NAME_TRIES = 100
MAX_MIRROR_SECONDS = 30.0  # at the close, for what waits and for the tracker's own end


class Mirror(Protocol):
    """Another tracker that is told what is recorded here; it may neither raise nor wait."""

    def offer(self, step: int, values: Mapping[str, float]) -> None:
        """Takes the numbers of one step, or drops them."""

    def close(self, *, max_seconds: float) -> Mapping[str, Any]:
        """Ends it within this time; gives what an event is to say about it."""


class RunDirectory:
    """An open run, on the main process only. `segment` counts the starts: 0 for the first, 1 after one resume."""

    def __init__(self, path: Path, *, segment: int) -> None:
        from harness.system_metrics import SystemMetrics  # psutil, for which a config error must not wait

        self.path = path
        self.segment = segment
        self.mirrors: list[Mirror] = []
        self._summary = Summary()
        self._events = RowWriter(path / "events.jsonl")
        self._metrics = MetricWriter(path / "metrics.jsonl", segment=segment, summary=self._summary)
        self._alerted: set[str] = set()
        self._progress: dict[str, int] = {}
        system = SystemMetrics()
        self._heartbeat = Heartbeat(
            path / "system.jsonl", segment=segment, sample=lambda: system.sample(**self._progress)
        )

    def event(self, kind: str, /, **fields: Any) -> None:
        """Appends an event with the time. A start says where it runs, and an end has the summary written before it."""
        if kind in STARTS:
            fields |= {"host": socket.gethostname(), "pid": os.getpid(), "num_processes": launched_processes()}
            fields |= {"command": clean_command(sys.orig_argv)}
            if self.segment:
                self._summary.add_earlier(self.path / "metrics.jsonl", self.path / "events.jsonl", start=fields["step"])
        if kind == "checkpoint":
            fields |= _identity_of(self.checkpoints / fields["path"])
        if kind == "evaluated":
            self._summary.add_evals(fields["step"], fields["metrics"])
            self._mirror(fields["step"], fields["metrics"])
        if kind in ENDS:
            with suppress(*([OSError] if kind == "failed" else [])):  # the event of a full disk is worth more
                self._write_summary(kind)
        self._events.write({"event": kind, "t": round(time.time(), 3), "seg": self.segment, **fields})

    def record_step(self, step: int, values: Mapping[str, float], seconds: float | None = None) -> None:
        """Appends the metrics of one step, done `seconds` after 1970 if not now; alerts once to each not finite."""
        if not self._metrics.write(step, values, seconds):
            self._alert(step, values)
        if self.mirrors:
            self._mirror(step, values)

    def note_progress(self, *, step: int, num_steps: int, num_tokens: int) -> None:
        """What the heartbeat is to say: the last step recorded, and the steps and tokens of this segment up to it."""
        self._progress = {"step": step, "num_steps": num_steps, "num_tokens": num_tokens}

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints are."""
        return self.path / "checkpoints"

    def eval_directory(self, name: str, step: int) -> Path:
        """Where the rows of one eval at one step go; made when missing."""
        directory = self.path / "evals" / name / f"step_{step:08}"
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def close(self, *, max_mirror_seconds: float = MAX_MIRROR_SECONDS) -> None:
        """Ends the heartbeat and the mirrors, and syncs and closes the row files."""
        self._heartbeat.close()
        for mirror in self.mirrors:
            self.event("mirror", **mirror.close(max_seconds=max_mirror_seconds))
        self._metrics.close()
        self._events.close()

    def _mirror(self, step: int, values: Mapping[str, float]) -> None:
        for mirror in self.mirrors:
            mirror.offer(step, values)

    def _alert(self, step: int, values: Mapping[str, float]) -> None:
        """The first time in a segment that a key is not finite: one that stays so would fill the file."""
        for key, value in values.items():
            if not math.isfinite(value) and key not in self._alerted:
                self._alerted.add(key)
                self.event("alert", kind="not_finite", step=step, key=key, value=value)

    def _write_summary(self, status: str) -> None:
        self._metrics.fold()
        summary = {
            "status": status,
            "seg": self.segment,
            "step": self._summary.last_step,
            "tokens": self._summary.total("train/tokens"),
            "wall_seconds": round(self._earlier_seconds() + self._heartbeat.uptime_seconds, 3),
            **self._summary.plain(),
        }
        beside = self.path / ".writing_summary.json"
        with beside.open("w", encoding="utf-8") as file:
            json.dump(summary, file, ensure_ascii=False, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path / "summary.json")

    def _earlier_seconds(self) -> float:
        """How long the segments before this one lasted, as their last heartbeats say."""
        if self.segment == 0:
            return 0.0
        lasted = {row["seg"]: float(row["uptime"]) for row in each_row(self.path / "system.jsonl") if "uptime" in row}
        return math.fsum(seconds for segment, seconds in lasted.items() if segment < self.segment)


def _identity_of(checkpoint: Path) -> dict[str, Any]:
    """The seal of a checkpoint's manifest, which has the hashes of its files, and its size."""
    manifest = checkpoint / "manifest.json"
    if not manifest.is_file():
        return {}
    num_bytes = sum(path.stat().st_size for path in checkpoint.rglob("*") if path.is_file())
    return {"sha256": json.loads(manifest.read_bytes())["sha256"], "bytes": num_bytes}


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
    starts = [row for row in read(events) if row.get("event") in STARTS] if events.exists() else []
    return RunDirectory(path, segment=len(starts))


def is_run_directory(path: Path) -> bool:
    """Whether this is a run's directory: it has the record that is written at the start."""
    return (path / "run.json").is_file()
