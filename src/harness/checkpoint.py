"""Checkpoints that are either whole or not there: written beside, synced, listed in a manifest, then renamed.

A directory counts as a checkpoint only when its manifest has the sha256 that it names, and every file in it the size
and the sha256 written there.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.rows import finite
from harness.train_state import Contents, TrainState, read_tensors, write_tensors

MANIFEST = "manifest.json"
READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Keep:
    """Which checkpoints stay: the newest few, milestones for ever, and the best by a metric of the evals."""

    newest: int
    every_steps: int | None = None
    lowest: str | None = None  # of all with this metric in their manifest, the one with the lowest value
    highest: str | None = None


def save_checkpoint(
    root: Path, contents: Contents, *, keep: Keep, facts: Mapping[str, Any], metrics: Mapping[str, float] | None = None
) -> Path:
    """Writes `root/step_NNNNNNNN`, then deletes the older ones that need not stay. Main process only, in any thread.

    `metrics` are those of the evals at this very step. Raises OSError when the disk is full; what was there before is
    then still whole, and what was half written is gone, which makes room for the words about it.
    """
    final = root / f"step_{contents.numbers['step']:08}"
    for left_behind in root.glob(".writing_*"):  # by a kill
        _remove(left_behind)
    beside = root / f".writing_{final.name}"
    try:
        beside.mkdir(parents=True)
        _write(beside, contents, {**facts, "metrics": finite(metrics or {})})
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    if final.exists() and not find_fault(final):  # a resumed run reached this step again, with the same bits
        shutil.rmtree(beside)
        return final
    _remove(final)
    beside.rename(final)
    _sync(root)
    written = [directory for directory in _directories(root) if directory.name <= final.name]  # a newer one is broken
    for directory in set(written) - _kept(written, keep):
        _remove(directory)
    return final


def _remove(path: Path) -> None:
    """A directory with all in it, or the file or link that stands in the place of one, or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _kept(newest_first: Sequence[Path], keep: Keep) -> set[Path]:
    assert keep.newest >= 1, keep
    kept = set(newest_first[: keep.newest])
    if keep.every_steps:
        kept |= {path for path in newest_first if int(path.name.removeprefix("step_")) % keep.every_steps == 0}
    for metric, best_of in ((keep.lowest, min), (keep.highest, max)):
        values = {path: _metrics(path).get(metric) for path in newest_first} if metric else {}
        numbers = {path: value for path, value in values.items() if isinstance(value, float | int)}  # not "NaN"
        if numbers:
            kept.add(best_of(numbers, key=numbers.__getitem__))  # the newest of equals
    return kept


def _metrics(directory: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((directory / MANIFEST).read_bytes()).get("metrics", {}))
    except (OSError, ValueError, RecursionError):  # broken: newest_checkpoint says so when it matters
        return {}


def _write(directory: Path, contents: Contents, facts: dict[str, Any]) -> None:
    """Fills a directory with the files of a checkpoint, the manifest last, and syncs them."""
    write_tensors(directory, contents, shards=shards_beside(directory.parent))
    written = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    with ThreadPoolExecutor(2 * len(written)) as pool:  # the disk works while the processor hashes what is in memory
        synced = [pool.submit(_sync, directory / name) for name in written]
        identities = pool.map(_identity, [directory / name for name in written])
        manifest = {**contents.numbers, **facts, "files": dict(zip(written, identities, strict=True))}
        for future in synced:
            future.result()
    (directory / MANIFEST).write_text(json.dumps({**manifest, "sha256": _seal(manifest)}, indent=1))
    _sync(directory / MANIFEST)
    for folder in {(directory / name).parent for name in [*written, MANIFEST]}:
        _sync(folder)


def shards_beside(root: Path) -> Path:
    """Where all ranks write before `save_checkpoint`, if the state is written in shards."""
    return root / ".shards"


def newest_checkpoint(root: Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint that is whole (None for none), and what is wrong with each newer one."""
    faults: list[str] = []
    for directory in _directories(root):
        fault = find_fault(directory)
        if not fault:
            return directory, faults
        faults.append(f"{directory}: {fault}")
    return None, faults


def load_checkpoint(directory: Path, state: TrainState) -> None:
    """Fills the state from a checkpoint that `newest_checkpoint` or `find_fault` has verified. All ranks."""
    manifest = json.loads((directory / MANIFEST).read_text())
    read_tensors(directory, state)
    state.set_numbers(manifest)


def find_fault(directory: Path) -> str:
    """What keeps a directory from being a whole checkpoint, or ""."""
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
        seal, files = manifest.pop("sha256"), manifest["files"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return f"{MANIFEST} cannot be read ({error})"
    if seal != _seal(manifest):
        return f"{MANIFEST} is not what was written"
    for name, identity in files.items():
        if not (directory / name).is_file():
            return f"{name} is missing"
        try:
            is_whole = _identity(directory / name) == identity
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
        if not is_whole:
            return f"{name} is not what was written"
    return ""


def _directories(root: Path) -> Iterator[Path]:
    """Newest first. What is called otherwise (step_00000200.bak) is somebody's own: neither used nor deleted."""
    return iter(sorted((path for path in root.glob("step_*") if path.name[5:].isdigit()), reverse=True))


def _identity(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
    return {"num_bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def _seal(manifest: dict[str, Any]) -> str:
    """What the manifest says of itself, so that a flipped bit in its step is found too."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
