"""Turns a Run into the plain parts that the harness trains; every step can be taken by hand."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bindings.eval_identity import build_evals
from bindings.examples import examples_of, facts_of
from bindings.init import Weights
from bindings.run import Run

if TYPE_CHECKING:
    from torch import nn

    from harness.job import Job
    from harness.ranks import Ranks
    from harness.record import Experiment
    from harness.weights import WarmStart


def check_launch(run: Run) -> None:
    """What can be said about the launch before torch is imported. Raises Refused."""
    from harness.launch import launched_processes
    from harness.split import split_batch

    run.parallel.check(launched_processes())
    split_batch(
        batch_size=run.train.batch_size,
        num_processes=launched_processes(),
        micro_batch_size=run.train.micro_batch_size,
    )
    for name, mirror in run.log.mirror.items():
        mirror.build().check(name)


def train(run: Run, experiment: "Experiment", *, run_path: Path | None = None) -> None:
    """Trains, evaluates and records; `run_path` goes on with that run instead of opening a new one. All ranks.

    Raises what harness.session.train_session raises, and Refused for data that cannot be read.
    """
    from harness.cpu import prepare_cpu

    prepare_cpu()
    from harness.output import kept_output

    with kept_output() as output:  # from here on: what torch says while it is imported belongs to the run
        from harness.ranks import Timeouts
        from harness.session import train_session

        train_session(
            partial(build_job, run, run_path=run_path),
            experiment,
            device=run.train.device,
            num_threads=run.train.num_threads,
            timeouts=Timeouts(start_seconds=run.train.start_timeout_seconds, steady_seconds=run.train.timeout_seconds),
            deterministic=run.train.deterministic,
            runs_dir=Path(run.log.runs_dir),
            run_path=run_path,
            output=output,
            mirrors={name: mirror.build() for name, mirror in run.log.mirror.items()},
        )


def build_job(run: Run, ranks: "Ranks", *, run_path: Path | None = None) -> "Job":
    """Data, model, optimizers, schedule and evals of a run, on this rank's device; `run_path` is one to go on with."""
    import torch

    from harness.job import Job
    from harness.launch import Refused
    from harness.streams import stream_seed
    from zoo.losses import next_token_loss, num_targets

    try:
        corpus = run.data.build()
        examples, parts = examples_of(run.data, corpus)
    except (ValueError, OSError) as error:
        raise Refused(f"data: {error}") from error
    torch.manual_seed(stream_seed(run.seed, "init"))
    model, in_shards, warm_start = _build_model(run, ranks, run_path)
    return Job(
        model=model,
        optimizers=run.optimizer.build(model),
        lr_factor=run.schedule.build(),
        examples=examples,
        loss_sum=next_token_loss,
        num_targets=num_targets,
        evals=build_evals(run.eval, corpus, seq_len=run.data.seq_len, sample_seed=stream_seed(run.seed, "samples")),
        autocast=run.precision.build(),
        loss_scale=run.precision.build_loss_scale(),
        average=run.average.build(model),
        in_shards=in_shards,
        notes=warm_start.notes() if warm_start else (),
        seed=run.seed,
        num_steps=run.train.num_steps,
        batch_size=run.train.batch_size,
        micro_batch_size=run.train.micro_batch_size,
        clip_norm=run.train.clip_norm,
        log_every_steps=run.log.every_steps,
        eval_every_steps=run.train.eval_every_steps,
        checkpoint_every_steps=run.train.checkpoint_every_steps,
        keep_checkpoints=run.train.keep_checkpoints,
        keep_every_steps=run.train.keep_every_steps,
        keep_lowest=run.train.keep_lowest,
        keep_highest=run.train.keep_highest,
        max_skipped_steps=run.train.non_finite.max_skipped_steps(),
        facts={
            "precision": type(run.precision).__name__.lower(),
            **({"init": asdict(warm_start)} if warm_start else {}),
            "data": facts_of(corpus),
        },
        parts=parts,
        prefetch_steps=run.train.prefetch_steps,
        profile=run.profile.build(),
        has_dry_run=run.train.dry_run == "always" or (run.train.dry_run == "auto" and ranks.device.type != "cpu"),
        num_state_numbers=run.optimizer.num_state_numbers(run.model),
        flops_per_token=run.model.flops_per_token(run.data.seq_len),
    )


def _build_model(run: Run, ranks: "Ranks", run_path: Path | None) -> "tuple[nn.Module, bool, WarmStart | None]":
    """The model, whether checkpoints of it are written in shards, and what weights of another run it started from."""
    model = run.model.build()
    warm_start = None if _has_checkpoint(run, run_path) else run.init.build(model)
    model.to(ranks.device)
    run.activations.build(model)
    run.compile.build(model, ranks.device)
    return model, run.parallel.build(model, ranks), warm_start


def _has_checkpoint(run: Run, run_path: Path | None) -> bool:
    """Whether the run needs no weights to start from any more: they may be gone by now."""
    if run_path is None or not isinstance(run.init, Weights):
        return False
    from harness.checkpoint import newest_checkpoint

    return newest_checkpoint(run_path / "checkpoints")[0] is not None
