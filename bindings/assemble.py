"""Turns a Run into the plain parts that the harness trains; every step can be taken by hand."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bindings.run import Run

if TYPE_CHECKING:
    from harness.job import Job
    from harness.ranks import Ranks
    from harness.record import Experiment


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


def train(run: Run, experiment: "Experiment", *, run_path: Path | None = None) -> None:
    """Trains, evaluates and records; `run_path` goes on with that run instead of opening a new one. All ranks.

    Raises what harness.session.train_session raises, and Refused for data that cannot be read.
    """
    from harness.cpu import prepare_cpu

    prepare_cpu()
    from harness.session import train_session

    train_session(
        partial(build_job, run),
        experiment,
        device=run.train.device,
        num_threads=run.train.num_threads,
        runs_dir=Path(run.log.runs_dir),
        run_path=run_path,
    )


def build_job(run: Run, ranks: "Ranks") -> "Job":
    """Data, model, optimizers, schedule and evals of one run, on this rank's device."""
    import torch

    from harness.job import Job
    from harness.launch import Refused
    from harness.streams import stream_seed
    from zoo.losses import next_token_loss, num_targets
    from zoo.windows import Windows

    try:
        corpus = run.data.build()
        examples = Windows(corpus.train, seq_len=run.data.seq_len)
    except (ValueError, OSError) as error:
        raise Refused(f"data: {error}") from error
    torch.manual_seed(stream_seed(run.seed, "init"))
    model = run.model.build().to(ranks.device)
    sample_seed = stream_seed(run.seed, "samples")
    return Job(
        model=model,
        optimizers=run.optimizer.build(model),
        lr_factor=run.schedule.build(),
        examples=examples,
        loss_sum=next_token_loss,
        num_targets=num_targets,
        evals={
            name: evaluation.build(corpus, seq_len=run.data.seq_len, seed=sample_seed)
            for name, evaluation in run.eval.items()
        },
        autocast=run.precision.build(),
        seed=run.seed,
        num_steps=run.train.num_steps,
        batch_size=run.train.batch_size,
        micro_batch_size=run.train.micro_batch_size,
        clip_norm=run.train.clip_norm,
        log_every_steps=run.log.every_steps,
        eval_every_steps=run.train.eval_every_steps,
        checkpoint_every_steps=run.train.checkpoint_every_steps,
        keep_checkpoints=run.train.keep_checkpoints,
        facts={
            "precision": type(run.precision).__name__.lower(),
            "data": {
                "sha256": corpus.sha256,
                "num_files": corpus.num_files,
                "num_train_bytes": len(corpus.train),
                "num_held_out_files": len(corpus.held_out),
                "num_held_out_bytes": sum(len(document.content) for document in corpus.held_out),
            },
        },
    )
