"""torch.optim.Muon with its Newton-Schulz iteration in bfloat16 only where that is fast.

Same state, same arguments, same update up to rounding. A CPU without bfloat16 units takes 40 times as long for torch's
own (66 ms against 1.5 for one 512 x 128 matrix on two AVX2 cores), which is more than the rest of a small model's step.
It knows one scale of updates, "match_rms_adamw". A matrix whose rows are spread over ranks (a DTensor) is put together
for the iteration, and each rank keeps its rows of the result: the momentum stays spread.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Muon(torch.optim.Muon):
    """Momentum, orthogonalized matrix by matrix (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/)."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient."""
        assert closure is None, "a closure is not supported"
        for group in self.param_groups:
            assert group["adjust_lr_fn"] == "match_rms_adamw", "the only scale of updates that is written here"
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer: Tensor = state["momentum_buffer"]
        buffer.lerp_(gradient, 1 - group["momentum"])
        update = gradient.lerp(buffer, group["momentum"]) if group["nesterov"] else buffer
        full = update.full_tensor() if hasattr(update, "full_tensor") else update
        full = orthogonalize(full, coefficients=group["ns_coefficients"], num_iterations=group["ns_steps"])
        update = _spread_as(parameter, full)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update, alpha=-group["lr"] * 0.2 * max(parameter.shape) ** 0.5)


def _spread_as(parameter: Tensor, matrix: Tensor) -> Tensor:
    """This rank's part of a matrix that every rank has whole, where the parameter is spread; else all of it."""
    if not hasattr(parameter, "device_mesh"):
        return matrix
    from torch.distributed.tensor import DTensor, distribute_tensor  # takes a second, which others should not pay

    assert isinstance(parameter, DTensor), type(parameter)
    return distribute_tensor(matrix, parameter.device_mesh, parameter.placements, src_data_rank=None)


def orthogonalize(matrix: Tensor, *, coefficients: tuple[float, float, float], num_iterations: int) -> Tensor:
    """Move the singular values near 1 by the quintic Newton-Schulz iteration, in float32 on a CPU."""
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix if matrix.device.type == "cpu" else matrix.bfloat16()
    x = x.T if tall else x
    x = x / x.norm().clamp(min=1e-7)  # now no singular value exceeds 1
    for _ in range(num_iterations):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
