"""What people said about runs: runs/notes/*.jsonl and runs/ratings/*.jsonl as columns, and the tags that stand."""

from collections import defaultdict
from typing import Any

from harness.runs.columns import Columns, plain, zipped
from harness.runs.facts import rows
from harness.runs.source import Source

NOTE_TYPES = {
    "session": "VARCHAR",
    "line": "BIGINT",
    "t": "DOUBLE",
    "event": "VARCHAR",
    "run": "VARCHAR",
    "text": "VARCHAR",
    "row": "JSON",
}
RATING_TYPES = {name: kind for name, kind in NOTE_TYPES.items() if name != "text"}
SAID_TYPES = {"run": "VARCHAR", "tags": "VARCHAR", "num_notes": "BIGINT", "num_looked": "BIGINT"}


def note_columns(source: Source) -> Columns:
    """One row a note, tag, conclusion, ..."""
    said = [
        (session, at, row.get("t"), row.get("event"), row.get("run"), _text_of(row), plain(row))
        for session, at, row in _rows(source, "notes")
    ]
    return zipped(NOTE_TYPES, said)


def rating_columns(source: Source) -> Columns:
    """One row a rating; what it says beside the time and the run is its own."""
    rated = [
        (session, at, row.get("t"), row.get("event"), row.get("run"), plain(row))
        for session, at, row in _rows(source, "ratings")
    ]
    return zipped(RATING_TYPES, rated)


def said_columns(source: Source) -> Columns:
    """One row a run that somebody said something about: its tags as JSON, and how much was noted and looked at."""
    tags: dict[str, dict[str, None]] = defaultdict(dict)
    noted, looked = defaultdict[str, int](int), defaultdict[str, int](int)
    said = [row for *_, row in _rows(source, "notes") if isinstance(row.get("run"), str)]
    for row in sorted(said, key=_time):  # a tag of one session may be taken back in another
        run, event, text = row["run"], row.get("event"), _text_of(row)
        if event == "tag":
            tags[run][str(text)] = None
        elif event == "untag":
            tags[run].pop(str(text), None)
        elif event in ("note", "conclusion", "sample_note"):
            noted[run] += 1
        elif event == "looked":
            looked[run] += int(row["n"]) if isinstance(row.get("n"), int) else 1
    runs = list(dict.fromkeys(row["run"] for row in said))
    return zipped(SAID_TYPES, [(run, plain(sorted(tags[run])), noted[run], looked[run]) for run in runs])


def _rows(source: Source, folder: str) -> list[tuple[str, int, dict[str, Any]]]:
    """(session, line, row) of every complete row; a file that cannot be read has none."""
    found = []
    for name in source.files(folder):
        try:
            content = source.read(f"{folder}/{name}") if name.endswith(".jsonl") else None
        except OSError:
            continue
        found += [(name.removesuffix(".jsonl"), at, row) for at, row in enumerate(rows(content)[0])]
    return found


def _text_of(row: dict[str, Any]) -> Any:
    return next((row[name] for name in ("text", "tag", "note") if name in row), None)


def _time(row: dict[str, Any]) -> float:
    moment = row.get("t")
    return float(moment) if isinstance(moment, int | float) else 0.0
