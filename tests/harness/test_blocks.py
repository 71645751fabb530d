"""Blocks that are computed again or compiled give what they gave before, and say clearly when they cannot."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from harness.blocks import compile_blocks, recompute_blocks
from harness.launch import Refused

CPU = torch.device("cpu")


class Noisy(nn.Module):
    """Two blocks with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Dropout(0.5)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return x


def loss_and_gradients(model: nn.Module) -> list[Tensor]:
    torch.manual_seed(1)
    loss = model(torch.randn(4, 8)).square().mean()
    return [loss.detach(), *torch.autograd.grad(loss, list(model.parameters()))]


def model() -> Noisy:
    torch.manual_seed(0)
    return Noisy()


def saved_numbers(model: nn.Module) -> int:
    """Numbers of activations that a forward pass keeps for the backward pass."""
    parameters = {parameter.data_ptr() for parameter in model.parameters()}
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in parameters:
            saved[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(torch.randn(4, 8))
    return sum(saved.values())


def test_recomputed_blocks_give_the_same_bits_with_dropout_and_keep_less() -> None:
    expected, kept = loss_and_gradients(model()), saved_numbers(model())
    other = model()
    names = list(other.state_dict())
    recompute_blocks(other)
    for got, wanted in zip(loss_and_gradients(other), expected, strict=True):
        assert torch.equal(got, wanted)
    assert list(other.state_dict()) == names
    assert saved_numbers(other) < kept / 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch, about itself
def test_compiled_blocks_give_the_same_loss_with_dropout_also_recomputed() -> None:
    x = torch.randn(3, 8)
    without_gradients = model().eval()(x)
    expected = loss_and_gradients(model())
    for wrappers in ([], [recompute_blocks]):
        other = model()
        for wrap in wrappers:
            wrap(other)
        compile_blocks(other, CPU)
        for got, wanted in zip(loss_and_gradients(other), expected, strict=True):
            torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)
        with torch.inference_mode():
            assert torch.equal(other.eval()(x), without_gradients), "evals run the blocks as they were written"


@pytest.mark.parametrize(
    ("wrap", "setting"),
    [
        (recompute_blocks, 'activations.kind = "recompute"'),
        (lambda model: compile_blocks(model, CPU), 'compile.kind = "blocks"'),
    ],
)
def test_a_model_without_blocks_is_refused(wrap: Callable[[nn.Module], None], setting: str) -> None:
    with pytest.raises(Refused, match=f"{setting} works block by block, and Linear has no list of blocks"):
        wrap(nn.Linear(2, 2))


def test_a_machine_without_a_compiler_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(Refused, match=r"needs a C\+\+ compiler on a CPU, and there is no g\+\+ or clang\+\+"):
        compile_blocks(model(), CPU)
