"""A job small enough to be trained thousands of times: plain torch, with everything that makes exactness hard."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.job import Batch, Job

VOCABULARY = 11
LENGTH = 7
IGNORED = -1


class RaggedExamples:
    """Rows of symbols of which all but the first few are ignored, another number in each row and in each epoch."""

    def __init__(self, num_examples: int) -> None:
        self.num_examples = num_examples

    def __len__(self) -> int:
        return self.num_examples

    def batch(self, indices: npt.NDArray[np.int64], epochs: npt.NDArray[np.int64]) -> Batch:
        rows = torch.from_numpy(indices[:, None] * 5 + epochs[:, None] * 3 + np.arange(LENGTH + 1) ** 2) % VOCABULARY
        lengths = torch.from_numpy(1 + (indices * 3 + epochs) % LENGTH)
        targets = rows[:, 1:].masked_fill(torch.arange(LENGTH) >= lengths[:, None], IGNORED)
        return rows[:, :-1], targets


def loss_sum(model: nn.Module, batch: Batch) -> Tensor:
    inputs, targets = batch
    logits = model(inputs).flatten(0, 1)
    return nn.functional.cross_entropy(logits, targets.flatten(), ignore_index=IGNORED, reduction="sum")


def num_targets(batch: Batch) -> int:
    return int((batch[1] != IGNORED).sum())


def tiny_model(dropout: float) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(VOCABULARY, 6), nn.Dropout(dropout), nn.Tanh(), nn.Linear(6, VOCABULARY))


def build_job(*, dropout: float = 0.0, num_examples: int = 10, **changes: Any) -> Job:
    """A job, always with the same first weights; keywords change its fields, `dropout` and `num_examples`."""
    model = changes.pop("model", None) or tiny_model(dropout)
    job = Job(
        model=model,
        optimizers=[torch.optim.AdamW(model.parameters(), lr=0.1)],
        lr_factor=lambda step: 1 / (1 + step),
        examples=RaggedExamples(num_examples),
        loss_sum=loss_sum,
        num_targets=num_targets,
        evals={},
        autocast=lambda _device: nullcontext(),
        seed=3,
        num_steps=8,
        batch_size=4,
        micro_batch_size=None,
        clip_norm=1.0,
        log_every_steps=3,
        eval_every_steps=None,
        checkpoint_every_steps=100,
        keep_checkpoints=2,
        facts={"precision": "fp32"},
    )
    return replace(job, **changes)
