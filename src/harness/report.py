"""The words around a run: what really runs, before it starts; what came out, and what to do next, after it ended."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.analysis.find import root_words
from harness.job import Job
from harness.last_screen import finished_parent, numbers, raw_samples
from harness.launch import launch_line, launched_processes
from harness.ranks import Ranks
from harness.split import Split

if TYPE_CHECKING:
    from harness.loop import Ended
    from harness.run_directory import RunDirectory


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
    plural = "s" * (ranks.num_threads != 1)
    threads = f" with {ranks.num_threads} thread{plural}" if ranks.device.type == "cpu" else ""
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
        again = launch_line(run.path, num_processes=launched_processes())
        return f"stopped by {ended.reason} after step {ended.step}; saved\nnext: {again}"
    parent = finished_parent(run.path)
    return "\n".join(
        [
            f"finished {ended.step:,} steps",
            *numbers(ended.metrics, run.path, parent),
            *raw_samples(run.path, list(job.evals), ended.step),
            _next(run, parent),
        ]
    )


def _next(run: "RunDirectory", parent: Path | None) -> str:
    root = root_words(run.path.parent)
    if parent is not None:
        return f"next: tools/compare {parent.name} {run.path.name}{root} says which of these differences mean anything"
    return f"next: tools/look {run.path.name}{root} shows every sample"
