"""The training loop, from top to bottom: fetch, compute, check, update, record; then what is due: eval, save, stop."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.checkpoint import (
    Keep,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
    shards_beside,
)
from harness.console import Console
from harness.evaluate import evaluate_all
from harness.fetch import Fetched, Fetching
from harness.job import Job
from harness.launch import Failed, Refused
from harness.metrics import StepMetrics
from harness.prefetch import Batches
from harness.profile import Tracer
from harness.ranks import Ranks
from harness.run_directory import RunDirectory
from harness.save_beside import SavesBeside
from harness.split import Split
from harness.step import clip, forward_backward, update
from harness.stop import StopFlag
from harness.throughput import peak_flops
from harness.train_state import Contents, TrainState, make_room, write_tensors_in_shards

WORTH_SAYING = 0.03  # of the time spent waiting for data


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run ended: `reason` is "finished" or the name of the signal that stopped it."""

    reason: str
    step: int
    metrics: Mapping[str, float]  # of the last evaluation, on the main process


def train(job: Job, split: Split, ranks: Ranks, run: RunDirectory | None, console: Console, stop: StopFlag) -> Ended:
    """Trains from the run's newest checkpoint, or the start, to the end. All ranks; `run` is None off the main one.

    Raises Failed when a loss or gradient is not finite, before it touches the weights, and Refused for a batch that
    cannot be made. Whatever is raised has a note of the step.
    """
    state = TrainState(
        model=job.model,
        optimizers=job.optimizers,
        average=job.average,
        loss_scale=job.loss_scale,
        in_shards=job.in_shards,
    )
    with SavesBeside() as saves:
        try:
            with (
                Batches(job, split, rank=ranks.rank, device=ranks.device) as batches,
                Tracer(job.profile, run.path / "profile" if run is not None else None, ranks.device) as tracer,
            ):
                ended = _train(job, state, batches, tracer, saves, ranks, run, console, stop)
            saves.wait()
            ranks.wait()  # for the main process, which writes
        except Exception as error:
            error.add_note(f"after step {state.step}")
            raise
    return ended


def _train(
    job: Job,
    state: TrainState,
    batches: Batches,
    tracer: Tracer,
    saves: SavesBeside,
    ranks: Ranks,
    run: RunDirectory | None,
    console: Console,
    stop: StopFlag,
) -> Ended:
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in job.optimizers]
    parameters = [parameter for parameter in job.model.parameters() if parameter.requires_grad]
    wrapped = ranks.wrap(job.model)
    metrics = StepMetrics(flops_per_token=job.flops_per_token, peak_flops=peak_flops(ranks.device))
    evaluated: Mapping[str, float] = {}
    _resume(state, ranks, run, console)
    batches.start(step=state.step, data_state=state.data_state)
    fetching = Fetching(job, batches, ranks, stop)
    console.start_progress(num_steps=job.num_steps, done=state.step)
    job.model.train()

    # The order inside a step: nothing touches the weights before the gradient is known to be finite on every rank, and
    # nothing is saved before it is recorded, so a checkpoint never knows more than the record.
    while state.step < job.num_steps:
        step = state.step
        saves.check()
        tracer.before(step + 1)
        fetched = fetching.fetch(step)
        if fetched.stop_asked:
            metrics.flush(ranks, run)
            _save(job, state, saves, ranks, run, {})
            return Ended(reason=stop.signal_name or "a signal on another rank", step=step, metrics=evaluated)
        loss_share = forward_backward(job, wrapped, ranks, step, fetched)
        norm = float(clip(parameters, clip_norm=job.clip_norm))
        if math.isfinite(norm):  # on every rank or on none: after the exchange all have the same gradient
            factor = update(job, peaks, step)
        else:
            metrics.flush(ranks, run)
            factor = _skip(job, state, ranks, float(ranks.sum(loss_share.clone())), norm, run)
        state.step += 1
        state.num_tokens += fetched.num_targets
        state.data_state = fetched.data_state
        metrics.add(loss_share, **_numbers_of(job, state, fetched), grad_norm=norm, lr=factor * peaks[0][0])

        is_last = state.step == job.num_steps
        if is_last or state.step % job.log_every_steps == 0:
            ranks.expect_steady_steps()
            console.progress(state.step, job.num_steps, _numbers(metrics.flush(ranks, run)))
        is_evaluated = is_last or (job.eval_every_steps is not None and state.step % job.eval_every_steps == 0)
        if is_evaluated:
            evaluated = evaluate_all(job, ranks, run, state.step, say=console.say)
            metrics.restart_clock()
        if is_last or state.step % job.checkpoint_every_steps == 0:
            metrics.flush(ranks, run)
            _save(job, state, saves, ranks, run, evaluated if is_evaluated else {})
            metrics.restart_clock()
    return Ended(reason="finished", step=state.step, metrics=evaluated)


def _resume(state: TrainState, ranks: Ranks, run: RunDirectory | None, console: Console) -> None:
    """Loads the newest whole checkpoint of a run that has been started before; the main process chooses for all."""
    directory, faults = newest_checkpoint(run.checkpoints) if run is not None else (None, [])
    for fault in faults:
        console.say(f"left out: {fault}")
    directory, is_damaged = ranks.from_main((directory, bool(faults)))
    if directory is None and is_damaged:
        raise Refused(
            "none of the run's checkpoints is whole, and starting again would write over them\n"
            "  help: bring them back, or remove the run's checkpoints/ to begin again at step 0"
        )
    if directory is not None:
        load_checkpoint(directory, state)
        console.say(f"goes on after step {state.step} from {directory}")
    elif run is not None and run.segment > 0:
        console.say("no whole checkpoint yet: starts again from step 0")
    if run is not None:
        run.event("started" if run.segment == 0 else "resumed", step=state.step)


def _save(
    job: Job,
    state: TrainState,
    saves: SavesBeside,
    ranks: Ranks,
    run: RunDirectory | None,
    evaluated: Mapping[str, float],
) -> None:
    """Saves a checkpoint; `evaluated` is what the evals gave at this very step. All ranks.

    Shards are written by all ranks before anything goes on; else the main process's thread writes while they go on.
    """
    asked_at = time.perf_counter()
    facts = {"num_processes": ranks.num_processes, "fingerprint": job.facts.get("fingerprint", "")}
    words = {"keep": _keep(job, evaluated), "facts": facts, "metrics": evaluated}
    if state.in_shards:
        shards = ranks.from_main(make_room(shards_beside(run.checkpoints)) if run is not None else None)
        write_tensors_in_shards(shards, state)
        if run is not None:
            _write(run, asked_at, words, state.contents())
        ranks.wait()
    elif run is not None:
        saves.save(state, partial(_write, run, asked_at, words))


def _write(
    run: RunDirectory, asked_at: float, words: Mapping[str, Any], contents: Contents, stall_seconds: float | None = None
) -> None:
    """Writes a checkpoint, and then its event; training stalled all the time if not for `stall_seconds`."""
    path = save_checkpoint(run.checkpoints, contents, **words)
    seconds = time.perf_counter() - asked_at
    times = {"seconds": seconds, "stall_seconds": seconds if stall_seconds is None else stall_seconds}
    rounded = {name: round(value, 4) for name, value in times.items()}
    run.event("checkpoint", step=contents.numbers["step"], path=path.name, **rounded)


def _keep(job: Job, evaluated: Mapping[str, float]) -> Keep:
    """What the job says of keeping checkpoints. Raises Refused for a metric that no eval has given."""
    for metric in filter(None, (job.keep_lowest, job.keep_highest)):
        if evaluated and metric not in evaluated:
            given = ", ".join(sorted(evaluated))
            raise Refused(f"no eval gives {metric!r}, by which checkpoints are to be kept\n  help: one of {given}")
    return Keep(
        newest=job.keep_checkpoints,
        every_steps=job.keep_every_steps,
        lowest=job.keep_lowest,
        highest=job.keep_highest,
    )


def _skip(job: Job, state: TrainState, ranks: Ranks, loss: float, norm: float, run: RunDirectory | None) -> float:
    """Leaves the weights as they are and gives the rate's factor, 0; raises Failed when that was done too often.

    An overflow that a smaller loss scale can mend does not count.
    """
    if job.loss_scale and job.loss_scale.back_off():
        return _leave_out(job)
    said = f"step {state.step + 1} is not finite: loss {loss}, gradient norm {norm}"
    if state.num_skipped == job.max_skipped_steps:
        often = f"; {state.num_skipped} steps were skipped before it" if state.num_skipped else ""
        leave_out = 'kind = "skip" leaves such steps out' if not often else "max_steps lets more of them be left out"
        raise Failed(
            f"{said}{often}; the weights are those after step {state.step}\n"
            "  help: a lower optimizer.lr or train.clip_norm, or a longer schedule.warmup_steps; "
            f"train.non_finite.{leave_out}",
            aloud=ranks.is_main,
        )
    state.num_skipped += 1
    if run is not None:
        run.event("skipped", step=state.step + 1, loss=loss, grad_norm=norm, num_skipped=state.num_skipped)
    return _leave_out(job)


def _leave_out(job: Job) -> float:
    for optimizer in job.optimizers:
        optimizer.zero_grad(set_to_none=True)
    return 0.0


def _numbers_of(job: Job, state: TrainState, fetched: Fetched) -> dict[str, float]:
    """What a row says of a step beside its loss, norm and rate; skipped steps only where any may be skipped."""
    skips = {"skipped_steps": state.num_skipped} if job.max_skipped_steps else {}
    return {"step": state.step, **fetched.numbers, **skips}


def _numbers(means: Mapping[str, float]) -> str:
    line = f"loss {means['loss']:.4f}  lr {means['lr']:.2e}  {means['tokens_per_second']:,.0f} tokens/s"
    if "mfu" in means:
        line += f"  {means['mfu']:.1%} of peak"
    if means["data_wait_share"] >= WORTH_SAYING:
        line += f"  {means['data_wait_share']:.0%} of the time waiting for data"
    return line
