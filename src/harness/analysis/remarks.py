"""What people say about a run: tags, notes, conclusions. It stands beside the runs, never inside one.

Rows of RUNS_DIR/notes/WHO-HOST.jsonl, appended by one write each; a file has one machine that writes it.
"""

import getpass
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.launch import Refused
from harness.rows import RowWriter, read

FOLDER = "notes"
MAX_CHARACTERS = 10_000
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9.]+")


def remark(run: Path, event: str, text: str = "") -> Path:
    """Appends one row about a run and returns its file. Raises Refused for a text that is empty, or endless."""
    if event in ("tag", "untag", "note", "conclusion") and not text.strip():
        raise Refused(f"an empty {event} says nothing about {run.name}")
    if len(text) > MAX_CHARACTERS:
        raise Refused(f"{len(text):,} characters are too many for a {event}\n  help: at most {MAX_CHARACTERS:,}")
    return append(run.parent, [{"event": event, "run": run.name, **({"text": text} if text else {})}])


def append(root: Path, said: Sequence[Mapping[str, Any]]) -> Path:
    """Appends rows to the file of whoever sits here, with the time, and returns it when they are on the disk."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / f"{_who()}.jsonl"
    writer = RowWriter(path)
    for row in said:
        writer.write({"event": row["event"], "t": round(time.time(), 3), **row})
    writer.close()
    return path


def remarks(root: Path, run: str) -> list[dict[str, Any]]:
    """All rows about one run, in order of time."""
    rows = [row for path in _files(root) for row in read(path) if row.get("run") == run]
    return sorted(rows, key=lambda row: row.get("t", 0))


def tags(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The tags that stand after all that was tagged and untagged."""
    standing: dict[str, None] = {}
    for row in rows:
        if row["event"] == "tag":
            standing[row["text"]] = None
        elif row["event"] == "untag":
            standing.pop(row["text"], None)
    return list(standing)


def _files(root: Path) -> Iterator[Path]:
    yield from sorted((root / FOLDER).glob("*.jsonl"))


def _who() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container may have a user without a name
        name = str(os.getuid())
    return NOT_IN_A_NAME.sub("_", f"{name}-{socket.gethostname()}")
