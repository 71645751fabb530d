"""Runs evals on the current weights and keeps every raw row, each as soon as it is there.

One item that cannot be scored is a row that says why; an eval of which no item can be scored is an error.
"""

import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn

from harness.evals.fingerprint import weights_fingerprint
from harness.evals.progress import counted, silent
from harness.evals.samples import Samples, with_numbers
from harness.job import Eval, Job, Row
from harness.ranks import Ranks
from harness.run_directory import RunDirectory
from harness.sharded import is_sharded, whole_weights

PORTION_ITEMS = 256  # of each rank, before the main process gets the rows: what a kill can lose
MAX_ERROR_CHARACTERS = 500

Say = Callable[[str], None]


def evaluate_all(job: Job, ranks: Ranks, run: RunDirectory | None, step: int, *, say: Say = silent) -> dict[str, float]:
    """Runs every eval; gives {"eval/NAME/METRIC": value} on the main process, an empty dict elsewhere. All ranks."""
    values: dict[str, float] = {}
    for name in job.evals:
        final = run.path / "evals" / name / f"step_{step:08}" if run is not None else None
        metrics = evaluate(job, name, ranks, final, facts={"step": step, "checkpoint": None}, say=say)
        values |= {f"eval/{name}/{key}": float(value) for key, value in metrics.items()}
    if run is not None:
        run.event("evaluated", step=step, metrics=values)
    return values


def evaluate(
    job: Job,
    name: str,
    ranks: Ranks,
    final: Path | None,
    *,
    facts: Mapping[str, Any],
    keep_older: bool = False,
    say: Say = silent,
) -> Mapping[str, float]:
    """Runs one eval and writes the folder `final` (None off the main process); gives its metrics there. All ranks.

    `facts` go into the result: the step, and the checkpoint if the weights came from one. Rows that a killed start left
    are kept when identity, facts and weights are the same. `say` is told how far it is.
    """
    evaluation = job.evals[name]
    started = time.perf_counter()
    with _weights_of_evals(job):
        samples = Samples(final, _key(job, evaluation, facts)) if final is not None else None
        kept = samples.kept if samples else {}
        rows = [with_numbers(row, evaluation.scores) for row in kept.values()]
        left = _left(evaluation, ranks.from_main(set(kept)))
        with closing(
            _rows_of_all_ranks(job, evaluation, ranks, left)
        ) as fresh:  # inference mode ends on a full disk too
            for row in counted(fresh, name, done=len(kept), total=len(evaluation.items), say=say):
                assert samples is not None, "rows off the main process"
                samples.write(row)
                rows.append(row)
    if samples is None:
        return {}
    rows.sort(key=lambda row: str(row["id"]))
    metrics = metrics_of(evaluation, name, rows)
    result = {
        "metrics": dict(metrics),
        **counts_of(rows),
        "num_kept": len(kept),
        "seconds": round(time.perf_counter() - started, 3),
        **facts,
        "scores": evaluation.scores,
        "identity": evaluation.identity,
    }
    samples.finish(rows, result, keep_older=keep_older)
    return metrics


def metrics_of(evaluation: Eval, name: str, rows: Sequence[Row]) -> Mapping[str, float]:
    """The metrics over the rows without an error; rows must be those of all items, each once."""
    assert len(rows) == len(evaluation.items), f"eval {name} gave {len(rows)} rows for {len(evaluation.items)} items"
    assert len({row["id"] for row in rows}) == len(rows), f"eval {name} gave two rows of one id"
    if evaluation.id_of is not None:
        strange = {str(row["id"]) for row in rows} - set(map(evaluation.id_of, evaluation.items))
        assert not strange, f"eval {name} gave rows of ids that no item has: {sorted(strange)[:3]}"
    scored = [row for row in rows if not row.get("error")]
    if rows and not scored:
        raise RuntimeError(f"eval {name}: none of {len(rows)} items could be scored; the first: {rows[0]['error']}")
    return evaluation.metrics(scored)


def counts_of(rows: Sequence[Row]) -> dict[str, int]:
    """How many rows there are, and how many of them say an error."""
    return {"num_rows": len(rows), "num_errors": sum(bool(row.get("error")) for row in rows)}


@contextmanager
def _weights_of_evals(job: Job) -> Iterator[None]:
    """The model with averaged weights inside, where evals are to see them, and with whole ones, where it is sharded."""
    averaged = job.average.lent() if job.average and job.average.used_by_evals else nullcontext()
    with averaged, whole_weights(job.model) if is_sharded(job.model) else nullcontext():
        yield


def _key(job: Job, evaluation: Eval, facts: Mapping[str, Any]) -> dict[str, Any]:
    """All that the rows depend on; nothing where that is not known, or rows cannot be told apart."""
    if not evaluation.identity or evaluation.id_of is None:
        return {}
    return {"identity": evaluation.identity, "weights": weights_fingerprint(job.model), **facts}


def _left(evaluation: Eval, kept: set[str]) -> Sequence[Any]:
    if not kept or evaluation.id_of is None:
        return evaluation.items
    return [item for item in evaluation.items if evaluation.id_of(item) not in kept]


def _rows_of_all_ranks(job: Job, evaluation: Eval, ranks: Ranks, items: Sequence[Any]) -> Generator[Row]:
    """Rows as they come, on the main process: one by one of one process, in portions of several.

    Item i is scored by rank i % num_processes.
    """
    if ranks.num_processes == 1:
        yield from _rows_at_rest(job, evaluation, ranks, items)
        return
    portion = PORTION_ITEMS * ranks.num_processes
    for start in range(0, len(items), portion):
        share = items[start : start + portion][ranks.rank :: ranks.num_processes]
        rows = list(_rows_at_rest(job, evaluation, ranks, share))
        for of_one_rank in ranks.gather_to_main(rows):
            yield from of_one_rank


def _rows_at_rest(job: Job, evaluation: Eval, ranks: Ranks, items: Sequence[Any]) -> Iterator[Row]:
    was_training = job.model.training
    job.model.eval()
    with torch.inference_mode(), job.autocast(ranks.device):
        yield from _rows(evaluation, job.model, items)
    job.model.train(was_training)


def _rows(evaluation: Eval, model: nn.Module, items: Sequence[Any]) -> Iterator[Row]:
    """A row per item. What raises is found by taking the items that are left one at a time."""
    if evaluation.id_of is None:
        yield from evaluation.rows(model, items)
        return
    left = {evaluation.id_of(item): item for item in items}
    assert len(left) == len(items), "two items have the same id"
    try:
        for row in evaluation.rows(model, items):
            left.pop(str(row["id"]), None)
            yield row
    except Exception:  # noqa: BLE001 - the items that are left are tried again, and those that raise say so
        for name, item in left.items():
            yield _row_alone(evaluation, model, name, item)


def _row_alone(evaluation: Eval, model: nn.Module, name: str, item: Any) -> Row:
    try:
        (row,) = evaluation.rows(model, [item])
    except Exception as error:  # noqa: BLE001 - kept as the row of this item, and counted
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        return {"id": name, "error": said[:MAX_ERROR_CHARACTERS]}
    return row
