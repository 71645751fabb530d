"""Two GPUs over nccl against one process on the CPU."""

from collections.abc import Callable

import pytest

Losses = Callable[..., list[float]]

NUM_GPUS = 2


@pytest.mark.parametrize("layer", ["", "train.micro_batch_size = 2\n"])
def test_ddp_gives_the_losses_of_one_process_on_the_cpu(losses: Losses, layer: str) -> None:
    assert losses("cuda", processes=2, layer=layer) == pytest.approx(losses("cpu"), rel=1e-3)


@pytest.mark.parametrize("num_replicas", [1, 2])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_fsdp_gives_the_losses_of_ddp(losses: Losses, num_replicas: int, optimizer: str) -> None:
    kind = f'[optimizer]\nkind = "{optimizer}"\nlr = 0.003\n'
    shards = f'[parallel]\nkind = "fsdp"\nnum_replicas = {num_replicas}\n'
    expected = losses("cuda", processes=2, layer=kind)
    assert losses("cuda", processes=2, layer=kind + shards) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("kind", ["bf16", "fp16"])
def test_fsdp_in_half_precision_compiled_and_recomputed_learns_as_fp32(losses: Losses, kind: str) -> None:
    layer = (
        f'precision.kind = "{kind}"\nparallel.kind = "fsdp"\ncompile.kind = "blocks"\nactivations.kind = "recompute"\n'
    )
    assert losses("cuda", processes=2, layer=layer) == pytest.approx(losses("cuda", processes=2), rel=2e-2)
