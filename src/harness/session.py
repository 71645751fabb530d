"""One start of a run: join the ranks, build the job, open the record, train, say how it went and what to do next."""

import traceback
from collections.abc import Callable
from pathlib import Path

from harness import report
from harness.console import Console
from harness.cpu import look_for_garbage_again
from harness.job import Job
from harness.launch import Refused
from harness.loop import train
from harness.ranks import Ranks, start_ranks
from harness.record import Experiment, write_record
from harness.repeats import earlier_runs, repeats_line
from harness.run_directory import RunDirectory, create_run_directory, open_run_directory
from harness.split import split_batch
from harness.stop import stop_on_signal


def train_session(
    build_job: Callable[[Ranks], Job],
    experiment: Experiment,
    *,
    device: str,
    num_threads: int | None,
    runs_dir: Path,
    run_path: Path | None = None,
) -> None:
    """Trains in a new directory below `runs_dir`, or goes on in `run_path`. All ranks; returns when all have finished.

    Raises Refused for a world that is not the one launched, FloatingPointError for a gradient that is not finite,
    OSError when the disk is full, and what `build_job` raises. The run's events say which of these it was.
    """
    ranks = start_ranks(device=device, num_threads=num_threads)
    with Console(speaks=ranks.is_main) as console, stop_on_signal() as stop:
        job = build_job(ranks)
        look_for_garbage_again()
        split = split_batch(
            batch_size=job.batch_size, num_processes=ranks.num_processes, micro_batch_size=job.micro_batch_size
        )
        console.say(report.start_line(job, ranks, split))
        run = _open(job, ranks, experiment, runs_dir, run_path, console) if ranks.is_main else None
        try:
            ended = train(job, ranks, run, console, stop)
        except Exception as error:
            if run is not None:
                (run.path / "error.txt").write_text(traceback.format_exc(), "utf-8")
                run.event("failed", error=f"{type(error).__name__}: {error}")
            raise
        console.end_progress()
        if run is not None:
            run.event("finished" if ended.reason == "finished" else "stopped", step=ended.step, reason=ended.reason)
            console.say(report.end(job, run, ended))
            run.close()
        ranks.wait()


def _open(
    job: Job, ranks: Ranks, experiment: Experiment, runs_dir: Path, run_path: Path | None, console: Console
) -> RunDirectory:
    """Opens the run on the main process; a new one gets its record before the first step."""
    repeated = [] if run_path else earlier_runs(runs_dir, experiment.fingerprints.get("science", ""))
    try:
        path = run_path or create_run_directory(runs_dir, experiment.name)
    except OSError as error:
        raise Refused(f"log.runs_dir = {str(runs_dir)!r}: no run can be made there ({error})") from error
    console.keep_log(path / "log.txt")
    if run_path is None:
        write_record(path, experiment, {**report.facts(job, ranks), **job.facts})
        for line in filter(None, (*experiment.notes, repeats_line(repeated))):
            console.say(line)
    console.say(f"run {path}" + (f"  ({experiment.why})" if experiment.why else ""))
    return open_run_directory(path)
