"""A run of two processes, one of which fails in a way: accelerate launch fails.py RUNS WAY DEVICE."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.launch import exit_with

STEP, RANK = 4, int(os.environ.get("RANK", "0"))
OF_RANK_1 = {"raised", "killed", "hung", "hung at the start", "hung in shards"}
START_SECONDS, STEADY_SECONDS = 12, 3


def fail_if(is_due: bool, way: str) -> None:
    """Fails in this way, and leaves the time of it in the file `failed_at`."""
    if is_due:
        Path("failed_at").write_text(str(time.time()))
        if way == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if way.startswith("hung"):
            time.sleep(600)
        if way == "short of memory":
            raise RuntimeError("can't allocate memory: you tried to allocate 123 bytes")
        if way == "no batch":
            raise OSError("stale file handle")
        raise ValueError(f"ours, on rank {RANK}")


def main(arguments: list[str]) -> int:
    """Trains the small job of the harness tests, with a failure in it."""
    runs_dir, way, device = arguments
    from harness.job import Eval
    from harness.ranks import Timeouts
    from harness.record import Experiment
    from harness.session import train_session
    from tests.harness.small_job import RaggedExamples, build_job, loss_sum, tiny_model
    from tests.system.kinds_on_two_ranks import job_of

    calls = iter(range(1_000))

    def failing_loss(model: Any, batch: Any) -> Any:
        call = next(calls)
        due_at = {"hung at the start": 0, "hung in shards": 2 * STEP}.get(way, STEP)  # two micro-batches a step there
        fail_if(call == due_at and (way == "both" or (way in OF_RANK_1 and RANK == 1)), way)
        return loss_sum(model, batch)

    def short_of_memory(model: Any, batch: Any) -> Any:
        fail_if(RANK == 1, way)
        return loss_sum(model, batch)

    class Unreadable(RaggedExamples):
        def batch(self, indices: Any, epochs: Any) -> Any:
            fail_if(RANK == 1 and next(calls) == STEP, way)
            return super().batch(indices, epochs)

    def failing_rows(_model: Any, items: Any) -> Any:
        fail_if(way == "in an eval" and RANK == 0, way)
        fail_if(way == "beside a long eval" and RANK == 1, way)
        if way == "beside a long eval":
            time.sleep(600)
        return [{"id": item} for item in items]

    def build(ranks: Any) -> Any:
        if way == "hung in shards":
            return replace(job_of(ranks, "hsdp", "adamw"), loss_sum=failing_loss, evals={})
        if way == "no batch":
            return build_job(examples=Unreadable(10), prefetch_steps=4)
        if way == "short of memory":
            return replace(job_of(ranks, "fsdp", "adamw"), loss_sum=short_of_memory, has_dry_run=True)
        model = tiny_model(0.0).to(ranks.device)
        return build_job(model=model, loss_sum=failing_loss, evals=evals, eval_every_steps=2 * STEP)

    evals = {"a": Eval(items=range(4), rows=failing_rows, metrics=lambda _rows: {"n": 1.0})}
    train_session(
        build,
        Experiment(name="fails", why="", config={}),
        device=device,
        num_threads=1,
        timeouts=Timeouts(
            start_seconds=START_SECONDS if way == "hung at the start" else 60, steady_seconds=STEADY_SECONDS
        ),
        deterministic=False,
        runs_dir=Path(runs_dir),
    )
    return 0


if __name__ == "__main__":
    exit_with(main)
