"""What training minimizes: a sum over targets, which are counted apart.

No mean is taken here, so that whoever splits a batch over processes and micro-batches can divide exactly.

Shape letters:  B batch   T position   N = B * T   V vocabulary
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

IGNORED = -1  # a target that is not to be predicted
CHUNK_NUMBERS = 1 << 20  # of half-precision logits that are float32 at a time: 4 MB


def next_token_loss(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Sum of the cross-entropy in nats over the targets that count, in float32."""
    inputs_BT, targets_BT = batch
    logits_NV, targets_N = model(inputs_BT).flatten(0, 1), targets_BT.flatten()
    if logits_NV.dtype == torch.float32:
        return F.cross_entropy(logits_NV, targets_N, ignore_index=IGNORED, reduction="sum")
    return half_precision_loss(logits_NV, targets_N)


def num_targets(batch: tuple[Tensor, ...]) -> int:
    """How many targets count; cheap while the batch is on the CPU."""
    _, targets_BT = batch
    return int((targets_BT != IGNORED).sum())


def half_precision_loss(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """The same sum for bfloat16 or float16 logits, computed in float32 a chunk of rows at a time.

    Under autocast, F.cross_entropy would copy all logits to float32 and keep as many log-probabilities for the backward
    pass; of a large vocabulary these are the largest tensors of the step.
    """
    loss: Tensor = _HalfPrecisionLoss.apply(logits_NV, targets_N)  # type: ignore[no-untyped-call]
    return loss


class _HalfPrecisionLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, targets_N: Tensor) -> Tensor:
        loss = torch.zeros((), device=logits_NV.device)
        totals_N = torch.empty(len(logits_NV), device=logits_NV.device)  # log of the sum of exponentials
        for rows in _chunks(logits_NV):
            chunk_NV, counts_N = logits_NV[rows].float(), targets_N[rows] != IGNORED
            totals_N[rows] = chunk_NV.logsumexp(dim=-1)
            chosen_N = chunk_NV.gather(1, targets_N[rows].clamp(min=0)[:, None])[:, 0]
            loss += ((totals_N[rows] - chosen_N) * counts_N).sum()
        ctx.save_for_backward(logits_NV, targets_N, totals_N)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        logits_NV, targets_N, totals_N = ctx.saved_tensors
        result_NV = torch.empty_like(logits_NV)
        for rows in _chunks(logits_NV):
            chunk_NV, counts_N = logits_NV[rows].float(), (targets_N[rows] != IGNORED).float()
            slope_NV = chunk_NV.sub_(totals_N[rows, None]).exp_()  # the probabilities
            slope_NV.scatter_add_(1, targets_N[rows].clamp(min=0)[:, None], -torch.ones_like(counts_N)[:, None])
            result_NV[rows] = slope_NV.mul_((counts_N * gradient)[:, None])
        return result_NV, None


def _chunks(logits_NV: Tensor) -> list[slice]:
    num_rows = max(1, CHUNK_NUMBERS // logits_NV.shape[1])
    return [slice(start, start + num_rows) for start in range(0, len(logits_NV), num_rows)]
