"""What training minimizes: a sum over targets, which are counted apart.

No mean is taken here, so that whoever splits a batch over processes and micro-batches can divide exactly.
"""

import torch.nn.functional as F
from torch import Tensor, nn

IGNORED = -1  # a target that is not to be predicted


def next_token_loss(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Sum of the cross-entropy in nats over the targets that count."""
    inputs_BT, targets_BT = batch
    logits_BTV = model(inputs_BT)
    return F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten(), ignore_index=IGNORED, reduction="sum")


def num_targets(batch: tuple[Tensor, ...]) -> int:
    """How many targets count; cheap while the batch is on the CPU."""
    _, targets_BT = batch
    return int((targets_BT != IGNORED).sum())
