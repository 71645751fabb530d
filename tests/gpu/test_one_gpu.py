"""One GPU against the CPU: the same losses in fp32, near ones in half precision, and what only a GPU has."""

from collections.abc import Callable

import pytest
import torch

from harness.host_copy import HostCopy
from zoo.gpt import Gpt
from zoo.optimizers import adamw

Losses = Callable[..., list[float]]

NUM_GPUS = 1


def test_fp32_gives_the_losses_of_the_cpu(losses: Losses) -> None:
    assert losses("cuda") == pytest.approx(losses("cpu"), rel=1e-3)


@pytest.mark.parametrize("kind", ["bf16", "fp16"])
def test_half_precision_gives_the_losses_of_fp32_to_two_hundredths(losses: Losses, kind: str) -> None:
    assert losses("cuda", layer=f'precision.kind = "{kind}"\n') == pytest.approx(losses("cuda"), rel=2e-2)


@pytest.mark.parametrize("layer", ['compile.kind = "blocks"\n', 'activations.kind = "recompute"\n'])
def test_compiled_or_recomputed_blocks_give_the_losses_of_plain_ones(losses: Losses, layer: str) -> None:
    assert losses("cuda", layer=layer) == pytest.approx(losses("cuda"), rel=1e-3)


def test_the_fused_update_is_the_update_in_pieces() -> None:
    weights = []
    for fused in (True, False):
        torch.manual_seed(0)
        model = Gpt(num_layers=1, width=32, num_heads=2, max_positions=8).cuda()
        (optimizer,) = adamw(model, lr=0.01, fused=fused)
        assert optimizer.defaults["fused"] is fused
        for step in range(3):
            torch.manual_seed(step)
            for parameter in model.parameters():
                parameter.grad = torch.randn_like(parameter)
            optimizer.step()
        weights.append([parameter.detach() for parameter in model.parameters()])
    torch.testing.assert_close(*weights, rtol=1e-5, atol=1e-6)


def test_the_same_run_twice_gives_the_same_bits_with_deterministic_kernels(losses: Losses) -> None:
    layer = "train.deterministic = true\nmodel.dropout = 0.1\n"
    assert losses("cuda", layer=layer) == losses("cuda", layer=layer)


def test_the_copy_of_a_save_has_the_bits_of_the_gpu_in_pinned_memory() -> None:
    tensors = {"a": torch.randn(3000, 50, device="cuda"), "step": torch.tensor(3.0)}
    expected = {name: tensor.cpu().clone() for name, tensor in tensors.items()}
    copied = HostCopy().take(tensors)
    tensors["a"].zero_()
    assert all(torch.equal(copied[name], tensor) for name, tensor in expected.items())
    assert copied["a"].is_pinned()
