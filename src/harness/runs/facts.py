"""What one run directory says, read with the standard library: record, config, events, summary, state.

It never fails: a file that is missing, torn or unreadable is a problem that is told with the run. Directories of older
layouts read the same; what they lack is None. Metric rows are not read here, there may be millions.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.runs.source import Source
from harness.state import ALIVE_PERIODS, ENDS, STARTS, UNTIL_FIRST_BEAT_SECONDS

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]  # a flat config of any age -> its keys and values as of today

TAIL_BYTES = 16_384  # of system.jsonl and metrics.jsonl; a row has some hundred


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One run. `problems` says what could not be read; `summary` is None until the run closed after its last start."""

    run: str
    path: str
    record: dict[str, Any]
    events: list[dict[str, Any]]
    beat: dict[str, Any] | None
    summary: dict[str, Any] | None
    first_step: int  # 0 in the rows of the first layout, which counted from 0; everything is counted from 1 here
    last_row: dict[str, Any] | None  # of metrics.jsonl, as it is written; None where a summary says more
    num_torn: int
    recorded_at: float  # when run.json was written, by the clock of the file system; in seconds since 1970, as read_at
    read_at: float
    problems: list[str] = field(default_factory=list)

    @cached_property
    def last_word(self) -> dict[str, Any]:
        """The event that decides the state."""
        return next((row for row in reversed(self.events) if row.get("event") in (*STARTS, *ENDS)), {})

    @property
    def state(self) -> str:
        """The rule of harness.state: the last word of the run, else how old its heartbeat is, or its record."""
        word = self.last_word.get("event")
        if word in ENDS:
            return ENDS[word]
        age_seconds, alive_seconds = self.read_at - self.recorded_at, UNTIL_FIRST_BEAT_SECONDS
        if self.beat is not None:
            age_seconds = self.read_at - _number(self.beat.get("t"))
            alive_seconds = ALIVE_PERIODS * _number(self.beat.get("period"))
        return "running" if abs(age_seconds) <= alive_seconds else "crashed"

    @cached_property
    def kept_until(self) -> dict[int, int]:
        """The last step of each segment that no later segment did again; segments that lost nothing are not in it."""
        starts = [(whole(row, "seg"), whole(row, "step")) for row in self.events if row.get("event") in STARTS]
        return {segment: min(step for _, step in starts[at + 1 :]) for at, (segment, _) in enumerate(starts[:-1])}

    def is_kept(self, row: dict[str, Any]) -> bool:
        """Whether what an event tells of has not been undone by a resume."""
        step = whole(row, "step")
        return step <= self.kept_until.get(whole(row, "seg"), step)


def read_facts(source: Source, run: str, *, now: float | None = None) -> Facts | None:
    """The facts of one directory, or None where there is no run (yet, or any more)."""
    problems: list[str] = []
    if _bytes(source, f"{run}/run.json", problems) is None and not problems:
        return None
    record = _object(source, f"{run}/run.json", problems)
    events, num_torn = rows(_bytes(source, f"{run}/events.jsonl", problems))
    last: dict[str, Any] = next((row for row in reversed(events) if row.get("event") in (*STARTS, *ENDS)), {})
    summary, beat = None, None
    if last.get("event") in ENDS:
        summary = _object(source, f"{run}/summary.json", problems, may_be_missing=True)
        if whole(summary, "seg") < whole(last, "seg") or not isinstance(summary.get("metrics"), dict):
            summary = None  # of an earlier stop, or of a layout that had none
    else:
        beats, torn_beats = rows(_tail(source, f"{run}/system.jsonl", problems))
        beat, num_torn = (beats[-1] if beats else None), num_torn + torn_beats
    stamp = None if beat or last.get("event") in ENDS else source.stamp(f"{run}/run.json")
    ends, torn_metrics = ([], 0) if summary else _metric_ends(source, run, problems)
    if whole(last, "seg"):
        torn_metrics += _torn_between(source, run, problems)
    return Facts(
        run=run,
        path=source.address(run),
        record=record,
        events=events,
        beat=beat,
        summary=summary,
        first_step=min((row["step"] for row in ends[:1] if row.get("step") == 0), default=1),
        last_row=ends[-1] if ends else None,
        num_torn=num_torn + torn_metrics,
        recorded_at=stamp.mtime_ns / 1e9 if stamp else 0.0,
        read_at=time.time() if now is None else now,
        problems=problems,
    )


def read_config(
    source: Source, run: str, problems: list[str], upgrade: Upgrade | None = None
) -> dict[str, tuple[Any, str | None]]:
    """{"optimizer.lr": (0.01, "configs/22_lr_001_23.toml:8:6")}; keys of today, if `upgrade` knows them."""
    entries = _object(source, f"{run}/config.json", problems)
    written = {
        key: (entry["value"], entry.get("origin"))
        for key, entry in entries.items()
        if isinstance(entry, dict) and "value" in entry
    }
    if upgrade is None:
        return written
    try:
        values = upgrade({key: value for key, (value, _) in written.items()})
    except Exception as error:  # noqa: BLE001 - one config that no upgrade understands must not hide the other runs
        problems.append(f"config.json: not upgraded: {error}")
        return written
    return {key: (value, written.get(key, (None, None))[1]) for key, value in values.items()}


def rows(content: bytes | None) -> tuple[list[dict[str, Any]], int]:
    """The JSON objects among the lines, and how many lines were none: torn by a kill, or written by nobody of ours."""
    found, num_torn = [], 0
    for line in (content or b"").split(b"\n"):
        if line.strip():
            try:
                row = parsed(line)
            except ValueError:
                row = None
            if isinstance(row, dict):
                found.append(row)
            else:
                num_torn += 1
    return found, num_torn


def parsed(content: bytes) -> Any:
    """JSON, with a question mark for what no database can hold or name: half a character, NUL, an empty key.

    Raises ValueError for what is no JSON, or nested beyond what Python reads.
    """
    try:
        value = json.loads(content)
        return _as_text(value) if b"\\u" in content or b'"":' in content else value
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _as_text(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "?").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_as_text(key) or "?": _as_text(inner) for key, inner in value.items()}
    return [_as_text(inner) for inner in value] if isinstance(value, list) else value


def whole(row: Mapping[str, Any], name: str) -> int:
    """A whole number of a row; 0 where there is none."""
    value = row.get(name)
    return value if type(value) is int else 0


def _metric_ends(source: Source, run: str, problems: list[str]) -> tuple[Sequence[dict[str, Any]], int]:
    """The first and the last rows of metrics.jsonl, and whether its last line is torn: the rest is read by SQL."""
    try:
        head = source.read_from(f"{run}/metrics.jsonl", 0, TAIL_BYTES)
        tail = source.read_from(f"{run}/metrics.jsonl", -TAIL_BYTES, TAIL_BYTES)
    except OSError as error:
        problems.append(f"metrics.jsonl: {error.strerror or error}")
        return [], 0
    lines = tail.split(b"\n")
    last = next((found for line in reversed(lines) if (found := rows(line)[0])), [])
    return rows(head.partition(b"\n")[0])[0] + last, rows(lines[-1])[1]


def _torn_between(source: Source, run: str, problems: list[str]) -> int:
    """Torn lines within metrics.jsonl of a run that went on after a kill: rows are flat, so a torn one has no }."""
    content = _bytes(source, f"{run}/metrics.jsonl", problems) or b""
    return sum(1 for line in content.split(b"\n")[:-1] if line.strip() and not line.rstrip().endswith(b"}"))


def _object(source: Source, name: str, problems: list[str], *, may_be_missing: bool = False) -> dict[str, Any]:
    content = _bytes(source, name, problems)
    if content is None:
        if not may_be_missing and not problems:
            problems.append(f"{name.rpartition('/')[2]}: missing")
        return {}
    try:
        value = parsed(content)
    except ValueError as error:
        problems.append(f"{name.rpartition('/')[2]}: not JSON: {error}")
        return {}
    if not isinstance(value, dict):
        problems.append(f"{name.rpartition('/')[2]}: no JSON object")
        return {}
    return value


def _bytes(source: Source, name: str, problems: list[str]) -> bytes | None:
    try:
        return source.read(name)
    except OSError as error:
        problem = f"{name.rpartition('/')[2]}: {error.strerror or error}"
        if problem not in problems:
            problems.append(problem)
        return None


def _tail(source: Source, name: str, problems: list[str]) -> bytes:
    """The last bytes of a file from the start of a line on."""
    try:
        tail = source.read_from(name, -TAIL_BYTES, TAIL_BYTES)
    except OSError as error:
        problems.append(f"{name.rpartition('/')[2]}: {error.strerror or error}")
        return b""
    return tail if len(tail) < TAIL_BYTES else tail.partition(b"\n")[2]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
