"""Where runs are: the few questions that reading asks of a folder of runs, here of a local one.

Names are relative to the folder and use `/`: `22_lr_001_23-.../run.json`. Nothing is written. What is not there is None
or empty; what cannot be read raises OSError, which the reader of a run turns into a problem of that run alone.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from harness.launch import Refused

BESIDE_RUNS = ("notes", "ratings")  # folders beside the runs that are none
NO_UNICODE = re.compile("[\ud800-\udfff]")  # what bytes of a name become that are no UTF-8; no table takes them


class Stamp(NamedTuple):
    """What changes when a file changes."""

    size: int
    mtime_ns: int


class Source(Protocol):
    """A folder of runs, wherever it is."""

    location: str

    def folders(self, name: str = "") -> Sequence[str]:
        """Names of the folders in a folder, sorted, without hidden ones."""

    def files(self, name: str) -> Sequence[str]:
        """Names of the files in a folder, sorted."""

    def read(self, name: str) -> bytes | None:
        """All bytes of a file."""

    def read_from(self, name: str, offset: int, num_bytes: int) -> bytes:
        """At most so many bytes from an offset on; a negative offset counts from the end."""

    def stamp(self, name: str) -> Stamp | None:
        """Size and time of a file."""

    def changed(self, stamps: Mapping[str, list[int]], file: str) -> set[str]:
        """The folders whose file of this name has not the size and time in `stamps` (lists as JSON has them)."""

    def is_readable(self, name: str) -> bool:
        """Whether this is a file that can be read."""

    def leave_out(self, failure: str) -> bool:
        """Takes the file that DuckDB failed on for unreadable from now on. Whether the words name one that is new."""

    def address(self, name: str) -> str:
        """The file as DuckDB is to be told of it."""

    def prepare(self, connection: Any) -> None:
        """Makes the addresses readable to a connection."""


class LocalSource:
    """A folder on a file system of this machine."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.location = str(Path(root).absolute())
        self._root = self.location + "/"
        self._left_out: set[str] = set()

    def folders(self, name: str = "") -> Sequence[str]:
        """Names of the folders in a folder, sorted, without hidden ones and those that are no Unicode."""
        return self._entries(name, folders=True)

    def files(self, name: str) -> Sequence[str]:
        """Names of the files in a folder, sorted."""
        return self._entries(name, folders=False)

    def _entries(self, name: str, *, folders: bool) -> list[str]:
        try:
            with os.scandir(self._root + name) as entries:
                names = [entry.name for entry in entries if entry.is_dir() is folders]
        except (FileNotFoundError, NotADirectoryError):
            return []
        shown = [name for name in names if name[0] != "." and (name.isascii() or not NO_UNICODE.search(name))]
        return sorted(shown)

    def read(self, name: str) -> bytes | None:
        """All bytes of a file."""
        try:
            descriptor = os.open(self._root + name, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            return file.read()

    def read_from(self, name: str, offset: int, num_bytes: int) -> bytes:
        """At most so many bytes from an offset on; a negative offset counts from the end."""
        try:
            with Path(self._root + name).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size + offset) if offset < 0 else offset)
                return file.read(num_bytes)
        except (FileNotFoundError, NotADirectoryError):
            return b""

    def stamp(self, name: str) -> Stamp | None:
        """Size and time of a file."""
        try:
            status = os.stat(self._root + name)  # noqa: PTH116 - twice as fast as Path.stat, ten thousand times
        except OSError:
            return None
        return Stamp(status.st_size, status.st_mtime_ns)

    def changed(self, stamps: Mapping[str, list[int]], file: str) -> set[str]:
        """As it says above: ten thousand questions to the kernel, and hardly more than they take."""
        found = set()
        try:
            root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return set(stamps)
        try:
            for folder, stamp in stamps.items():
                try:
                    status = os.stat(f"{folder}/{file}", dir_fd=root)  # noqa: PTH116 - from the root on, a fifth faster
                except OSError:
                    found.add(folder)
                    continue
                if [status.st_size, status.st_mtime_ns] != stamp:
                    found.add(folder)
        finally:
            os.close(root)
        return found

    def is_readable(self, name: str) -> bool:
        """Whether this is a file that can be read."""
        path = self._root + name
        if path in self._left_out:
            return False
        return os.path.isfile(path) and os.access(path, os.R_OK)  # noqa: PTH113 - as stamp

    def leave_out(self, failure: str) -> bool:
        """Takes the file that DuckDB failed on for unreadable from now on. Whether the words name one that is new."""
        return leave_out(failure, self._root, self._left_out)

    def address(self, name: str) -> str:
        """The file as DuckDB is to be told of it."""
        return self._root + name

    def prepare(self, connection: Any) -> None:
        """A local file needs nothing."""


def source_of(location: str | os.PathLike[str]) -> Source:
    """The source of a folder or an address. Raises Refused where there is none."""
    if isinstance(location, str) and "://" in location:
        from harness.runs.object_storage import ObjectSource

        return ObjectSource(location)
    if not Path(location).is_dir():
        raise Refused(f"{location}: no directory of runs\n  help: name the folder that has the runs in it; --root does for tools")
    return LocalSource(location)


def leave_out(failure: str, root: str, left_out: set[str]) -> bool:
    """Adds the file below root that the words of a failure name, in quotes. Whether it was not there before."""
    named = {name for name in re.findall(r'"([^"]+)"', failure) if name.startswith(root)} - left_out
    left_out |= named
    return bool(named)


def run_names(source: Source) -> list[str]:
    """The folders that may be runs: a folder without run.json is none, which only reading it tells."""
    return [name for name in source.folders() if name not in BESIDE_RUNS]
