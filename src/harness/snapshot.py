"""The code of a run: its source as it stood, and where git is there also the commit and what was not committed.

Data and secrets stay out, by their names, sizes and looks; what was left out is listed. It changes nothing in the
repository and takes no lock there.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.redact import clean_bytes, is_secret_file

SOURCE_FOLDERS = ("src", "bindings")
SOURCE_FILES = ("train.py", "pyproject.toml", "constraints.txt")
SOURCE_SUFFIXES = (
    *(".py", ".pyi", ".pyx", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".rs", ".js", ".css", ".html", ".sql"),
    *(".toml", ".cfg", ".ini", ".yaml", ".yml", ".sh", ".md"),
)
MAX_FILE_BYTES = 1_000_000  # larger ones are data, not code
MAX_FILES = 2_000
MAX_PATCH_BYTES = 5_000_000
MAX_LISTED = 500
GIT_TIMEOUT_SECONDS = 10


def snapshot_code(directory: Path) -> dict[str, Any]:
    """Fills `code/` of a run; gives {"commit", "dirty", "left_out"}: a hash or None, and how many files stayed out."""
    root = Path(sys.argv[0]).resolve().parent
    commit = _git(root, "rev-parse", "HEAD").strip()
    changed, unknown = _uncommitted(root) if commit else ([], [])
    left_out: list[str] = []
    _copy_all(_source_of(root, unknown, left_out), root, directory / "source", left_out)
    if commit:
        _write(directory / "commit.txt", commit + b"\n")
        _write(directory / "uncommitted.patch", _patch(root, changed, left_out))
    if left_out:
        lines = [*left_out[:MAX_LISTED], *([f"and {len(left_out) - MAX_LISTED} more"] if left_out[MAX_LISTED:] else [])]
        _write(directory / "left_out.txt", "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
    return {"commit": commit.decode() or None, "dirty": bool(changed or unknown), "left_out": len(left_out)}


def _uncommitted(root: Path) -> tuple[list[str], list[str]]:
    """Tracked files that differ from the commit, and files that git neither knows nor ignores; below the root."""
    prefix = _git(root, "rev-parse", "--show-prefix").strip().decode("utf-8", "surrogateescape")
    listed = _git(root, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", ".")
    entries = [entry for entry in listed.decode("utf-8", "surrogateescape").split("\0") if entry]
    changed = [entry[3:].removeprefix(prefix) for entry in entries if not entry.startswith("??")]
    unknown = [entry[3:].removeprefix(prefix) for entry in entries if entry.startswith("??")]
    return changed, unknown


def _source_of(root: Path, unknown: Iterable[str], left_out: list[str]) -> list[Path]:
    """The project's source, and what is source among the files that git does not know."""
    standing = [path for folder in SOURCE_FOLDERS for path in sorted((root / folder).rglob("*.py"))]
    standing += [root / name for name in SOURCE_FILES if (root / name).is_file()]
    known = set(standing)
    runs: dict[Path, bool] = {}
    for name in unknown:
        path = root / name
        if path in known or _is_in_a_run(path.parent, root, runs):
            continue
        if path.suffix in SOURCE_SUFFIXES:
            standing.append(path)
        else:
            left_out.append(f"{name}: not known to git, and not source by its name")
    return standing


def _is_in_a_run(folder: Path, root: Path, known: dict[Path, bool]) -> bool:
    """Whether a folder belongs to a run. Each run has such a copy: copies of copies would double with every run."""
    if folder not in known:
        above = folder != root and _is_in_a_run(folder.parent, root, known)
        known[folder] = above or (folder / "run.json").is_file()
    return known[folder]


def _copy_all(paths: Iterable[Path], root: Path, target: Path, left_out: list[str]) -> None:
    for number, path in enumerate(paths):
        name = path.relative_to(root)
        reason = f"more than {MAX_FILES} files" if number >= MAX_FILES else _reason_against(path, root)
        if reason:
            left_out.append(f"{name}: {reason}")
            continue
        content, found = clean_bytes(path.read_bytes())
        left_out += [f"{name}: {what}, in the text" for what in found]
        _write(target / name, content)


def _reason_against(path: Path, root: Path) -> str:
    """Why a file is not kept, or ""."""
    if is_secret_file(path.name):
        return "its name is that of a secret"
    if not path.resolve().is_relative_to(root) or not path.is_file():
        return "not a file below the project"
    if path.stat().st_size > MAX_FILE_BYTES:
        return f"larger than {MAX_FILE_BYTES:,} bytes"
    return ""


def _patch(root: Path, changed: Iterable[str], left_out: list[str]) -> bytes:
    """What `git apply` needs to get from the commit to the tracked files as they stood."""
    kept: list[str] = []
    for name in changed:
        reason = _reason_against_change(root / name, root)
        if reason or len(kept) >= MAX_FILES:
            left_out.append(f"{name}: changed, but {reason or f'more than {MAX_FILES} files are'}")
        else:
            kept.append(name)
    if not kept:
        return b""
    words = ("--literal-pathspecs", "diff", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--relative")
    patch, found = clean_bytes(_git(root, *words, "HEAD", "--", *kept))
    left_out += [f"uncommitted.patch: {what}, in the text: it cannot be applied as it is" for what in found]
    if len(patch) > MAX_PATCH_BYTES:
        left_out.append(f"uncommitted.patch: {len(patch):,} bytes, the bound is {MAX_PATCH_BYTES:,}")
        return b""
    return patch


def _reason_against_change(path: Path, root: Path) -> str:
    """Why a changed file stays out of the patch, or "". A deleted one has no content to look at."""
    if not path.exists():
        return "its name is that of a secret" if is_secret_file(path.name) else ""
    reason = _reason_against(path, root)
    if not reason and b"\0" in (content := path.read_bytes()) and clean_bytes(content)[1]:
        return "binary, with what looks like a secret"  # which the patch would hide from every search
    return reason


def _git(root: Path, *words: str) -> bytes:
    """What git prints, or nothing where there is no git or no repository."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, env=environment, check=False, capture_output=True, timeout=GIT_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
