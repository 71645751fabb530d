"""Text read line by line in the order in which it lies, as a stream: nothing is counted, indexed or shuffled first.

Where the next example begins is a small plain state: the file, the place in it of a line, and the bytes of that line
already used. Every reader of one state reads the same, so any number of processes may share a stream, each taking its
part of every batch.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.corpus import SEPARATOR, Document
from zoo.text_files import matches

MAX_LINE_BYTES = 64 * 2**20
MAX_HELD_OUT_BYTES = 2**30


@dataclass(frozen=True, kw_only=True)
class StreamCorpus:
    """What is trained on, in order, and what is held out. `sha256` is of the files' names and sizes."""

    files: tuple[Path, ...]
    text_field: str | None
    held_out: tuple[Document, ...]
    num_files: int
    sha256: str


def line_stream(*, paths: Sequence[str], held_out_paths: Sequence[str], text_field: str | None = None) -> StreamCorpus:
    """Files of text, or of JSON Lines whose `text_field` is the text, in the order of the globs and of their names.

    A document is a file of text, or a row of JSON Lines. Raises ValueError for a glob without files, for a file that is
    both trained on and held out, and for a held-out row that has no such text.
    """
    sides = [
        tuple(dict.fromkeys(file for pattern in patterns for file in sorted(matches(pattern))))
        for patterns in (paths, held_out_paths)
    ]
    if both := sorted(set(sides[0]) & set(sides[1])):
        raise ValueError(f"{both[0]} is both trained on and held out; let paths and held_out_paths share no file")
    if (num_bytes := sum(file.stat().st_size for file in sides[1])) > MAX_HELD_OUT_BYTES:
        raise ValueError(f"{num_bytes:,} bytes are held out; {MAX_HELD_OUT_BYTES:,} at most are read")
    named = "".join(f"{file.name}\0{file.stat().st_size}\0" for side in sides for file in side)
    held_out = [document for file in sides[1] for document in _documents(file, text_field)]
    if not held_out:
        raise ValueError(f"nothing is held out: {list(held_out_paths)} hold no text")
    return StreamCorpus(
        files=sides[0],
        text_field=text_field,
        held_out=tuple(held_out),
        num_files=sum(map(len, sides)),
        sha256=hashlib.sha256(named.encode()).hexdigest(),
    )


@dataclass(frozen=True)
class _Place:
    """Where a line begins, and how often all files were read before it."""

    epoch: int
    file: int
    offset: int


class LineStream:
    """Examples of `seq_len` bytes, cut one after the other from the documents; a separator stands before each."""

    def __init__(self, corpus: StreamCorpus, *, seq_len: int) -> None:
        self.files, self.text_field, self.seq_len = corpus.files, corpus.text_field, seq_len
        self.sha256 = corpus.sha256
        if sum(file.stat().st_size for file in self.files) < seq_len + 1:
            raise ValueError(f"the stream has less than the {seq_len + 1} bytes that seq_len {seq_len} needs")

    def read(self, state: dict[str, Any], num_examples: int) -> tuple[tuple[Tensor, Tensor], dict[str, Any]]:
        """inputs_BT and targets_BT (the bytes after), int64, from `state` on, and the state after them.

        Raises ValueError for the state of other files, and for a line without text.
        """
        if state.get("sha256", self.sha256) != self.sha256:
            raise ValueError("the files are not those that the run began with: names or sizes differ")
        used = state.get("used", 0)
        num_bytes = num_examples * self.seq_len
        pieces, places, ends, have = [], [], [], -used
        for place, content in self._lines(_Place(state.get("epoch", 0), state.get("file", 0), state.get("offset", 0))):
            have += len(content)
            pieces.append(content)
            places.append(place)
            ends.append(have)
            if have > num_bytes:  # one more than the inputs: the last target
                break
        last = int(np.searchsorted(ends, num_bytes, side="right"))  # the line that the next example begins in
        begin = ends[last] - len(pieces[last])
        joined = b"".join(pieces)[used : used + num_bytes + 1]
        bytes_N = torch.from_numpy(np.frombuffer(joined, dtype=np.uint8).astype(np.int64))
        after = {**vars(places[last]), "used": num_bytes - begin, "sha256": self.sha256}
        shape = (num_examples, self.seq_len)
        return (bytes_N[:-1].view(shape), bytes_N[1:].view(shape)), after

    def _lines(self, place: _Place) -> Iterator[tuple[_Place, bytes]]:
        """The lines from a place on, for ever."""
        epoch, number, offset = place.epoch, place.file, place.offset
        while True:
            with self.files[number].open("rb") as file:
                file.seek(offset)
                while line := file.readline(MAX_LINE_BYTES + 1):
                    yield (
                        _Place(epoch, number, offset),
                        _content(line, self.files[number], offset, self.text_field),
                    )
                    offset += len(line)
            number, offset = number + 1, 0
            if number == len(self.files):
                epoch, number = epoch + 1, 0


def _content(line: bytes, file: Path, offset: int, text_field: str | None) -> bytes:
    """What a line adds to the stream."""
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"{file} has a line of more than {MAX_LINE_BYTES:,} bytes at byte {offset}")
    if text_field is None:
        return line if offset else SEPARATOR + line
    try:
        text = json.loads(line)[text_field]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{file}, the line at byte {offset}: no JSON with {text_field!r} ({error!r})") from error
    if not isinstance(text, str):
        raise ValueError(f"{file}, the line at byte {offset}: {text_field!r} is no text")  # noqa: TRY004 - a value of the data
    return SEPARATOR + text.encode("utf-8", "surrogatepass")


def _documents(file: Path, text_field: str | None) -> Iterator[Document]:
    if text_field is None:
        if content := file.read_bytes():
            yield Document(name=file.as_posix(), content=content)
        return
    offset = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines):
            if text := _content(line, file, offset, text_field).removeprefix(SEPARATOR):
                yield Document(name=f"{file.as_posix()}:{number + 1}", content=text)
            offset += len(line)
