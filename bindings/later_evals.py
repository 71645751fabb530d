"""A run as evals after its training need it: which of them, on which data, and the parts on this machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from bindings.activations import Keep
from bindings.compilation import NoCompile
from bindings.eval_identity import build_evals, identity_of
from bindings.parallel import Ddp
from bindings.profile import NoProfile
from bindings.run import Run

if TYPE_CHECKING:
    from harness.evals.later import Cell
    from harness.job import Eval, Job
    from harness.ranks import Ranks


def cells_of(run: Run, path: Path, *, names: Sequence[str], which: str) -> "list[Cell]":
    """The evals of a run that are asked for (all, when no name is given), at one of its checkpoints.

    Raises Refused for an eval that the run has not, a checkpoint that is not there, and data that cannot be read.
    """
    from harness.evals.later import Cell, choose_checkpoint, seal_of
    from harness.launch import Refused
    from harness.streams import stream_seed

    if unknown := [name for name in names if name not in run.eval]:
        there = ", ".join(run.eval) or "none"
        raise Refused(f"{path}: no eval {unknown[0]!r} in its config\n  help: it has {there}; --add FILE brings others")
    checkpoint = choose_checkpoint(path, which, lowest=run.train.keep_lowest, highest=run.train.keep_highest)
    try:
        corpus = run.data.build()
        seed = stream_seed(run.seed, "samples")
        identities = {
            name: identity_of(run.eval[name], corpus, seq_len=run.data.seq_len, sample_seed=seed)
            for name in names or run.eval
        }
    except (ValueError, OSError) as error:
        raise Refused(f"{path}: {error}") from error
    seal = seal_of(checkpoint)
    return [
        Cell(run=path, name=name, checkpoint=checkpoint, seal=seal, identity=identity)
        for name, identity in identities.items()
    ]


def only_evals_differ(run: Run, other: Run) -> bool:
    """Whether two configs are the same but for [eval]."""
    return attrs.evolve(run, eval={}, train=_unkept(run)) == attrs.evolve(other, eval={}, train=_unkept(other))


def build_job_for_evals(run: Run, path: Path, ranks: "Ranks") -> "Job":
    """The parts of a run, its model whole on every process, as it was built and not compiled."""
    from bindings.assemble import build_job

    plain = attrs.evolve(run, parallel=Ddp(), compile=NoCompile(), activations=Keep(), profile=NoProfile())
    return build_job(plain, ranks, run_path=path)


def evals_alone(run: Run) -> "dict[str, Eval]":
    """The evals without a model, to score what was kept. Raises Refused."""
    from harness.launch import Refused
    from harness.streams import stream_seed

    try:
        corpus = run.data.build()
    except (ValueError, OSError) as error:
        raise Refused(f"data: {error}") from error
    return build_evals(run.eval, corpus, seq_len=run.data.seq_len, sample_seed=stream_seed(run.seed, "samples"))


def _unkept(run: Run) -> Any:
    """Checkpoints are kept by evals that are there: without these the settings would be refused."""
    return attrs.evolve(run.train, keep_lowest=None, keep_highest=None)
