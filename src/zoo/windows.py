"""Cuts a stream of bytes or tokens into windows of equal length, each addressed by its index and epoch.

A batch is a pure function of indices and epoch: there is no iterator to save, and no shuffling (the caller orders).
"""

from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

GOLDEN_RATIO = 0.6180339887498949  # multiples of it modulo 1 stay far apart: every epoch cuts at a new place


class Ring(Protocol):
    """Whole numbers by position, as numpy's one-dimensional arrays have them."""

    def __len__(self) -> int: ...

    def take(self, positions: npt.NDArray[np.int64], /, *, mode: Literal["wrap"]) -> npt.NDArray[np.integer[Any]]:
        """The numbers at these positions, modulo the length."""
        ...


class Windows:
    """`len(windows)` windows that do not overlap; the stream is a ring, so that every epoch has the same number.

    The ring's seam is the separator before the first document, as between any two documents.
    """

    def __init__(self, train: Ring, *, seq_len: int) -> None:
        if len(train) < seq_len + 1:
            unit = "bytes" if isinstance(train, np.ndarray) else "tokens"
            raise ValueError(f"the corpus has {len(train)} {unit} to train on; seq_len {seq_len} needs {seq_len + 1}")
        self.train = train
        self.seq_len = seq_len
        self.offsets = np.arange(seq_len + 1)

    def __len__(self) -> int:
        return len(self.train) // self.seq_len

    def batch(self, indices: npt.NDArray[np.int64], epochs: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """inputs_BT and targets_BT (what comes after), int64, of window `indices[i]` as cut in epoch `epochs[i]`."""
        tokens_BT = self.tokens(indices, epochs)
        return tokens_BT[:, :-1], tokens_BT[:, 1:]

    def tokens(self, indices: npt.NDArray[np.int64], epochs: npt.NDArray[np.int64]) -> Tensor:
        """The windows, each with the one number after it that its last target is."""
        phases = (epochs * GOLDEN_RATIO % 1 * self.seq_len).astype(np.int64)
        starts = indices * self.seq_len + phases
        numbers = self.train.take(starts[:, None] + self.offsets, mode="wrap")
        return torch.from_numpy(numbers.astype(np.int64, copy=False))
