"""What every data source gives: a stream of bytes to train on, and documents held out from it.

A corpus lives in memory as a whole; nothing here reads files or cuts windows.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SEPARATOR = b"\0"  # stands before each document, in training as in evaluation; text does not hold it


@dataclass(frozen=True, kw_only=True)
class Document:
    """One file, or the part of it that is held out."""

    name: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """What is trained on, and what is held out. No held-out document is empty.

    `train` is uint8, one dimension; `sha256` is of every name and byte, trained on or held out.
    """

    train: npt.NDArray[np.uint8]
    held_out: tuple[Document, ...]
    num_files: int
    sha256: str


def corpus(*, train: Iterable[Document], held_out: Iterable[Document], files: Iterable[Document]) -> Corpus:
    """Join the documents to train on, one separator before each, and fingerprint the files they came from."""
    digest = hashlib.sha256()
    num_files = 0
    for file in files:
        digest.update(f"{file.name}\0{len(file.content)}\0".encode())
        digest.update(file.content)
        num_files += 1
    stream = b"".join(part for document in train for part in (SEPARATOR, document.content))
    return Corpus(
        train=np.frombuffer(stream, dtype=np.uint8),
        held_out=tuple(document for document in held_out if document.content),
        num_files=num_files,
        sha256=digest.hexdigest(),
    )


def is_held_out(name: str, fraction: float) -> bool:
    """Decide by the name alone, so that a file stays on its side when others come or go."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % 10_000 < fraction * 10_000


def check_fraction(held_out_fraction: float) -> None:
    """ValueError unless both sides of the split get a share."""
    if not 0 < held_out_fraction < 1:
        raise ValueError(f"held_out_fraction must lie between 0 and 1, not {held_out_fraction}")
