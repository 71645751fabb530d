"""Runs in object storage, read by the same views: whatever address pyarrow knows, `s3://bucket/runs` first of all.

    runs.open("s3://bucket/runs")                          credentials and region as every AWS tool finds them
    runs.open("s3://bucket/runs?endpoint_override=localhost:9000&scheme=http&region=x")       another server

All names are listed once, when the source is made. DuckDB reads through the same connection, by fsspec: its own httpfs
has to be downloaded on every machine, and a node without a network cannot. Nothing is ever written there.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from harness.launch import Refused
from harness.runs.source import Stamp, leave_out


class ObjectSource:
    """A folder of runs at an address, as it was when it was listed."""

    def __init__(self, address: str) -> None:
        self._system, self._root = _reached(address)
        parts = urlsplit(address)
        self._scheme = parts.scheme
        self.location = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._stamps: dict[str, Stamp] = {}
        self._folders: dict[str, set[str]] = defaultdict(set)
        self._files: dict[str, set[str]] = defaultdict(set)
        self._left_out: set[str] = set()
        self._list()

    def _list(self) -> None:
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self._root, recursive=True, allow_not_found=True)
        for info in self._system.get_file_info(selector):
            name = info.path.removeprefix(self._root).strip("/")
            if info.type == FileType.File:
                self._stamps[name] = Stamp(info.size, info.mtime_ns or 0)
                self._add(name)

    def _add(self, name: str) -> None:
        """A file, and the folders above it, which object storage does not know."""
        above, _, last = name.rpartition("/")
        self._files[above].add(last)
        while above:
            above, _, last = above.rpartition("/")
            self._folders[above].add(last)

    def folders(self, name: str = "") -> Sequence[str]:
        """Names of the folders in a folder, sorted, without hidden ones."""
        return sorted(folder for folder in self._folders.get(name, ()) if not folder.startswith("."))

    def files(self, name: str) -> Sequence[str]:
        """Names of the files in a folder, sorted."""
        return sorted(self._files.get(name, ()))

    def read(self, name: str) -> bytes | None:
        """All bytes of a file."""
        return self.read_from(name, 0, self._stamps[name].size) if name in self._stamps else None

    def read_from(self, name: str, offset: int, num_bytes: int) -> bytes:
        """At most so many bytes from an offset on; a negative offset counts from the end."""
        if name not in self._stamps:
            return b""
        size = self._stamps[name].size
        start = max(0, size + offset) if offset < 0 else min(offset, size)
        try:
            with self._system.open_input_file(f"{self._root}/{name}") as file:
                return bytes(file.read_at(min(num_bytes, size - start), start))
        except FileNotFoundError:
            return b""

    def stamp(self, name: str) -> Stamp | None:
        """Size and time of a file."""
        return self._stamps.get(name)

    def changed(self, stamps: Mapping[str, list[int]], file: str) -> set[str]:
        """The folders whose file of this name has not the size and time in `stamps`."""
        return {folder for folder, stamp in stamps.items() if list(self._stamps.get(f"{folder}/{file}", ())) != stamp}

    def is_readable(self, name: str) -> bool:
        """Whether this is a file that can be read."""
        return name in self._stamps and self.address(name) not in self._left_out

    def leave_out(self, failure: str) -> bool:
        """Takes the file that DuckDB failed on for unreadable from now on. Whether the words name one that is new."""
        return leave_out(failure, self.address(""), self._left_out)

    def address(self, name: str) -> str:
        """The file as DuckDB is to be told of it."""
        return f"{self._scheme}://{self._root}/{name}"

    def prepare(self, connection: Any) -> None:
        """Makes the addresses readable to a connection."""
        from fsspec.implementations.arrow import ArrowFSWrapper

        reader = type("Reader", (ArrowFSWrapper,), {"protocol": self._scheme, "cachable": False})
        connection.register_filesystem(reader(self._system))


def _reached(address: str) -> tuple[Any, str]:
    """The file system and the path in it. Raises Refused where the address says nothing to pyarrow."""
    try:
        from pyarrow.fs import FileSystem
    except ModuleNotFoundError as error:
        raise Refused("reading runs from object storage needs pyarrow\n  help: pip install pyarrow fsspec") from error
    try:
        system, path = FileSystem.from_uri(address)
    except (OSError, ValueError) as error:
        raise Refused(f"{address}: {error}\n  help: an address is like s3://bucket/runs") from error
    return system, path.rstrip("/")
