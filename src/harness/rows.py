"""Append-only JSON Lines: one writer per file, one `os.write` per row, so a kill at any moment loses no complete row.

NaN and infinities become the strings "NaN", "Infinity" and "-Infinity", which every reader can cast back to a double;
bare NaN is not JSON, and null would hide a diverged loss.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class RowWriter:
    """Appends rows to one file; a torn last line of an earlier, killed writer is closed off first."""

    def __init__(self, path: Path) -> None:
        torn = path.exists() and path.stat().st_size > 0 and path.read_bytes()[-1:] != b"\n"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if torn:
            os.write(self._descriptor, b"\n")

    def write(self, row: Mapping[str, Any]) -> None:
        """Appends one row. Raises OSError when the disk is full."""
        line = encode(row)
        written = os.write(self._descriptor, line)
        if written != len(line):
            raise OSError(28, f"only {written} of {len(line)} bytes of a row were written: is the disk full?")

    def close(self) -> None:
        """Syncs the file to disk and closes it."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)


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


def _complete(lines: Iterable[bytes]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:  # torn, or the empty rest after the last newline
            continue
        if isinstance(row, dict):
            yield row
