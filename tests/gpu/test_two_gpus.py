"""Two GPUs over nccl against one process on the CPU."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gpu.conftest import launch, rows
from tests.system import fails

Losses = Callable[..., list[float]]
Train = Callable[..., Path]

NUM_GPUS = 2
MAX_SECONDS = 20  # the launcher's own last second included


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


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_one_process_goes_on_with_the_checkpoint_of_two(train: Train, losses: Losses, kind: str) -> None:
    layer = f'parallel.kind = "{kind}"\n'
    expected = losses("cuda", layer=layer)
    run = train("cuda", processes=2, layer=layer)
    shutil.rmtree(run / "checkpoints" / "step_00000030")
    train("cuda", run=run)
    last = {row["step"]: row["train/loss"] for row in rows(run / "metrics.jsonl")}
    assert list(last.values()) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("way", "seconds"), [("raised", 0), ("killed", 0), ("hung", fails.STEADY_SECONDS)])
def test_when_one_process_fails_both_are_soon_gone(tmp_path: Path, way: str, seconds: int) -> None:
    done = launch(Path(fails.__file__), "runs", way, "cuda", processes=2, folder=tmp_path)
    assert done.returncode == 1
    took = time.time() - float((tmp_path / "failed_at").read_text())
    assert took < seconds + MAX_SECONDS, done.stderr
    if way == "raised":
        assert done.stderr.count("ValueError: ours") == 1, done.stderr
