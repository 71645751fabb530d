"""Two functions with a backward pass written by hand, because torch composes them of many small operations on a CPU.

On two AVX2 cores the norm of 12 x 64 x 8 heads of 32 channels takes 0.7 ms forward and backward, F.rms_norm's 1.7.
They are differentiable once, and tests hold them to torch's own.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

EPSILON = 1e-6  # added to the root mean square, so that zeros stay zeros


def rms_norm(x: Tensor) -> Tensor:
    """Divide by the root mean square of the last dimension (Zhang & Sennrich 2019), without a learnt gain."""
    y: Tensor = _RmsNorm.apply(x)  # type: ignore[no-untyped-call]
    return y


def squared_relu(x: Tensor) -> Tensor:
    """max(x, 0)^2 (So et al. 2021, "Primer")."""
    y: Tensor = _SquaredRelu.apply(x)  # type: ignore[no-untyped-call]
    return y


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        root_mean_square = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32) * x.shape[-1] ** -0.5
        scale = (root_mean_square + EPSILON).reciprocal_().type_as(x)
        y: Tensor = x * scale
        ctx.save_for_backward(y, scale)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        y, scale = ctx.saved_tensors
        along_y = (gradient * y).mean(dim=-1, keepdim=True)
        return torch.addcmul(gradient, y, along_y, value=-1).mul_(scale)


class _SquaredRelu(torch.autograd.Function):
    """Works in place where it may: on a CPU, touching fresh memory costs more than the arithmetic."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        y = F.relu(x)
        return y.mul_(y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return F.relu(x).mul_(gradient).mul_(2)
