"""Evals of a checkpoint after its training: which are to be done, and doing them on all ranks.

A result holds for as long as the checkpoint, the eval's source, prompts, decoding and data are what they were; it is
found without torch. Of a run nothing changes but evals/, which grows; a result that another one follows is set aside
under a name with the time.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.claim import claimed
from harness.evals.samples import RESULT, plain
from harness.launch import Refused

if TYPE_CHECKING:
    from harness.job import Job
    from harness.ranks import Ranks


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One eval of one checkpoint of one run."""

    run: Path
    name: str
    checkpoint: Path
    seal: str  # the sha256 of the checkpoint's manifest, which has those of its files
    identity: Mapping[str, Any]

    @property
    def step(self) -> int:
        """The updates that the checkpoint had."""
        return _step_of(self.checkpoint)

    @property
    def folder(self) -> Path:
        """Where its rows and result are, or will be."""
        return self.run / "evals" / self.name / self.checkpoint.name


def choose_checkpoint(run: Path, which: str, *, lowest: str | None, highest: str | None) -> Path:
    """The checkpoint that "last", "best" or a step means; `lowest` and `highest` are what the run keeps it by.

    Raises Refused.
    """
    named = (run / "checkpoints").glob("step_*")
    there = sorted((path for path in named if path.name[5:].isdigit()), key=_step_of)  # no copy of somebody's
    if not there:
        raise Refused(f"{run}: has no checkpoint")
    if which == "last":
        return there[-1]
    if which == "best":
        return _best(run, there, lowest, highest)
    chosen = [path for path in there if which.isdigit() and _step_of(path) == int(which)]
    if not chosen:
        steps = ", ".join(str(_step_of(path)) for path in there)
        raise Refused(f"{run}: no checkpoint {which!r}\n  help: best, last, or one of the steps {steps}")
    return chosen[0]


def seal_of(checkpoint: Path) -> str:
    """What a checkpoint's manifest says of itself; whether its files agree is looked at on loading. Raises Refused."""
    try:
        return str(json.loads((checkpoint / "manifest.json").read_bytes())["sha256"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Refused(
            f"{checkpoint}: its manifest cannot be read ({error})\n  help: take another checkpoint"
        ) from error


def is_done(cell: Cell) -> bool:
    """Whether a result of the same content is there. One of the training itself is of the weights at its step."""
    result = result_of(cell.folder)
    return result.get("identity") == plain(cell.identity) and result.get("checkpoint") in (None, cell.seal)


def result_of(folder: Path) -> dict[str, Any]:
    """What a result file says; nothing where there is none that can be read."""
    try:
        result = json.loads((folder / RESULT).read_bytes())
    except (OSError, ValueError):
        return {}
    return result if isinstance(result, dict) else {}


def run_cells(
    cells: Sequence[Cell], build_job: "Callable[[Path, Ranks], Job]", ranks: "Ranks", say: Callable[[str], None]
) -> None:
    """Does the evals, one checkpoint after the other. All ranks, with the same cells.

    Raises Refused for a checkpoint that is not whole, and while another process does the same eval.
    """
    from dataclasses import replace

    from harness.cpu import look_for_garbage_again
    from harness.evaluate import evaluate

    for run, checkpoint in dict.fromkeys((cell.run, cell.checkpoint) for cell in cells):
        job = build_job(run, ranks)
        _load(job, checkpoint)
        job = replace(job, average=None)
        look_for_garbage_again()
        for cell in cells:
            if cell.checkpoint == checkpoint:
                _check_data(cell, job)
                say(f"{run.name}: {cell.name} at step {cell.step:,}")
                with _claim(cell.folder.parent) if ranks.is_main else nullcontext():
                    evaluate(
                        job,
                        cell.name,
                        ranks,
                        cell.folder if ranks.is_main else None,
                        facts={"step": cell.step, "checkpoint": cell.seal},
                        keep_older=True,
                        say=say,
                    )
    ranks.wait()


def _load(job: "Job", checkpoint: Path) -> None:
    """The weights that evals are to see: the trained ones, or their averages where the run evaluates these."""
    import torch

    from harness.weights import read_weights, warm_start

    warm_start(job.model, checkpoint, allow=())
    if job.average and job.average.used_by_evals:
        own = dict(job.model.named_parameters())
        with torch.no_grad():
            for name, average in read_weights(checkpoint, averaged=True).items():
                own[name].copy_(average)


def _check_data(cell: Cell, job: "Job") -> None:
    identity = plain(job.evals[cell.name].identity)
    assert identity == plain(cell.identity), f"{cell.name} changed while it was being built"


def _claim(folder: Path) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    return claimed(folder)


def _best(run: Path, there: Iterable[Path], lowest: str | None, highest: str | None) -> Path:
    metric = lowest or highest
    if metric is None:
        raise Refused(
            f"{run}: does not say by what its checkpoints are best\n"
            "  help: --checkpoint last or a step; train.keep_lowest or keep_highest says it for runs to come"
        )
    values = {path: _metric(path, metric) for path in there}
    numbers = {path: value for path, value in values.items() if value is not None}
    if not numbers:
        raise Refused(f"{run}: no checkpoint that is left has {metric}\n  help: --checkpoint last or a step")
    return (min if lowest else max)(numbers, key=lambda path: (numbers[path], -_step_of(path)))


def _metric(checkpoint: Path, metric: str) -> float | None:
    try:
        value = json.loads((checkpoint / "manifest.json").read_bytes()).get("metrics", {}).get(metric)
    except (OSError, ValueError, AttributeError):
        return None
    return float(value) if isinstance(value, int | float) else None


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("step_"))
