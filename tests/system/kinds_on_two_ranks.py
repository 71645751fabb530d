"""What test_kinds_on_two_ranks.py lets two gloo processes do: kinds of training together, on ragged batches.

Each case is a function of (ranks, folder) that gives plain data; what both ranks gave goes to results.json.
"""

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import distributed_c10d

from bindings.parallel import Ddp, Fsdp
from harness.averaging import WeightAverage
from harness.job import Batch, Job
from harness.loss_scale import LossScale
from harness.ranks import Ranks, Timeouts, start_ranks
from harness.sharded import local_parts, whole
from tests.harness.on_two_ranks import Killed, eval_job, run_in
from tests.harness.small_job import VOCABULARY, build_job, loss_sum
from zoo.optimizers import adamw, muon

WIDTH = 7  # odd, so that shards are uneven
KINDS: dict[str, Ddp | Fsdp] = {"ddp": Ddp(), "fsdp": Fsdp(), "hsdp": Fsdp(num_replicas=2, num_shards=1)}
OPTIMIZERS = {"muon": muon, "adamw": adamw}
SAVED_AFTER = 3
START_SECONDS, STEADY_SECONDS = 100, 90


class Blocks(nn.Module):
    """A model that can be sharded, with a tied head; always the same first weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh()) for _ in range(2))
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = x + block(x)
        logits: Tensor = self.head(x)
        return logits


def job_of(ranks: Ranks, kind: str, optimizer: str, *, killed_at: int | None = None) -> Job:
    """Batches of 8 ragged examples in micro-batches of 2, with clipping, and an eval of a moving average."""
    model = Blocks()
    in_shards = KINDS[kind].build(model, ranks)

    def lr_factor(step: int) -> float:
        if step == killed_at:
            raise Killed
        return 1 / (1 + 0.2 * step)

    return build_job(
        model=model,
        optimizers=OPTIMIZERS[optimizer](model, lr=0.02),
        average=WeightAverage(model, decay=0.6, warmup_steps=2, used_by_evals=True),
        in_shards=in_shards,
        batch_size=8,
        micro_batch_size=2,
        num_examples=17,
        clip_norm=0.5,
        lr_factor=lr_factor,
        checkpoint_every_steps=SAVED_AFTER,
        eval_every_steps=4,
        evals={"mean": replace(eval_job().evals["mean"], identity={"items": "the first five"}, id_of=str)},
    )


def weights_of(job: Job) -> list[float]:
    """Weights and averages, whole, on every rank."""
    assert job.average is not None
    tensors = [*job.model.parameters(), *job.average.averages.values()]
    return [number for tensor in tensors for number in whole(tensor.detach()).flatten().tolist()]


def kinds(ranks: Ranks, folder: Path) -> Any:
    """{"muon fsdp": [weights and averages at the end, those of a run that was killed and went on]}."""
    ends = {}
    for optimizer in OPTIMIZERS:
        for kind in KINDS:
            name = f"{optimizer} {kind}"
            path = folder / name
            job = job_of(ranks, kind, optimizer)
            run_in(path, job, ranks)
            ends[name] = [weights_of(job)]
            resumed = folder / f"{name} resumed"
            try:
                run_in(resumed, job_of(ranks, kind, optimizer, killed_at=5), ranks)
            except Killed:
                job = job_of(ranks, kind, optimizer)
                for part in local_parts(tensor.detach() for tensor in job.model.parameters()):
                    part.zero_()
                run_in(resumed, job, ranks)
                ends[name].append(weights_of(job))
    return ends


def half_done(ranks: Ranks, folder: Path) -> Any:
    """Runs that are killed after their checkpoint of step 3, for another number of processes to go on with."""
    for kind in ("ddp", "fsdp"):
        try:
            run_in(folder / kind, job_of(ranks, kind, "muon", killed_at=5), ranks)
        except Killed:
            continue
    return None


def overflow_job(ranks: Ranks, *, at: int | None) -> Job:
    """fp16 with a loss scale; from call `at` on one loss of the last rank overflows while the scale is above 64."""
    scale, calls, model = LossScale(scale=1024.0), iter(range(10_000)), Blocks()

    def overflowing(model: nn.Module, batch: Batch) -> Tensor:
        is_bad = at is not None and next(calls) >= at and ranks.rank == ranks.num_processes - 1
        return loss_sum(model, batch) * (math.inf if is_bad and scale.scale > 64 else 1.0)

    return build_job(
        model=model,
        optimizers=adamw(model, lr=0.02),
        loss_sum=overflowing,
        loss_scale=scale,
        autocast=lambda device: torch.autocast(device.type, dtype=torch.float16),
        batch_size=8,
        micro_batch_size=2,
        num_examples=17,
        num_steps=12,
    )


def loss_scale(ranks: Ranks, folder: Path) -> Any:
    """[weights, state of the scale] of a run without an overflow, and of one with four on one rank."""
    folder.mkdir(exist_ok=True)
    found = []
    for name, at in (("healthy", None), ("overflows", 4)):
        job = overflow_job(ranks, at=at)
        run_in(folder / name, job, ranks)
        assert job.loss_scale is not None
        weights = [number for tensor in job.model.parameters() for number in tensor.flatten().tolist()]
        found.append([weights, job.loss_scale.state()])
    return found


def time_outs(ranks: Ranks, _folder: Path) -> Any:
    """The seconds that each group of processes waits: with a mesh of two dimensions, and once the steps run."""
    found = []
    for expect in (lambda: KINDS["hsdp"].build(Blocks(), ranks), ranks.expect_steady_steps):
        expect()
        backends = [group._get_backend(ranks.device) for group in distributed_c10d._world.pg_map]
        found.append([backend.options._timeout.total_seconds() for backend in backends])
    return found


CASES: tuple[Callable[[Ranks, Path], Any], ...] = (time_outs, kinds, half_done, loss_scale)


def main(folder: Path) -> None:
    """Runs every case and writes {case: [of rank 0, of rank 1]}."""
    timeouts = Timeouts(start_seconds=START_SECONDS, steady_seconds=STEADY_SECONDS)
    ranks = start_ranks(device="cpu", num_threads=1, timeouts=timeouts, deterministic=False)
    results = {}
    for case in CASES:
        if ranks.is_main:
            (folder / case.__name__).mkdir()
        ranks.wait()
        results[case.__name__] = ranks.gather(case(ranks, folder / case.__name__))
    if ranks.is_main:
        (folder / "results.json").write_text(json.dumps(results))
    ranks.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
