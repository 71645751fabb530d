"""One GPU against the CPU: the same losses in fp32, near ones in half precision, and what only a GPU has."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.dry_run import dry_run
from harness.host_copy import HostCopy
from harness.launch import Refused
from harness.ranks import Ranks
from harness.split import split_batch
from harness.throughput import peak_flops
from tests.gpu.conftest import rows
from tests.harness.small_job import build_job, tiny_model
from zoo.gpt import Gpt
from zoo.optimizers import adamw

Losses = Callable[..., list[float]]
Train = Callable[..., Path]

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


def test_a_run_that_goes_on_ends_with_the_bits_of_the_straight_one(train: Train) -> None:
    run = train("cuda", layer="train.deterministic = true\nmodel.dropout = 0.1\n")
    last = run / "checkpoints" / "step_00000030"
    expected = {name: (last / name).read_bytes() for name in ("model.safetensors", "optimizers.pt")}
    losses = {row["step"]: row["train/loss"] for row in rows(run / "metrics.jsonl")}
    shutil.rmtree(last)
    train("cuda", run=run)
    assert {name: (last / name).read_bytes() for name in expected} == expected
    assert {row["step"]: row["train/loss"] for row in rows(run / "metrics.jsonl")} == losses


def test_memory_is_that_of_the_gpu_and_the_share_of_its_peak_is_there_where_that_is_known(train: Train) -> None:
    last = rows(train("cuda") / "metrics.jsonl")[-1]
    assert 0 < last["train/memory_bytes"] < 200e6, "a small model; a process with torch is larger"
    assert ("train/mfu" in last) == (peak_flops(torch.device("cuda")) is not None)
    assert 0 < last.get("train/mfu", 0.001) < 1


def test_a_trace_has_the_kernels_of_the_gpu(train: Train) -> None:
    run = train("cuda", layer='[profile]\nkind = "torch"\nfirst_step = 3\nnum_steps = 2\n')
    (trace,) = (run / "profile").iterdir()
    assert any(event.get("cat") == "kernel" for event in json.loads(trace.read_text())["traceEvents"])


def test_too_little_memory_is_refused_before_the_start() -> None:
    def greedy(model: torch.nn.Module, batch: tuple[torch.Tensor, ...]) -> Any:
        return model(batch[0]).sum() * torch.ones(2**45, device="cuda").sum()

    job = build_job(model=tiny_model(0.0).cuda(), loss_sum=greedy)
    alone = Ranks(rank=0, num_processes=1, device=torch.device("cuda"), num_threads=1)
    with pytest.raises(Refused, match=r"does not suffice for one micro-batch of 4 examples \(CUDA out of memory"):
        dry_run(job, split_batch(batch_size=4, num_processes=1), alone)
