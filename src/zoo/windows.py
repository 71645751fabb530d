"""Cuts a stream of bytes into windows of equal length, each addressed by its index and epoch.

A batch is a pure function of indices and epoch: there is no iterator to save, and no shuffling (the caller orders).
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

GOLDEN_RATIO = 0.6180339887498949  # multiples of it modulo 1 stay far apart: every epoch cuts at a new place


class Windows:
    """`len(windows)` windows that do not overlap; the stream is a ring, so that every epoch has the same number.

    The ring's seam is the separator before the first document, as between any two documents.
    """

    def __init__(self, train: npt.NDArray[np.uint8], *, seq_len: int) -> None:
        if len(train) < seq_len + 1:
            raise ValueError(f"the corpus has {len(train)} bytes to train on; seq_len {seq_len} needs {seq_len + 1}")
        self.train = train
        self.seq_len = seq_len
        self.offsets = np.arange(seq_len + 1)

    def __len__(self) -> int:
        return len(self.train) // self.seq_len

    def batch(self, indices: npt.NDArray[np.int64], epochs: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """inputs_BT and targets_BT (the bytes after), int64, of window `indices[i]` as cut in epoch `epochs[i]`."""
        phases = (epochs * GOLDEN_RATIO % 1 * self.seq_len).astype(np.int64)
        starts = indices * self.seq_len + phases
        positions = starts[:, None] + self.offsets
        bytes_BT = torch.from_numpy(self.train.take(positions, mode="wrap").astype(np.int64))
        return bytes_BT[:, :-1], bytes_BT[:, 1:]
