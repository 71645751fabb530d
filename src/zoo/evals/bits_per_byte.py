"""Bits per byte on held-out documents, beside what gzip and xz need for the same bytes.

Every byte counts once, with the separator before its document as first context. Documents do not see each other,
which makes this harder than what the compressors do: they read all documents as one.
"""

import gzip
import hashlib
import lzma
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from zoo.corpus import SEPARATOR, Document
from zoo.evals.sliding import nats_of

SCORES = {"bits_per_byte": {"field": "bits", "per": "num_bytes", "higher_is_better": False}}


def take(documents: Sequence[Document], max_bytes: int) -> list[Document]:
    """Whole documents up to `max_bytes` in all, the last one cut.

    They are chosen by a hash of their names: the first in order would all come from one folder.
    """
    chosen: dict[str, Document] = {}
    left = max_bytes
    for document in sorted(documents, key=lambda document: hashlib.sha256(document.name.encode()).digest()):
        if left and document.content:
            chosen[document.name] = Document(name=document.name, content=document.content[:left])
            left -= len(chosen[document.name].content)
    return [chosen[document.name] for document in documents if document.name in chosen]


def score(
    model: nn.Module, documents: Sequence[Document], *, seq_len: int, stride: int, batch_windows: int
) -> Iterator[dict[str, Any]]:
    """One row per document: id, num_bytes, bits, bits_per_byte; windows slide as zoo.evals.sliding says."""
    streams = (np.frombuffer(SEPARATOR + document.content, dtype=np.uint8) for document in documents)
    nats = nats_of(model, streams, seq_len=seq_len, stride=stride, batch_windows=batch_windows) if documents else ()
    for document, document_nats in zip(documents, nats, strict=True):
        yield _row(document, document_nats)


def metrics(rows: Sequence[Mapping[str, Any]], documents: Sequence[Document]) -> dict[str, float]:
    """Over all bytes that `rows` score; "loss" is in nats per byte.

    The compressors (gzip -9, xz -9e) get the documents that have a row as one stream.
    """
    scored = {row["id"] for row in rows}
    documents = [document for document in documents if document.name in scored]
    num_bytes = sum(len(document.content) for document in documents)
    bits = math.fsum(row["bits"] for row in rows)
    joined = b"".join(document.content for document in documents)
    return {
        "bits_per_byte": bits / num_bytes,
        "loss": bits / num_bytes * math.log(2),
        "gzip_bits_per_byte": 8 * len(gzip.compress(joined, compresslevel=9)) / num_bytes,
        "xz_bits_per_byte": 8 * len(lzma.compress(joined, preset=9 | lzma.PRESET_EXTREME)) / num_bytes,
        "num_bytes": num_bytes,
    }


def _row(document: Document, nats: float) -> dict[str, Any]:
    num_bytes = len(document.content)
    bits = nats / math.log(2)
    return {"id": document.name, "num_bytes": num_bytes, "bits": bits, "bits_per_byte": bits / num_bytes}
