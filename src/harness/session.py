"""One start of a run: join the ranks, build the job, open the record, train, say how it went and what to do next."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from harness import report
from harness.claim import claimed
from harness.console import Console
from harness.cpu import look_for_garbage_again
from harness.dry_run import dry_run, lack_of_memory
from harness.failure import failures_kept
from harness.job import Job
from harness.launch import Refused
from harness.loop import train
from harness.mirrors import MirrorPlan, open_mirrors
from harness.output import Output
from harness.peers import watched_peers
from harness.ranks import Ranks, Timeouts, start_ranks
from harness.record import Experiment, check_data, write_record, write_surroundings
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
    timeouts: Timeouts,
    deterministic: bool,
    runs_dir: Path,
    run_path: Path | None = None,
    output: Output | None = None,
    mirrors: Mapping[str, MirrorPlan] | None = None,
) -> None:
    """Trains in a new directory below `runs_dir`, or goes on in `run_path`. All ranks; returns when all have finished.

    Raises Refused for a world that is not the one launched and for a run that another process writes, Failed for a
    gradient that is not finite, a full disk and the loss of another rank, and what else goes wrong as it is. The run's
    events say which of these it was.
    """
    ranks = start_ranks(device=device, num_threads=num_threads, timeouts=timeouts, deterministic=deterministic)
    with (
        Console(speaks=ranks.is_main, terminal=output.terminal if output else None) as console,
        stop_on_signal(speaks=ranks.is_main) as stop,
        ExitStack() as until_the_end,
        failures_kept(ranks) as failures,
        watched_peers(ranks),
    ):
        job = _built(build_job, ranks)
        look_for_garbage_again()
        split = split_batch(
            batch_size=job.batch_size, num_processes=ranks.num_processes, micro_batch_size=job.micro_batch_size
        )
        console.say(report.start_line(job, ranks, split))
        if job.has_dry_run:
            dry_run(job, split, ranks)
        run = _open(job, ranks, experiment, runs_dir, run_path, console, until_the_end) if ranks.is_main else None
        failures.run, failures.run_path = run, ranks.from_main(run.path if run else None)
        if output is not None and failures.run_path is not None:
            output.keep_in(failures.run_path, rank=ranks.rank, num_processes=ranks.num_processes)
        if run is not None:
            run.mirrors = open_mirrors(mirrors or {}, run, experiment.config, say=console.say)
        job = replace(job, facts={**job.facts, "fingerprint": experiment.fingerprint})
        ended = train(job, split, ranks, run, console, stop)
        console.end_progress()
        if run is not None:
            run.event("finished" if ended.reason == "finished" else "preempted", step=ended.step, reason=ended.reason)
            console.say(report.end(job, run, ended))
            run.close()


def _built(build_job: Callable[[Ranks], Job], ranks: Ranks) -> Job:
    """The job. Raises Refused where the memory does not even hold the model."""
    try:
        return build_job(ranks)
    except (RuntimeError, MemoryError) as error:
        if said := lack_of_memory(error):
            raise Refused(f"the memory does not hold the model ({said})\n  help: lower the sizes in [model]") from error
        raise


def _open(
    job: Job,
    ranks: Ranks,
    experiment: Experiment,
    runs_dir: Path,
    run_path: Path | None,
    console: Console,
    until_the_end: ExitStack,
) -> RunDirectory:
    """Opens the run on the main process, which alone writes there; a new one gets its record before the first step."""
    repeated = [] if run_path else earlier_runs(runs_dir, experiment.fingerprints.get("science", ""))
    try:
        path = run_path or create_run_directory(runs_dir, experiment.name)
    except OSError as error:
        raise Refused(f"log.runs_dir = {str(runs_dir)!r}: no run can be made there ({error})") from error
    if unclaimed := until_the_end.enter_context(claimed(path)):
        console.say(unclaimed)
    if run_path is not None:
        check_data(path, job.facts)
    console.keep_log(path / "log.txt")
    if run_path is None:
        write_record(path, experiment, {**report.facts(job, ranks), **job.facts})
        for line in filter(None, (*experiment.notes, *job.notes, repeats_line(repeated))):
            console.say(line)
    console.say(f"run {path}" + (f"  ({experiment.why})" if experiment.why else ""))
    run = open_run_directory(path)
    if run.segment > 0:
        write_surroundings(path / "segments" / f"{run.segment:03}")
    return run
