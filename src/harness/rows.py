"""Append-only JSON Lines: one writer per file, one `os.write` per row, so a kill at any moment loses no complete row.

NaN and infinities become the strings "NaN", "Infinity" and "-Infinity", which every reader can cast back to a double;
bare NaN is not JSON, and null would hide a diverged loss.
"""

import errno
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # what JSON has no number for


class RowWriter:
    """Appends rows to one file; a torn last line of an earlier, killed writer is closed off first."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = os.lseek(self.descriptor, 0, os.SEEK_END)
        if size and os.pread(self.descriptor, 1, size - 1) != b"\n":
            self.write_line(b"\n")

    def write(self, row: Mapping[str, Any]) -> None:
        """Appends one row. Raises OSError when the disk is full."""
        self.write_line(encode(row))

    def write_line(self, line: bytes) -> None:
        """Appends one row that is encoded already, with its newline. Raises OSError when the disk is full."""
        written = os.write(self.descriptor, line)
        if written != len(line):
            raise short_write(written, len(line))

    def close(self) -> None:
        """Syncs the file to disk and closes it."""
        os.fsync(self.descriptor)
        os.close(self.descriptor)


def short_write(written: int, length: int) -> OSError:
    """The error for a row of which only a part fitted on the disk."""
    return OSError(errno.ENOSPC, f"only {written} of {length} bytes of a row were written: is the disk full?")


def encode(row: Mapping[str, Any]) -> bytes:
    """One JSON line."""
    return json.dumps(finite(row), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def finite(value: Any) -> Any:
    """Plain data as it is, but for NaN and infinities at any depth: those become their words."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value


def read(path: Path) -> list[dict[str, Any]]:
    """The complete rows of a file; a line torn by a kill is left out. Numbers come back as written (NaN as "NaN")."""
    return list(_complete(path.read_bytes().split(b"\n")))


def each_row(path: Path) -> Iterator[dict[str, Any]]:
    """As `read`, one row at a time; a file that is not there has none."""
    if path.exists():
        with path.open("rb") as file:
            yield from _complete(file)


def last_rows(path: Path, *, num_bytes: int = 65_536) -> list[dict[str, Any]]:
    """The complete rows among the last bytes of a file; a file that is not there has none."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        start = max(0, file.seek(0, os.SEEK_END) - num_bytes)
        file.seek(start)
        lines = file.read().split(b"\n")
    return list(_complete(lines[1:] if start else lines))


def _complete(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):  # torn, the empty rest after the last newline, or too deep for a parser
            continue
        if isinstance(row, dict):
            yield row
