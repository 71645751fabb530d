"""Writes token shards from text, with whatever tokenizer the caller has: a function from text to numbers.

    from zoo.write_shards import write_shards
    write_shards(texts, "shards", encode=tokenizer.encode, vocab_size=50257, separator=50256)

A shard appears under its name only when it is whole. Nothing is shuffled, cleaned or deduplicated.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.token_shards import DESCRIPTION, DTYPES, Tokens

UINT16_TOKENS = 2**16


def write_shards(
    texts: Iterable[str],
    folder: str | Path,
    *,
    encode: Callable[[str], Sequence[int]],
    vocab_size: int,
    separator: int,
    token_bytes: Sequence[int] | None = None,
    shard_tokens: int = 100_000_000,
    held_out_every: int = 100,
) -> list[Path]:
    """Writes train_00000.bin, ..., held_out_00000.bin, ... of at most `shard_tokens` each, and tokens.json.

    Gives the shards.

    `separator` stands before each text, and every `held_out_every`-th text is held out, the first one among them.
    `token_bytes[token]` is the number of bytes of a token as text (0 for the separator). Raises ValueError for a token
    outside the vocabulary, and FileExistsError for a folder that has a tokens.json already.
    """
    folder = Path(folder)
    if not 0 <= separator < vocab_size:
        raise ValueError(f"separator {separator} must lie below vocab_size {vocab_size}")
    folder.mkdir(parents=True, exist_ok=True)
    name = "uint16" if vocab_size <= UINT16_TOKENS else "uint32"
    description: dict[str, Any] = {"vocab_size": vocab_size, "dtype": name, "separator": separator}
    if token_bytes is not None:
        description["token_bytes"] = list(token_bytes)
    with (folder / DESCRIPTION).open("x") as file:
        json.dump(description, file)
    sides = {side: _Side(folder, side, dtype=DTYPES[name], shard_tokens=shard_tokens) for side in ("train", "held_out")}
    for number, text in enumerate(texts):
        tokens = np.array([separator, *encode(text)], dtype=np.int64)
        if tokens.min() < 0 or tokens.max() >= vocab_size:
            raise ValueError(f"text {number} has a token outside [0, {vocab_size}): {tokens.min()}, {tokens.max()}")
        sides["train" if number % held_out_every else "held_out"].add(tokens)
    return [path for side in sides.values() for path in side.end()]


class _Side:
    """The shards of one side, of which the last one is still in memory."""

    def __init__(self, folder: Path, name: str, *, dtype: np.dtype[np.unsignedinteger[Any]], shard_tokens: int) -> None:
        self.folder, self.name, self.dtype, self.shard_tokens = folder, name, dtype, shard_tokens
        self.written: list[Path] = []
        self.waiting: list[Tokens] = []
        self.num_waiting = 0

    def add(self, tokens: npt.NDArray[np.int64]) -> None:
        """Takes the tokens of one text; a shard that is full is written."""
        self.waiting.append(tokens.astype(self.dtype))
        self.num_waiting += len(tokens)
        while self.num_waiting >= self.shard_tokens:
            joined = np.concatenate(self.waiting)
            self._write(joined[: self.shard_tokens])
            self.waiting = [joined[self.shard_tokens :]]
            self.num_waiting = len(self.waiting[0])

    def end(self) -> list[Path]:
        """Writes what is left."""
        if self.num_waiting:
            self._write(np.concatenate(self.waiting))
        return self.written

    def _write(self, tokens: Tokens) -> None:
        path = self.folder / f"{self.name}_{len(self.written):05}.bin"
        beside = path.with_suffix(".writing")
        beside.write_bytes(tokens.tobytes())
        beside.rename(path)
        self.written.append(path)
