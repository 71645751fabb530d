"""Files of tokens as a corpus: numbers without a header, read where they lie (memmap), however large they are.

Beside the shards of a folder stands tokens.json, which zoo/write_shards.py writes and a hand can write:

    {"vocab_size": 50257, "dtype": "uint16", "separator": 50256}

`dtype` is uint16 or uint32, little-endian. `separator` is the token before (or after) each document, or null.
`token_bytes`, which may be left out, is the number of bytes of each token: with it evals give bits per byte.
No tokenizer lives here, and no shard is read whole unless it is held out.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.text_files import matches

DTYPES: dict[str, np.dtype[np.unsignedinteger[Any]]] = {"uint16": np.dtype("<u2"), "uint32": np.dtype("<u4")}
DESCRIPTION = "tokens.json"
MAX_HELD_OUT_TOKENS = 2**28  # they are read whole at the start
FINGERPRINT_BYTES = 1 << 20  # of each end of a shard

Tokens = npt.NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True, kw_only=True)
class TokenDocument:
    """One held-out document; its first token is context only. `num_bytes` is of the others, None where not known."""

    name: str
    tokens: Tokens
    token_bytes: npt.NDArray[np.int64] | None = None

    @property
    def num_tokens(self) -> int:
        """How many are scored."""
        return len(self.tokens) - 1

    @property
    def num_bytes(self) -> int | None:
        """What they amount to as text."""
        return None if self.token_bytes is None else int(self.token_bytes[self.tokens[1:]].sum())

    def cut(self, num_tokens: int) -> "TokenDocument":
        """Its start."""
        return replace(self, tokens=self.tokens[: num_tokens + 1])


@dataclass(frozen=True, kw_only=True)
class TokenCorpus:
    """What is trained on, and what is held out. `sha256` is of names, sizes and both ends of each shard."""

    train: "Shards"
    held_out: tuple[TokenDocument, ...]
    num_files: int
    sha256: str


class Shards:
    """Shards one after the other, as one array that is never in memory as a whole."""

    def __init__(self, shards: Sequence[tuple[str, Tokens]], *, vocab_size: int) -> None:
        self.shards, self.vocab_size = shards, vocab_size
        self.ends = np.cumsum([len(tokens) for _, tokens in shards])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def take(self, positions: npt.NDArray[np.int64], *, mode: str = "wrap") -> npt.NDArray[np.int64]:
        """The tokens at these positions, modulo the length. Raises ValueError for one that is not in the vocabulary."""
        assert mode == "wrap", mode
        flat = positions.ravel() % len(self)
        numbers = np.searchsorted(self.ends, flat, side="right")
        taken = np.empty(len(flat), dtype=np.int64)
        for number in np.unique(numbers):
            name, tokens = self.shards[number]
            here = numbers == number
            taken[here] = tokens[flat[here] - (self.ends[number] - len(tokens))]
            if (largest := taken[here].max()) >= self.vocab_size:
                raise ValueError(f"{name} holds token {largest}, and vocab_size is {self.vocab_size}")
        return taken.reshape(positions.shape)


def token_shards(*, paths: Sequence[str], held_out_paths: Sequence[str], vocab_size: int) -> TokenCorpus:
    """Opens every shard that a glob of `paths` matches, and reads those of `held_out_paths` as documents.

    Raises ValueError, naming the file, for a description that is missing, wrong or of another vocabulary, for a shard
    that is in both, and for a side without tokens.
    """
    sides = [
        sorted({file for pattern in patterns for file in matches(pattern)}) for patterns in (paths, held_out_paths)
    ]
    if both := sorted(set(sides[0]) & set(sides[1])):
        raise ValueError(f"{both[0]} is both trained on and held out; let paths and held_out_paths share no file")
    files = [file for side in sides for file in side]
    descriptions = {folder: _description(folder, vocab_size) for folder in {file.parent for file in files}}
    train, held_out = ([(file.as_posix(), _open(file, descriptions[file.parent])) for file in side] for side in sides)
    if (num_tokens := sum(len(tokens) for _, tokens in held_out)) > MAX_HELD_OUT_TOKENS:
        raise ValueError(f"{num_tokens:,} tokens are held out; {MAX_HELD_OUT_TOKENS:,} at most are read")
    documents = [
        document
        for file, (name, tokens) in zip(sides[1], held_out, strict=True)
        for document in _documents(name, np.array(tokens), descriptions[file.parent])
    ]
    if not documents:
        raise ValueError(f"nothing is held out: {list(held_out_paths)} hold no document")
    return TokenCorpus(
        train=Shards(train, vocab_size=vocab_size),
        held_out=tuple(documents),
        num_files=len(files),
        sha256=_fingerprint(files),
    )


def _description(folder: Path, vocab_size: int) -> dict[str, Any]:
    """What tokens.json of a folder says, checked."""
    path = folder / DESCRIPTION
    example = '{"vocab_size": 50257, "dtype": "uint16", "separator": 50256}'
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; it says what the shards beside it hold, as in {example}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(said, dict) or said.get("dtype") not in DTYPES or "separator" not in said:
        raise ValueError(f"{path} must say vocab_size, dtype (uint16 or uint32) and separator, as in {example}")
    if said.get("vocab_size") != vocab_size:
        raise ValueError(f"{path} says vocab_size {said.get('vocab_size')}, and the config {vocab_size}")
    token_bytes = said.get("token_bytes")
    if token_bytes is not None and len(token_bytes) != vocab_size:
        raise ValueError(f"{path} has token_bytes of {len(token_bytes)} tokens, and vocab_size {vocab_size}")
    return {**said, "token_bytes": None if token_bytes is None else np.array(token_bytes, dtype=np.int64)}


def _open(file: Path, description: dict[str, Any]) -> Tokens:
    dtype = DTYPES[description["dtype"]]
    num_bytes = file.stat().st_size
    if num_bytes == 0 or num_bytes % dtype.itemsize:
        raise ValueError(f"{file} has {num_bytes} bytes, which is no number of {description['dtype']} tokens")
    tokens: Tokens = np.memmap(file, dtype=dtype, mode="r")
    return tokens


def _documents(name: str, tokens: Tokens, description: dict[str, Any]) -> Iterator[TokenDocument]:
    """The documents between separators; without one, the shard is one document."""
    separator, token_bytes = description["separator"], description["token_bytes"]
    if (largest := int(tokens.max())) >= description["vocab_size"]:
        raise ValueError(f"{name} holds token {largest}, and vocab_size is {description['vocab_size']}")
    if separator is None:
        yield TokenDocument(name=name, tokens=tokens, token_bytes=token_bytes)
        return
    framed = np.concatenate([[separator], tokens, [separator]]).astype(tokens.dtype)
    starts = np.flatnonzero(framed == separator)
    for number, (start, end) in enumerate(pairwise(starts)):
        if end - start > 1:
            yield TokenDocument(name=f"{name}:{number}", tokens=framed[start:end], token_bytes=token_bytes)


def _fingerprint(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as opened:
            digest.update(opened.read(FINGERPRINT_BYTES))
            opened.seek(max(0, size - FINGERPRINT_BYTES))
            digest.update(opened.read(FINGERPRINT_BYTES))
    return digest.hexdigest()
