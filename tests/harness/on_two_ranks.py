"""What test_two_ranks.py lets two gloo processes do: every case of it, in one start, since torch is slow to import.

Each case is a function of (ranks, folder) that gives plain data on every rank; what both gave goes to results.json.
"""

import hashlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from harness.console import Console
from harness.evaluate import evaluate_all
from harness.job import Eval, Job
from harness.launch import Failed
from harness.loop import Ended, train
from harness.metrics import StepMetrics
from harness.ranks import Ranks, Timeouts, start_ranks
from harness.run_directory import open_run_directory
from harness.split import split_batch
from harness.stop import StopFlag
from harness.throughput import memory_high_water
from tests.harness.small_job import RaggedExamples, build_job

SAVED_AFTER = (1, 3, 5, 7)  # 10 examples in batches of 4: epochs end after 2.5, 5 and 7.5 steps
SPLITS = (4, 2, 1)  # micro-batch sizes of 8 examples on two processes
BROKEN_STEP = 4


class Killed(BaseException):
    """What kill -9 is within one process: nothing of ours runs after it."""


def digest(job: Job) -> str:
    """Of weights and optimizer state, bit by bit."""
    tensors = list(job.model.state_dict().values())
    for optimizer in job.optimizers:
        tensors += [value for values in optimizer.state_dict()["state"].values() for value in values.values()]
    return hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in tensors)).hexdigest()


def run_in(path: Path, job: Job, ranks: Ranks, stop: StopFlag | None = None) -> Ended:
    """One start of a run in this directory, on all ranks."""
    path.mkdir(exist_ok=True)
    run = open_run_directory(path) if ranks.is_main else None
    split = split_batch(
        batch_size=job.batch_size, num_processes=ranks.num_processes, micro_batch_size=job.micro_batch_size
    )
    return train(job, split, ranks, run, Console(speaks=False), StopFlag() if stop is None else stop)


def dying_job(*, killed_at: int | None = None, saved_after: int = 100) -> Job:
    """A job with dropout that is killed before the update of a step."""

    def lr_factor(step: int) -> float:
        if step == killed_at:
            raise Killed
        return 1 / (1 + step)

    return build_job(dropout=0.3, micro_batch_size=1, lr_factor=lr_factor, checkpoint_every_steps=saved_after)


def broken_job(ranks: Ranks, *, max_skipped_steps: int) -> Job:
    """A job whose loss is infinite at one step on the last rank alone, while its own gradient would be finite."""
    calls = iter(range(1_000))
    healthy = build_job(max_skipped_steps=max_skipped_steps)

    def loss_sum(model: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        is_broken = next(calls) == BROKEN_STEP - 1 and ranks.rank == ranks.num_processes - 1
        return healthy.loss_sum(model, batch) + (math.inf if is_broken else 0.0)

    return build_job(loss_sum=loss_sum, max_skipped_steps=max_skipped_steps)


def straight(ranks: Ranks, folder: Path) -> Any:
    """A run that nothing disturbs."""
    job = dying_job()
    run_in(folder, job, ranks)
    return digest(job)


def resumed(ranks: Ranks, folder: Path) -> Any:
    """Runs that are killed, and go on with nothing but a checkpoint, by where they were saved."""
    digests = {}
    for saved_after in SAVED_AFTER:
        path = folder / str(saved_after)
        folder.mkdir(exist_ok=True)
        try:
            run_in(path, dying_job(killed_at=min(2 * saved_after - 1, 7), saved_after=saved_after), ranks)
        except Killed:
            job = dying_job(saved_after=saved_after)
            for parameter in job.model.parameters():
                nn.init.normal_(parameter)
            run_in(path, job, ranks)
            digests[saved_after] = digest(job)
    return digests


def half_done(ranks: Ranks, folder: Path) -> Any:
    """A run that is killed after its checkpoint of step 3, for another number of processes to go on with."""
    try:
        run_in(folder, dying_job(killed_at=4, saved_after=3), ranks)
    except Killed:
        return "killed"
    return "not killed"


def grown(ranks: Ranks, folder: Path) -> Any:
    """A run of one process that is killed after its checkpoint of step 3, and goes on on two."""
    if ranks.is_main:
        with suppress(Killed):
            run_in(folder, dying_job(killed_at=4, saved_after=3), replace(ranks, num_processes=1))
    ranks.wait()
    job = dying_job()
    for parameter in job.model.parameters():
        nn.init.normal_(parameter)
    run_in(folder, job, ranks)
    return digest(job)


def measured(ranks: Ranks, folder: Path) -> Any:
    """Two steps on whose batches either rank waited once, and the memory that each rank has held."""
    folder.mkdir(exist_ok=True)
    metrics = StepMetrics()
    for step in (0, 1):
        waited = 0.5 if step == ranks.rank else 0.0
        metrics.add(torch.tensor(0.25), data_wait_seconds=waited, step=step, tokens=8, lr=1.0)
    held = torch.ones(2**28 if ranks.rank else 1)  # 1 GiB
    high_water = memory_high_water(ranks.device)
    metrics.flush(ranks, open_run_directory(folder) if ranks.is_main else None)
    return high_water, held.nbytes


def splits(ranks: Ranks, folder: Path) -> Any:
    """Ragged batches of 8 in micro-batches of each size."""
    folder.mkdir(exist_ok=True)
    for size in SPLITS:
        run_in(folder / str(size), build_job(batch_size=8, num_examples=17, micro_batch_size=size), ranks)
    return None


def evaluated(ranks: Ranks, folder: Path) -> Any:
    """An eval of 5 items, which two processes cannot share evenly."""
    folder.mkdir(exist_ok=True)
    return evaluate_all(eval_job(), ranks, open_run_directory(folder) if ranks.is_main else None, 0)


def example(index: int) -> tuple[torch.Tensor, ...]:
    """One example of the first epoch, as a batch."""
    return RaggedExamples(10).batch(np.array([index]), np.array([0]))


def eval_job() -> Job:
    """A job with an eval of the mean loss of 5 examples."""
    job = build_job()

    def rows(model: nn.Module, items: Any) -> Any:
        for item in items:
            inputs, targets = example(item)
            yield {
                "id": item,
                "loss": float(job.loss_sum(model, (inputs, targets))),
                "count": int((targets >= 0).sum()),
            }

    def metrics(rows: Any) -> Any:
        return {"loss": sum(row["loss"] for row in rows) / sum(row["count"] for row in rows)}

    return build_job(evals={"mean": Eval(items=range(5), rows=rows, metrics=metrics)})


def not_finite_raise(ranks: Ranks, folder: Path) -> Any:
    """What each rank says, whether it says it aloud, and its weights."""
    job = broken_job(ranks, max_skipped_steps=0)
    try:
        run_in(folder, job, ranks)
    except Failed as failure:
        return [str(failure), failure.aloud, digest(job)]
    return None


def not_finite_skip(ranks: Ranks, folder: Path) -> Any:
    """The weights at the end, on each rank."""
    job = broken_job(ranks, max_skipped_steps=1)
    run_in(folder, job, ranks)
    return digest(job)


def healthy_until_broken(ranks: Ranks, folder: Path) -> Any:
    """The weights before the broken step."""
    job = build_job(num_steps=BROKEN_STEP - 1)
    run_in(folder, job, ranks)
    return digest(job)


def stopped(ranks: Ranks, folder: Path) -> Any:
    """A signal that only the last rank gets."""
    stop = StopFlag()

    def lr_factor(step: int) -> float:
        if step == 2 and ranks.rank == ranks.num_processes - 1:
            stop.receive(signal.SIGTERM, None)
        return 1 / (1 + step)

    ended = run_in(folder, build_job(lr_factor=lr_factor), ranks, stop)
    return [ended.reason, ended.step]


def ahead(ranks: Ranks, folder: Path) -> Any:
    """Ten short steps whose batches are there: on how many the ranks agreed each time, by the steps between saves."""
    agreed: dict[int, list[int]] = {100: [], 3: []}
    folder.mkdir(exist_ok=True)
    for saved_after, numbers in agreed.items():

        class Counted(Ranks):
            def sum_counts(self, *counts: int, numbers: list[int] = numbers) -> list[int]:
                numbers.append(len(counts) - 2)
                return super().sum_counts(*counts)

        job = build_job(
            dropout=0.3, micro_batch_size=1, num_steps=10, prefetch_steps=4, checkpoint_every_steps=saved_after
        )
        run_in(folder / f"ahead_{saved_after}", job, Counted(**vars(ranks)))
    run_in(folder / "at_once", build_job(dropout=0.3, micro_batch_size=1, num_steps=10), ranks)
    return agreed


def ahead_of_long_steps(ranks: Ranks, folder: Path) -> Any:
    """A signal on the last rank after short steps, and one after steps that became long on one rank."""
    folder.mkdir(exist_ok=True)
    ended_at = []
    for seconds in (0.0, 0.3):
        stop = StopFlag()

        def lr_factor(step: int, *, stop: StopFlag = stop, seconds: float = seconds) -> float:
            if step >= 4 and ranks.is_main:
                time.sleep(seconds)
            if step == 9 and not ranks.is_main:
                stop.receive(signal.SIGTERM, None)
            return 1.0

        job = build_job(lr_factor=lr_factor, num_steps=40, prefetch_steps=4)
        ended_at.append(run_in(folder / f"{seconds}", job, ranks, stop).step)
    return ended_at


CASES: tuple[Callable[[Ranks, Path], Any], ...] = (
    straight,
    resumed,
    half_done,
    grown,
    measured,
    splits,
    evaluated,
    healthy_until_broken,
    not_finite_raise,
    not_finite_skip,
    stopped,
    ahead,
    ahead_of_long_steps,
)


def let_two_ranks_run(module: str, folder: Path, *, max_seconds: float) -> None:
    """Runs a module like this one on two processes; its results are then in the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    world = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", module, str(folder)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **world, "RANK": str(rank), "LOCAL_RANK": str(rank), "ACCELERATE_USE_CPU": "true"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    said = [process.communicate(timeout=max_seconds)[1] for process in processes]
    assert (folder / "results.json").exists(), said


def main(folder: Path) -> None:
    """Runs every case and writes {case: [of rank 0, of rank 1]}."""
    timeouts = Timeouts(start_seconds=100, steady_seconds=100)
    ranks = start_ranks(device="cpu", num_threads=1, timeouts=timeouts, deterministic=False)
    results = {case.__name__: ranks.gather(case(ranks, folder / case.__name__)) for case in CASES}
    if ranks.is_main:
        (folder / "results.json").write_text(json.dumps(results))
    ranks.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
