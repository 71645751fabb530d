"""What every trainer of benchmarks/trainer.py trains: three models, one data set, one optimizer.

A step is the time between two entries into a model's forward, so no trainer needs a hook of ours.
"""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from zoo.gpt import Gpt

BATCH_SIZE, SEQ_LEN = 8, 64
LEARNING_RATE = 3e-4
WARMUP_STEPS = 100
SIZES = {
    "tiny": {"num_layers": 2, "width": 64, "num_heads": 4},
    "middle": {"num_layers": 6, "width": 256, "num_heads": 8},
}
MODELS = ("null", *SIZES)

entries_ns: list[int] = []  # when each forward of this process began


class Null(nn.Module):
    """One parameter and no work, so that a step costs what the trainer costs. Gives the mean loss."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:  # noqa: ARG002 - as Language takes them
        """Says when, and gives something to go backward from."""
        entries_ns.append(time.perf_counter_ns())
        return self.weight * 2.0


class Language(nn.Module):
    """A GPT of the zoo with its loss. Gives the mean loss."""

    def __init__(self, size: str) -> None:
        super().__init__()
        self.gpt = Gpt(max_positions=SEQ_LEN, **SIZES[size])  # type: ignore[arg-type]  # whole numbers all

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Says when, and computes."""
        entries_ns.append(time.perf_counter_ns())
        return F.cross_entropy(self.gpt(inputs).flatten(0, 1), targets.flatten())


def model_and_optimizer(name: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    """The same first weights each time."""
    torch.manual_seed(0)
    model = Null() if name == "null" else Language(name)
    return model, torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)


def lr_factor(step: int) -> float:
    """Warm-up, so that a schedule has something to do."""
    return min(1.0, (step + 1) / WARMUP_STEPS)


class RandomBytes(Dataset[dict[str, Tensor]]):
    """A million random bytes in windows, as rows for a DataLoader."""

    def __init__(self) -> None:
        self.stream = torch.randint(256, (1_000_000,), generator=torch.Generator().manual_seed(1))

    def __len__(self) -> int:
        return len(self.stream) // SEQ_LEN - 1

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        window = self.stream[index * SEQ_LEN : (index + 1) * SEQ_LEN + 1]
        return {"inputs": window[:-1], "targets": window[1:]}
