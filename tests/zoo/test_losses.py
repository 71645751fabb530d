"""The loss of half-precision logits: torch's value and gradient, without all logits in float32 at any time."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from zoo import losses
from zoo.convnet import Convnet
from zoo.gpt import Gpt
from zoo.losses import IGNORED, half_precision_loss, next_token_loss

torch.set_num_threads(1)


class LargestFloat32(TorchDispatchMode):
    """Notes the most numbers that any one new float32 tensor has."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.num_numbers = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), named: dict[str, Any] | None = None
    ) -> Any:
        result = function(*arguments, **(named or {}))
        if isinstance(result, Tensor) and result.dtype == torch.float32:
            self.num_numbers = max(self.num_numbers, result.numel())
        return result


def logits_and_targets(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    targets_N = torch.randint(0, 50, (37,))
    targets_N[::5] = IGNORED
    return (torch.randn(37, 50) * 4).to(dtype).requires_grad_(), targets_N


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("chunk_numbers", [1, 100, 1 << 20])
def test_value_and_gradient_are_torchs_in_float64(
    dtype: torch.dtype, chunk_numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "CHUNK_NUMBERS", chunk_numbers)
    logits_NV, targets_N = logits_and_targets(dtype)
    exact_NV = logits_NV.detach().double().requires_grad_()
    expected = F.cross_entropy(exact_NV, targets_N, ignore_index=IGNORED, reduction="sum")
    loss = half_precision_loss(logits_NV, targets_N)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), expected, rtol=1e-6, atol=0)
    (gradient_NV,) = torch.autograd.grad(loss / 3, logits_NV)
    (exact_gradient_NV,) = torch.autograd.grad(expected / 3, exact_NV)
    assert gradient_NV.dtype == dtype
    torch.testing.assert_close(gradient_NV, exact_gradient_NV.to(dtype), rtol=1e-2, atol=1e-4)
    assert (gradient_NV[::5] == 0).all()


def test_no_float32_copy_of_the_logits_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "CHUNK_NUMBERS", 4 * 50)
    logits_NV, targets_N = logits_and_targets(torch.bfloat16)
    with LargestFloat32() as ours:
        half_precision_loss(logits_NV, targets_N).backward()
    with LargestFloat32() as torchs, torch.autocast("cpu", dtype=torch.bfloat16):
        F.cross_entropy(logits_NV, targets_N, ignore_index=IGNORED, reduction="sum").backward()
    assert ours.num_numbers == 4 * 50
    assert torchs.num_numbers == logits_NV.numel(), "the measure sees the copy where there is one"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "build",
    [
        lambda: Gpt(num_layers=2, width=16, num_heads=2, max_positions=24),
        lambda: Convnet(num_layers=2, num_channels=8),
    ],
    ids=["gpt", "convnet"],
)
def test_half_precision_gives_the_loss_of_single_to_a_hundredth(
    dtype: torch.dtype, build: Callable[[], nn.Module]
) -> None:
    torch.manual_seed(0)
    model = build()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    tokens = torch.randint(0, 256, (3, 21))
    batch = (tokens[:, :-1], tokens[:, 1:])
    expected = next_token_loss(model, batch)
    with torch.autocast("cpu", dtype=dtype):
        assert model(batch[0]).dtype == dtype
        loss = next_token_loss(model, batch)
    torch.testing.assert_close(loss, expected, rtol=1e-2, atol=0)
    loss.backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())
