"""Runs the evals of a job on the current weights and keeps every raw row before any number is printed."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from harness.job import Eval, Job, Row
from harness.ranks import Ranks
from harness.rows import RowWriter, finite
from harness.run_directory import RunDirectory


def evaluate_all(job: Job, ranks: Ranks, run: RunDirectory | None, step: int) -> dict[str, float]:
    """Runs every eval; gives {"eval/NAME/METRIC": value} on the main process, an empty dict elsewhere. All ranks."""
    values: dict[str, float] = {}
    for name, evaluation in job.evals.items():
        started = time.perf_counter()
        rows = _rows_of_all_ranks(job, evaluation, ranks)
        if run is None:
            continue
        metrics = evaluation.metrics(rows)
        seconds = time.perf_counter() - started
        _keep(run.eval_directory(name, step), rows, metrics, seconds)
        values |= {f"eval/{name}/{key}": float(value) for key, value in metrics.items()}
    if run is not None:
        run.event("evaluated", step=step, metrics=values)
    return values


def _rows_of_all_ranks(job: Job, evaluation: Eval, ranks: Ranks) -> list[Row]:
    """Item i is scored by rank i % num_processes; the rows of all items, sorted by id, on the main process."""
    share = evaluation.items[ranks.rank :: ranks.num_processes]
    was_training = job.model.training
    job.model.eval()
    with torch.inference_mode(), job.autocast(ranks.device):
        rows = list(evaluation.rows(job.model, share))
    job.model.train(was_training)
    assert len(rows) == len(share), f"an eval gave {len(rows)} rows for {len(share)} items"
    gathered = sorted((row for rows in ranks.gather_to_main(rows) for row in rows), key=lambda row: str(row["id"]))
    assert len({row["id"] for row in gathered}) == len(gathered), "an eval gave two rows of one id"
    return gathered


def _keep(directory: Path, rows: list[Row], metrics: Mapping[str, float], seconds: float) -> None:
    samples = directory / "samples.jsonl"
    samples.unlink(missing_ok=True)  # a resumed run evaluates this step again, with the same result
    writer = RowWriter(samples)
    for row in rows:
        writer.write(row)
    writer.close()
    result = {"metrics": dict(metrics), "num_rows": len(rows), "seconds": round(seconds, 3)}
    (directory / "result.json").write_text(json.dumps(finite(result), indent=1, allow_nan=False) + "\n")
