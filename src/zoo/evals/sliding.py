"""What a model thinks of sequences longer than its context: nats per sequence, by windows that slide.

Each number but the first of a sequence counts once; the first is context alone. Sequences do not see each other.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from zoo.inference import inference
from zoo.losses import IGNORED


def nats_of(
    model: nn.Module,
    sequences: Iterable[npt.NDArray[np.integer[Any]]],
    *,
    seq_len: int,
    stride: int,
    batch_windows: int,
) -> Iterator[float]:
    """The nats of each sequence, in order.

    Windows of `seq_len` advance by `stride`; each scores what its predecessor did not reach, so that every number has
    at least `seq_len - stride` numbers of context where its sequence has them.
    """
    if not 0 < stride <= seq_len:
        raise ValueError(f"stride {stride} must lie between 1 and seq_len {seq_len}")
    nats, current = 0.0, 0
    windows = _windows(sequences, seq_len=seq_len, stride=stride)
    while batch := list(islice(windows, batch_windows)):
        for window, window_nats in zip(batch, _nats(model, batch), strict=True):
            if window.sequence != current:
                yield nats
                nats, current = 0.0, window.sequence
            nats += window_nats
    yield nats


class _Window(NamedTuple):
    sequence: int
    inputs_T: npt.NDArray[np.int64]
    targets_T: npt.NDArray[np.int64]


def _windows(sequences: Iterable[npt.NDArray[np.integer[Any]]], *, seq_len: int, stride: int) -> Iterator[_Window]:
    for index, numbers_N in enumerate(sequences):
        num_targets = len(numbers_N) - 1
        for start in range(0, max(1, num_targets - (seq_len - stride)), stride):
            end = min(start + seq_len, num_targets)
            inputs_T = np.zeros(seq_len, dtype=np.int64)
            targets_T = np.full(seq_len, IGNORED, dtype=np.int64)
            inputs_T[: end - start] = numbers_N[start:end]
            first = start + seq_len - stride if start else 0  # what the window before has scored is ignored
            targets_T[first - start : end - start] = numbers_N[first + 1 : end + 1]
            yield _Window(index, inputs_T, targets_T)


def _nats(model: nn.Module, windows: Sequence[_Window]) -> list[float]:
    with inference(model) as device:
        inputs_BT = torch.from_numpy(np.stack([window.inputs_T for window in windows])).to(device)
        targets_BT = torch.from_numpy(np.stack([window.targets_T for window in windows])).to(device)
        logits_BTV = model(inputs_BT)
        nats_BT = F.cross_entropy(logits_BTV.transpose(1, 2), targets_BT, ignore_index=IGNORED, reduction="none")
        nats: list[float] = nats_BT.sum(dim=1, dtype=torch.float64).tolist()
    return nats
