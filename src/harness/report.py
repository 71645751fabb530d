"""The words around a run: what really runs, before it starts; what came out, and what to do next, after it ended."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.console import table
from harness.job import Job
from harness.ranks import Ranks
from harness.rows import read
from harness.split import Split

if TYPE_CHECKING:
    from harness.loop import Ended
    from harness.run_directory import RunDirectory

NUM_SAMPLES_SHOWN = 2
SAMPLE_CHARACTERS = 300


def facts(job: Job, ranks: Ranks) -> dict[str, Any]:
    """What the record says about the run that is about to start."""
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "num_processes": ranks.num_processes,
        "device": str(ranks.device),
        "num_threads": ranks.num_threads,
        "num_parameters": num_parameters(job),
    }


def start_line(job: Job, ranks: Ranks, split: Split) -> str:
    """The first thing printed: the world, device and precision that this run really has."""
    processes = "1 process" if ranks.num_processes == 1 else f"{ranks.num_processes} processes"
    threads = f" with {ranks.num_threads} threads" if ranks.device.type == "cpu" else ""
    micro = f"{split.num_micro_batches} x {split.micro_batch_size} per process"
    return (
        f"{processes} on {ranks.device.type}{threads}, {job.facts['precision']}; "
        f"batch of {split.batch_size} = {micro}; {num_parameters(job):,} parameters; {job.num_steps:,} steps"
    )


def num_parameters(job: Job) -> int:
    """Parameters, shared ones counted once."""
    return sum(parameter.numel() for parameter in job.model.parameters())


def end(job: Job, run: "RunDirectory", ended: "Ended") -> str:
    """The last screen: how the run ended, its numbers, some raw samples, and what to do next."""
    if ended.reason != "finished":
        return f"stopped by {ended.reason} after step {ended.step}; saved\nnext: accelerate launch train.py {run.path}"
    lines = [f"finished {ended.step:,} steps", *_numbers(ended.metrics)]
    for name in job.evals:
        lines += _samples(run, name, ended.step)
    return "\n".join(
        [*lines, f"next: tools/diff_configs {run.path} OTHER_RUN_OR_CONFIG; every row is in {run.path}/evals"]
    )


def _numbers(metrics: Mapping[str, float]) -> list[str]:
    rows = [
        (key, f"{value:,.0f}" if value.is_integer() and value > 1 else f"{value:.4f}") for key, value in metrics.items()
    ]
    return [table(rows)] if rows else []


def _samples(run: "RunDirectory", name: str, step: int) -> list[str]:
    """Some raw text of an eval that generates any."""
    path = run.eval_directory(name, step) / "samples.jsonl"
    shown = [row for row in (read(path) if path.exists() else []) if "completion" in row][:NUM_SAMPLES_SHOWN]
    return [f"{name} {row['id']}: {(row['prompt'] + row['completion'])[:SAMPLE_CHARACTERS]!r}" for row in shown]
