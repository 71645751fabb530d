"""Bits per token on held-out documents, and bits per byte where the bytes of each token are known.

Bits per token compare only models of one vocabulary; bits per byte compare across vocabularies. Nothing is decoded.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from zoo.evals.sliding import nats_of
from zoo.token_shards import TokenDocument

SCORES = {"bits_per_token": {"field": "bits", "per": "num_tokens", "higher_is_better": False}}


def take(documents: Sequence[TokenDocument], max_tokens: int) -> list[TokenDocument]:
    """Whole documents up to `max_tokens` in all, the last one cut, chosen by a hash of their names."""
    chosen: dict[str, TokenDocument] = {}
    left = max_tokens
    for document in sorted(documents, key=lambda document: hashlib.sha256(document.name.encode()).digest()):
        if left:
            chosen[document.name] = document.cut(left)
            left -= chosen[document.name].num_tokens
    return [chosen[document.name] for document in documents if document.name in chosen]


def score(
    model: nn.Module, documents: Sequence[TokenDocument], *, seq_len: int, stride: int, batch_windows: int
) -> Iterator[dict[str, Any]]:
    """One row per document: id, num_tokens, bits, bits_per_token; num_bytes and bits_per_byte where bytes are known."""
    tokens = (document.tokens for document in documents)
    nats = nats_of(model, tokens, seq_len=seq_len, stride=stride, batch_windows=batch_windows) if documents else ()
    for document, document_nats in zip(documents, nats, strict=True):
        bits = document_nats / math.log(2)
        num_tokens = document.num_tokens
        row = {"id": document.name, "num_tokens": num_tokens, "bits": bits, "bits_per_token": bits / num_tokens}
        if document.num_bytes:
            row |= {"num_bytes": document.num_bytes, "bits_per_byte": bits / document.num_bytes}
        yield row


def metrics(rows: Sequence[Mapping[str, Any]], documents: Sequence[TokenDocument]) -> dict[str, float]:
    """Over all tokens that `rows` score; "loss" is in nats per token."""
    scored = {row["id"] for row in rows}
    documents = [document for document in documents if document.name in scored]
    num_tokens = sum(document.num_tokens for document in documents)
    bits = math.fsum(row["bits"] for row in rows)
    values = {"bits_per_token": bits / num_tokens, "loss": bits / num_tokens * math.log(2), "num_tokens": num_tokens}
    num_bytes = sum(document.num_bytes or 0 for document in documents)
    if num_bytes and all(document.num_bytes is not None for document in documents):
        values |= {"bits_per_byte": bits / num_bytes, "num_bytes": num_bytes}
    return values
