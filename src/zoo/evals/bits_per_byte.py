"""Bits per byte on held-out documents, beside what gzip and xz need for the same bytes.

Every byte counts once, with the separator before its document as first context. Documents do not see each other,
which makes this harder than what the compressors do: they read all documents as one.
"""

import gzip
import hashlib
import lzma
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from zoo.corpus import SEPARATOR, Document
from zoo.inference import inference
from zoo.losses import IGNORED


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
    """One row per document: id, num_bytes, bits, bits_per_byte.

    Windows of `seq_len` advance by `stride`; each scores what its predecessor did not reach, so that every byte has at
    least `seq_len - stride` bytes of context where its document has them.
    """
    if not 0 < stride <= seq_len:
        raise ValueError(f"stride {stride} must lie between 1 and seq_len {seq_len}")
    nats = [0.0] * len(documents)
    num_finished = 0
    windows = _windows(documents, seq_len=seq_len, stride=stride)
    while batch := list(islice(windows, batch_windows)):
        for window, window_nats in zip(batch, _nats(model, batch), strict=True):
            nats[window.document] += window_nats
        for index in range(num_finished, batch[-1].document):
            yield _row(documents[index], nats[index])
        num_finished = batch[-1].document
    for index in range(num_finished, len(documents)):
        yield _row(documents[index], nats[index])


def metrics(rows: Iterable[Mapping[str, Any]], documents: Sequence[Document]) -> dict[str, float]:
    """Over all bytes of the documents that `rows` score; "loss" is in nats per byte.

    The compressors (gzip -9, xz -9e) get the documents as one stream.
    """
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


class _Window(NamedTuple):
    document: int
    inputs_T: npt.NDArray[np.int64]
    targets_T: npt.NDArray[np.int64]


def _windows(documents: Sequence[Document], *, seq_len: int, stride: int) -> Iterator[_Window]:
    for index, document in enumerate(documents):
        bytes_N = np.frombuffer(SEPARATOR + document.content, dtype=np.uint8)
        num_targets = len(document.content)
        for start in range(0, max(1, num_targets - (seq_len - stride)), stride):
            end = min(start + seq_len, num_targets)
            inputs_T = np.zeros(seq_len, dtype=np.int64)
            targets_T = np.full(seq_len, IGNORED, dtype=np.int64)
            inputs_T[: end - start] = bytes_N[start:end]
            first = start + seq_len - stride if start else 0  # what the window before has scored is ignored
            targets_T[first - start : end - start] = bytes_N[first + 1 : end + 1]
            yield _Window(index, inputs_T, targets_T)


def _nats(model: nn.Module, windows: Sequence[_Window]) -> list[float]:
    with inference(model) as device:
        inputs_BT = torch.from_numpy(np.stack([window.inputs_T for window in windows])).to(device)
        targets_BT = torch.from_numpy(np.stack([window.targets_T for window in windows])).to(device)
        logits_BTV = model(inputs_BT)
        nats_BT = F.cross_entropy(logits_BTV.transpose(1, 2), targets_BT, ignore_index=IGNORED, reduction="none")
        nats: list[float] = nats_BT.sum(dim=1, dtype=torch.float64).tolist()
    return nats


def _row(document: Document, nats: float) -> dict[str, Any]:
    num_bytes = len(document.content)
    bits = nats / math.log(2)
    return {"id": document.name, "num_bytes": num_bytes, "bits": bits, "bits_per_byte": bits / num_bytes}
