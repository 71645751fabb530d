"""The index: closed runs as Parquet on local disk, so that ten thousand of them open like ten.

    ~/.cache/falsework/runs/<hash of where the runs are>/
      manifest.json     parts in order, the runs of each with the size and time of their events.jsonl
      part-<hex>/       one Parquet file a view (parts.py)
      tails.json        summaries of runs that still write, and how far their rows were read (tails.py)

It holds nothing that the files do not, and deleting it is always safe. A run is taken in when it has closed, or has not
changed for an hour; it is taken again when its events change: whatever adds to a run appends an event. Files are
written beside and renamed, so readers need no lock; those who write take turns.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from harness.runs.duck import failures
from harness.runs.facts import Facts, Upgrade, read_facts
from harness.runs.parts import BYTES_PER_PART, RUNS_PER_PART, write_part
from harness.runs.source import Source, Stamp
from harness.runs.tails import followed
from harness.state import ENDS

LAYOUT = 1  # of the index; another one is made anew
SETTLED_AFTER_SECONDS = 3_600.0  # without a word of its end; a run that goes on after that is seen by its events
KEEP_UNUSED_SECONDS = 86_400.0  # a connection that was opened before may still read an old part
TELL_EVERY_SECONDS = 10.0  # a first look at ten thousand runs takes minutes
BROKEN = (OSError, ValueError, LookupError, TypeError, AttributeError)  # a file of another shape, or none
PACKED = 5  # times smaller than JSON Lines is Parquet, about
FOLD_FACTOR = 4  # a part is made anew together with one this many times smaller, so that there are never many


@dataclass(kw_only=True)
class Part:
    """A part and its runs; those of `stale` are gone, or newer in their own files or in a later part."""

    folder: Path
    runs: dict[str, list[int]]  # size and time of events.jsonl
    sizes: dict[str, int]
    stale: set[str] = field(default_factory=set)

    def file(self, name: str) -> str:
        """The Parquet file of one view."""
        return str(self.folder / f"{name}.parquet")


def refresh(source: Source, names: Sequence[str], upgrade: Upgrade | None) -> tuple[list[Part], list[Facts]]:
    """Takes in what has closed since the last time; gives the parts, and the facts of all runs that are in none.

    Where the index cannot be written, the runs that are not in it yet are given as facts.
    """
    folder = index_folder(source, upgrade)
    parts = _checked(source, names, _read(folder))
    missing = _missing(names, parts)
    facts = {name: found for name in missing[:RUNS_PER_PART] if (found := read_facts(source, name)) is not None}
    if len(missing) > RUNS_PER_PART or any(_is_settled(source, found) for found in facts.values()):
        with suppress(OSError, failures()), _turn(folder):
            parts = _checked(source, names, _read(folder))
            parts = _taken_in(folder, source, names, parts, upgrade)
            _remove_unused(folder, parts)
        missing = _missing(names, parts)
    open_runs = [found for name in missing if (found := facts.get(name) or read_facts(source, name)) is not None]
    return parts, _followed(folder, source, open_runs)


def index_folder(source: Source, upgrade: Upgrade | None) -> Path:
    """Where the index of these runs is; configs upgraded in another way are another index."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    way = [getattr(upgrade, name, "") for name in ("__module__", "__qualname__", "schema_version")]
    return cache / "falsework" / "runs" / hashlib.sha256(f"{source.location}\n{way}".encode()).hexdigest()[:24]


def discard(source: Source, upgrade: Upgrade | None) -> None:
    """Forgets the index: the next look makes it anew."""
    shutil.rmtree(index_folder(source, upgrade), ignore_errors=True)


def _read(folder: Path) -> list[Part]:
    """The parts of the manifest whose files are all there; none where the manifest is missing or broken."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        if manifest["layout"] != LAYOUT:
            return []
        parts = [
            Part(
                folder=folder / part["name"],
                runs=dict(part["runs"]),
                sizes=part["sizes"],
            )
            for part in manifest["parts"]
        ]
        return [part for part in parts if _is_whole(part)]
    except BROKEN:
        return []


def _is_whole(part: Part) -> bool:
    try:
        return all((part.folder / name).stat().st_size == size for name, size in part.sizes.items())
    except OSError:
        return False


def _checked(source: Source, names: Sequence[str], parts: list[Part]) -> list[Part]:
    """The parts, each with what is stale in it."""
    there, seen = set(names), set()
    for part in reversed(parts):
        asked = {run: stamp for run, stamp in part.runs.items() if run in there and run not in seen}
        fresh = asked.keys() - source.changed(asked, "events.jsonl")
        part.stale |= part.runs.keys() - fresh
        seen |= fresh
    return parts


def _missing(names: Sequence[str], parts: Sequence[Part]) -> list[str]:
    known = {run for part in parts for run in part.runs.keys() - part.stale}
    return [name for name in names if name not in known]


def _is_settled(source: Source, facts: Facts) -> bool:
    if facts.last_word.get("event") in ENDS:
        return True
    stamps = [source.stamp(f"{facts.run}/{name}") for name in ("events.jsonl", "metrics.jsonl", "system.jsonl")]
    newest = max((stamp.mtime_ns / 1e9 for stamp in stamps if stamp), default=facts.read_at)
    return facts.state == "crashed" and facts.read_at - newest > SETTLED_AFTER_SECONDS


def _taken_in(
    folder: Path, source: Source, names: Sequence[str], parts: list[Part], upgrade: Upgrade | None
) -> list[Part]:
    """The parts with all runs that have settled; each new part is kept as soon as it is made."""
    parts = [part for part in parts if 2 * len(part.stale) <= len(part.runs)]
    missing = _missing(names, parts)
    total, told_at = len(missing), time.monotonic()
    while missing:
        if time.monotonic() - told_at >= TELL_EVERY_SECONDS:
            told_at = time.monotonic()
            print(f"index, made once: {total - len(missing):,} of {total:,} runs", file=sys.stderr, flush=True)
        num_runs = _num_that_fit(source, missing)
        batch, missing = missing[:num_runs], missing[num_runs:]
        settled = _read_settled(source, batch)
        if not settled:
            continue
        kept = list(parts)
        while kept and _is_folded(kept[-1], len(settled)):
            folded = kept.pop()
            settled |= _read_settled(source, sorted(folded.runs.keys() - folded.stale))
        parts = [*kept, _new_part(folder, source, settled, upgrade)]
        _write_manifest(folder, parts)
    return parts


def _num_that_fit(source: Source, names: Sequence[str]) -> int:
    """How many of these runs, from the first on, make a part."""
    num_bytes = 0
    for number, name in enumerate(names[:RUNS_PER_PART]):
        stamp = source.stamp(f"{name}/metrics.jsonl")
        num_bytes += stamp.size if stamp else 0
        if num_bytes > BYTES_PER_PART:
            return max(number, 1)
    return min(len(names), RUNS_PER_PART)


def _is_folded(part: Part, num_new: int) -> bool:
    """Whether a part is made anew together with new runs, so that there are never many parts."""
    num_before, num_bytes = len(part.runs), PACKED * part.sizes.get("metrics.parquet", 0)
    return num_before < FOLD_FACTOR * num_new and num_before + num_new <= RUNS_PER_PART and num_bytes < BYTES_PER_PART


def _read_settled(source: Source, names: Sequence[str]) -> dict[str, tuple[Facts, Stamp]]:
    """The settled runs, each with the stamp that it had before it was read: what comes later is seen the next time."""
    found = {}
    for name in names:
        stamp = source.stamp(f"{name}/events.jsonl")
        facts = read_facts(source, name)
        if facts is not None and stamp is not None and _is_settled(source, facts):
            found[name] = (facts, stamp)
    return found


def _new_part(folder: Path, source: Source, runs: dict[str, tuple[Facts, Stamp]], upgrade: Upgrade | None) -> Part:
    """A part of these runs. A file that SQL cannot read is left out and told with its run."""
    while True:
        try:
            name = write_part(folder, source, [facts for facts, _ in runs.values()], upgrade)
            break
        except failures() as error:
            if not source.leave_out(str(error)):
                raise
    sizes = {path.name: path.stat().st_size for path in (folder / name).iterdir()}
    return Part(folder=folder / name, runs={run: list(stamp) for run, (_, stamp) in runs.items()}, sizes=sizes)


def _write_manifest(folder: Path, parts: Sequence[Part]) -> None:
    kept = [{"name": part.folder.name, "runs": part.runs, "sizes": part.sizes} for part in parts]
    _write_json(folder / "manifest.json", {"layout": LAYOUT, "parts": kept})


def _followed(folder: Path, source: Source, runs: Sequence[Facts]) -> list[Facts]:
    """The runs, with a summary for each that has none, from where it was read to the last time."""
    try:
        tails = json.loads((folder / "tails.json").read_bytes())
        before = {facts.run: tails.get(facts.run) for facts in runs}
    except BROKEN:
        before = {}
    done, after = [], {}
    for facts in runs:
        if facts.summary is None:
            try:
                facts, after[facts.run] = followed(source, facts, before.get(facts.run))  # noqa: PLW2901 - with more
            except BROKEN:
                facts, after[facts.run] = followed(source, facts, None)  # noqa: PLW2901 - with more
        done.append(facts)
    if after:
        with suppress(OSError):
            _write_json(folder / "tails.json", after)
    return done


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    beside.write_text(json.dumps(value, separators=(",", ":")))
    beside.replace(path)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One process at a time takes runs in: the others would do the same work, and say so when they wait long."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "turn").open("w") as file:
        with suppress(OSError):  # some file systems have no locks; then the last one's manifest is as good
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _wait(file)
        yield


def _wait(turn: IO[str]) -> None:
    words = "index: another process makes it; waiting for that"
    told = threading.Timer(TELL_EVERY_SECONDS, print, [words], {"file": sys.stderr, "flush": True})
    told.daemon = True
    told.start()
    fcntl.flock(turn, fcntl.LOCK_EX)
    told.cancel()


def _remove_unused(folder: Path, parts: Sequence[Part]) -> None:
    used = {part.folder.name for part in parts}
    for path in folder.iterdir():
        old = time.time() - path.stat().st_mtime > KEEP_UNUSED_SECONDS
        if old and path.is_dir() and path.name not in used:
            shutil.rmtree(path, ignore_errors=True)
