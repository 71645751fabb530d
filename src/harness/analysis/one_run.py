"""One run as it stands: what it was for, what it changed, how it went, what it left. From its files alone.

`one_run` gives plain data, `one_run_text` one screen of it.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.analysis.config_changes import changes, value_text
from harness.analysis.find import parent_of
from harness.analysis.numbers import duration, short
from harness.analysis.remarks import remarks, tags
from harness.comparison.address import visible
from harness.console import table
from harness.launch import Refused
from harness.rows import read
from harness.runs.columns import run_columns
from harness.runs.facts import read_facts
from harness.runs.source import LocalSource

if TYPE_CHECKING:
    from harness.runs.facts import Upgrade

MAX_EVENTS = 8
MAX_REMARKS = 8
DETAILS = ("path", "reason", "kind", "key", "value", "name", "error", "host")  # what an event says for itself
FACTS = ("why", "created", "device", "num_processes", "precision", "num_parameters", "command", "fingerprint")


def one_run(run: Path, *, upgrade: "Upgrade | None" = None) -> dict[str, Any]:
    """All that the screen says; `upgrade` takes the configs to today's names. Raises Refused for a broken record."""
    record = _record(run / "run.json")
    events = read(run / "events.jsonl") if (run / "events.jsonl").exists() else []
    facts = read_facts(LocalSource(run.parent), run.name)
    assert facts is not None, run
    row = {name: values[0] for name, values in run_columns([facts]).items()}  # as in the table of all runs
    parent = parent_of(run.parent, run.name)
    said = remarks(run.parent, run.name)
    return {
        "run": run.name,
        "path": str(run),
        "state": row["state"],
        **{fact: record.get(fact) for fact in FACTS},
        "seconds": row["seconds"] or 0.0,
        "step": row["step"] or 0,
        "parent": parent.name if parent else None,
        "changed": _changed(parent, run, upgrade) if parent else [],
        "evaluated": [event for event in events if event["event"] == "evaluated"],
        "events": [event for event in events if event["event"] != "evaluated"],
        "tags": tags(said),
        "remarks": [row for row in said if row["event"] in ("note", "conclusion")],
        "files": [_entry(path) for path in sorted(run.iterdir())],
    }


def one_run_text(told: Mapping[str, Any]) -> str:
    """The screen."""
    parts = [
        [f"{told['run']}  {told['state']}", *([f"  {told['why']}"] if told["why"] else [])],
        _facts(told),
        _changes_text(told),
        _evals(told["evaluated"]),
        _events(told["events"]),
        [f"tags  {', '.join(told['tags'])}"] if told["tags"] else [],
        [f"{row['event']}  {row['text']}" for row in told["remarks"][-MAX_REMARKS:]],
        [f"files in {told['path']}", table([tuple(entry.values()) for entry in told["files"]])],
    ]
    return visible("\n\n".join("\n".join(part) for part in parts if part), keep="\n") + "\n"


def _record(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("no JSON object")  # noqa: TRY004, TRY301 - as what is no JSON
    except (OSError, ValueError) as error:
        raise Refused(f"{path}: cannot be read: {error}") from error
    return content


def _changed(parent: Path, run: Path, upgrade: "Upgrade | None") -> list[dict[str, Any]]:
    return changes(_record(parent / "config.json"), _record(run / "config.json"), upgrade)


def _entry(path: Path) -> dict[str, str]:
    """A file with its size, a folder with those of all its files."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    num_bytes = sum(file.stat().st_size for file in files)
    size = f"{num_bytes / 1e6:,.1f} MB" if num_bytes >= 100_000 else f"{num_bytes / 1e3:,.1f} kB"
    is_folder = path.is_dir()
    return {
        "name": f"{path.name}/" if is_folder else path.name,
        "files": f"{len(files):,} file{'s' * (len(files) != 1)}" if is_folder else "",
        "size": size,
    }


def _facts(told: Mapping[str, Any]) -> list[str]:
    processes = told["num_processes"]
    rows = [
        ("created", str(told["created"])),
        ("took", f"{duration(told['seconds'])} for {told['step']:,} steps"),
        ("on", f"{told['device']}, {processes} process{'es' * (processes != 1)}, {told['precision']}"),
        ("parameters", short(told["num_parameters"])),
        ("command", " ".join(told["command"] or [])),
    ]
    return [f"  {name:<10}  {value}" for name, value in rows]


def _changes_text(told: Mapping[str, Any]) -> list[str]:
    if told["parent"] is None:
        return ["no run of its parent is here"]
    if not told["changed"]:
        return [f"changes nothing against {told['parent']}"]
    phrases = [f"{row['key']} {value_text(row['was'])} → {value_text(row['is'])}" for row in told["changed"]]
    width = max(map(len, phrases))
    places = [row["origin"] or "" for row in told["changed"]]
    lines = [f"  {phrase:<{width}}  {place}".rstrip() for phrase, place in zip(phrases, places, strict=True)]
    return [f"changed against {told['parent']}", *lines]


def _evals(evaluated: Sequence[Mapping[str, Any]]) -> list[str]:
    if not evaluated:
        return []
    often = f", {len(evaluated)} times in all" if len(evaluated) > 1 else ""
    metrics = [(key, short(value)) for key, value in evaluated[-1]["metrics"].items()]
    return [f"evaluated after step {evaluated[-1]['step']:,}{often}", *([table(metrics)] if metrics else [])]


def _events(events: Sequence[Mapping[str, Any]]) -> list[str]:
    left_out = [f"  ... {len(events) - MAX_EVENTS} before these"] if len(events) > MAX_EVENTS else []
    lines = []
    for event in events[-MAX_EVENTS:]:
        time_text = time.strftime("%m-%d %H:%M:%S", time.gmtime(event["t"]))
        details = [str(event[key]) for key in DETAILS if event.get(key) not in (None, "", event["event"])]
        lines.append("  ".join(["", time_text, f"step {event.get('step', 0):>7,}", event["event"], *details]))
    return ["events (UTC)", *left_out, *lines]
