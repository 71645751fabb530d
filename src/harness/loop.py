"""The training loop, from top to bottom: fetch, compute, check, update, record; then what is due: eval, save, stop."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from harness.checkpoint import TrainState, load_checkpoint, newest_checkpoint, save_checkpoint
from harness.console import Console
from harness.evaluate import evaluate_all
from harness.job import Job
from harness.metrics import StepMetrics
from harness.order import Order
from harness.ranks import Ranks
from harness.run_directory import RunDirectory
from harness.split import split_batch
from harness.step import clip, fetch, forward_backward, update
from harness.stop import StopFlag


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run ended: `reason` is "finished" or the name of the signal that stopped it."""

    reason: str
    step: int
    metrics: Mapping[str, float]  # of the last evaluation, on the main process


def train(job: Job, ranks: Ranks, run: RunDirectory | None, console: Console, stop: StopFlag) -> Ended:
    """Trains from the run's newest checkpoint, or the start, to the end. All ranks; `run` is None off the main one.

    Raises FloatingPointError when a gradient is not finite, before it touches the weights.
    """
    split = split_batch(
        batch_size=job.batch_size, num_processes=ranks.num_processes, micro_batch_size=job.micro_batch_size
    )
    order = Order(seed=job.seed, num_examples=len(job.examples), batch_size=job.batch_size)
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in job.optimizers]
    state = TrainState(model=job.model, optimizers=job.optimizers)
    parameters = [parameter for parameter in job.model.parameters() if parameter.requires_grad]
    wrapped = ranks.wrap(job.model)
    metrics = StepMetrics()
    evaluated: Mapping[str, float] = {}
    _resume(state, ranks, run, console)
    console.start_progress(num_steps=job.num_steps, done=state.step)
    job.model.train()

    # The order inside a step: nothing touches the weights before the gradient is known to be finite on every rank, and
    # nothing is saved before it is recorded, so a checkpoint never knows more than the record.
    while state.step < job.num_steps:
        step = state.step
        fetched = fetch(job, order, split, ranks, step, stop_asked=bool(stop))
        if fetched.stop_asked:
            metrics.flush(ranks, run)
            _save(job, state, ranks, run)
            return Ended(reason=stop.signal_name or "a signal on another rank", step=step, metrics=evaluated)
        loss_share = forward_backward(job, wrapped, ranks, step, fetched)
        norm = float(clip(parameters, clip_norm=job.clip_norm))
        if not math.isfinite(norm):  # on every rank or on none: after the exchange all have the same gradient
            metrics.flush(ranks, run)
            raise _not_finite(norm, step)
        factor = update(job, peaks, step)
        state.step += 1
        state.num_tokens += fetched.num_targets
        metrics.add(loss_share, step=state.step, tokens=fetched.num_targets, grad_norm=norm, lr=factor * peaks[0][0])

        is_last = state.step == job.num_steps
        if is_last or state.step % job.log_every_steps == 0:
            console.progress(state.step, job.num_steps, _numbers(metrics.flush(ranks, run)))
        if is_last or (job.eval_every_steps and state.step % job.eval_every_steps == 0):
            evaluated = evaluate_all(job, ranks, run, state.step)
            metrics.restart_clock()
        if is_last or state.step % job.checkpoint_every_steps == 0:
            metrics.flush(ranks, run)
            _save(job, state, ranks, run)
            metrics.restart_clock()
    return Ended(reason="finished", step=state.step, metrics=evaluated)


def _resume(state: TrainState, ranks: Ranks, run: RunDirectory | None, console: Console) -> None:
    """Loads the newest whole checkpoint of a run that has been started before; the main process chooses for all."""
    directory, faults = newest_checkpoint(run.checkpoints) if run is not None else (None, [])
    for fault in faults:
        console.say(f"left out: {fault}")
    directory = ranks.from_main(directory)
    if directory is not None:
        load_checkpoint(directory, state)
        console.say(f"goes on after step {state.step} from {directory}")
    elif run is not None and run.segment > 0:
        console.say("no whole checkpoint yet: starts again from step 0")
    if run is not None:
        run.event("started" if run.segment == 0 else "resumed", step=state.step)


def _save(job: Job, state: TrainState, ranks: Ranks, run: RunDirectory | None) -> None:
    if run is not None:
        started = time.perf_counter()
        facts = {"num_processes": ranks.num_processes}
        path = save_checkpoint(run.checkpoints, state, keep=job.keep_checkpoints, facts=facts)
        run.event("checkpoint", step=state.step, path=path.name, seconds=round(time.perf_counter() - started, 3))
    ranks.wait()


def _not_finite(norm: float, step: int) -> FloatingPointError:
    return FloatingPointError(
        f"the gradient of step {step + 1} is not finite (norm {norm}); the weights are those after step {step}\n"
        "  help: a lower optimizer.lr or train.clip_norm, or a longer schedule.warmup_steps"
    )


def _numbers(means: Mapping[str, float]) -> str:
    return f"loss {means['loss']:.4f}  lr {means['lr']:.2e}  {means['tokens_per_second']:,.0f} tokens/s"
