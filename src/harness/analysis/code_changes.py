"""What changed in the code between two runs, from what each kept of it: commit, source files, uncommitted changes.

It reads the two snapshots alone, never the work tree or its history, so it says the same in two years.
"""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

MAX_FILE_BYTES = 2_000_000  # of one file of a snapshot; a larger one is said to differ, not shown
MAX_FILES = 5_000
MAX_FILES_NAMED = 4
PATCHED_FILE = re.compile(r"^diff --git a/(?P<file>.+?) b/.+$", re.MULTILINE)


def code_changes(before: Path, after: Path) -> str:
    """The report: both commits, a unified diff of the source files, and what else was uncommitted in one alone.

    Runs are compared as they started; one that went on with other code is told. Empty when the code is the same.
    """
    commits = _commit(before), _commit(after)
    sources = _sources(before / "code/source"), _sources(after / "code/source")
    diff = _source_diff(*sources)
    elsewhere = _patch_diff(before, after, known=sources[0].keys() | sources[1].keys())
    later = [*_later(before), *([] if after == before else _later(after))]
    if commits[0] == commits[1] and not diff and not elsewhere and not later:
        return ""
    head = [
        f"--- {before.name}: commit {commits[0] or 'unknown'}",
        f"+++ {after.name}: commit {commits[1] or 'unknown'}",
        *([] if diff else ["the source files are the same"]),
    ]
    return "\n".join([*head, *diff, *elsewhere, *later]) + "\n"


def _commit(run: Path) -> str:
    path = run / "code/commit.txt"
    return path.read_text("utf-8").strip() if path.is_file() else ""


def _sources(folder: Path) -> Mapping[str, Path]:
    """Every file of a snapshot, by its name in the project."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) <= MAX_FILES, f"{folder}: {len(files)} files are no snapshot"
    return {path.relative_to(folder).as_posix(): path for path in files}


def _source_diff(before: Mapping[str, Path], after: Mapping[str, Path]) -> list[str]:
    lines: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = (_bytes(side.get(name)) for side in (before, after))
        if old == new:
            continue
        if max(len(old or b""), len(new or b"")) > MAX_FILE_BYTES:
            lines.append(f"{name}: differs, {len(old or b''):,} and {len(new or b''):,} bytes")
            continue
        a, b = (f"{letter}/{name}" if side is not None else "/dev/null" for letter, side in (("a", old), ("b", new)))
        lines += difflib.unified_diff(_lines(old), _lines(new), a, b, lineterm="")
    return lines


def _later(run: Path) -> list[str]:
    """A line for each time that a run went on with other source than it had started with."""
    start = _sources(run / "code/source")
    lines = []
    for folder in sorted(run.glob("segments/*/code")):
        then = _sources(folder / "source")
        names = [
            name for name in sorted(start.keys() | then.keys()) if _bytes(start.get(name)) != _bytes(then.get(name))
        ]
        if names:
            shown = ", ".join(names[:MAX_FILES_NAMED]) + (", ..." if len(names) > MAX_FILES_NAMED else "")
            lines.append(f"{run.name} went on with other code in segment {folder.parent.name}: {shown}")
    return lines


def _patch_diff(before: Path, after: Path, *, known: set[str]) -> list[str]:
    """Uncommitted changes to other files (configs, tools) that the runs do not share, each as its own run kept it."""
    old, new = _patch(before), _patch(after)
    lines: list[str] = []
    for run, mine, theirs in ((before, old, new), (after, new, old)):
        for name in sorted(mine.keys() - known):
            if mine[name] != theirs.get(name):
                lines += [f"uncommitted in {run.name}:", *mine[name].splitlines()]
    return lines


def _patch(run: Path) -> dict[str, str]:
    """The uncommitted changes of a run, by file."""
    path = run / "code/uncommitted.patch"
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    found = list(PATCHED_FILE.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return {match["file"]: text[match.start() : end] for match, end in zip(found, ends, strict=False)}


def _bytes(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", errors="replace").splitlines()
