"""Kept outputs scored anew: no model is loaded and nothing is generated.

It is for a scorer that has changed. Where prompts, data or decoding are others than those of the kept rows, the outputs
would be others too, and it refuses.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.claim import claimed
from harness.evals.later import Cell, result_of
from harness.evals.samples import SAMPLES, Samples, plain, with_numbers
from harness.launch import Refused
from harness.rows import read

if TYPE_CHECKING:
    from harness.job import Eval

OF_SCORING = {"source_sha256", "version"}  # may differ; the rest decides what the model was asked


def rescore(cell: Cell, evaluation: "Eval") -> bool:
    """Replaces a result by one with new scores, the old one set aside. False when every row and metric is the same.

    Raises Refused when there is nothing to score, or when the outputs are of another question.
    """
    old, rows = _kept(cell)
    from harness.evaluate import counts_of, metrics_of

    rows = [with_numbers(row, evaluation.scores) for row in rows]
    rescored = [evaluation.rescore(row) if evaluation.rescore and not row.get("error") else row for row in rows]
    metrics = dict(metrics_of(evaluation, cell.name, rescored))
    if rescored == rows and old.get("metrics") == metrics and old.get("identity") == plain(cell.identity):
        return False
    with claimed(cell.folder.parent):
        samples = Samples(cell.folder, {})
        result = {
            **old,
            "metrics": metrics,
            **counts_of(rescored),
            "scores": evaluation.scores,
            "identity": cell.identity,
            "rescored": True,
        }
        samples.finish(rescored, result, keep_older=True)
    return True


def _kept(cell: Cell) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    old, path = result_of(cell.folder), cell.folder / SAMPLES
    if not old or not path.is_file():
        raise Refused(f"{cell.folder}: no outputs to score\n  help: without --rescore the model makes them")
    known, now = old.get("identity"), plain(cell.identity)
    if not isinstance(known, dict) or not known:
        raise Refused(f"{cell.folder}: does not say what its outputs were made from\n  help: leave --rescore out")
    unlike = [key for key in now if key not in OF_SCORING and known.get(key) != now[key]]
    if unlike or old.get("checkpoint") not in (None, cell.seal):
        raise Refused(
            f"{_short(cell.folder)}: its outputs were made with another {' and '.join(unlike) or 'checkpoint'}\n"
            "  help: leave --rescore out, and the model is asked anew"
        )
    return old, read(path)


def _short(folder: Path) -> str:
    return "/".join(folder.parts[-4:])
