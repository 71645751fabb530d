"""Run directories with evals of many items, written as evals write them."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.harness.analysis.stores import write_run


def write_eval(
    run: Path,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    scores: Mapping[str, Mapping[str, Any]],
    *,
    step: int = 2,
    identity: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
) -> Path:
    """One eval of a run at one step."""
    folder = run / "evals" / name / f"step_{step:08}"
    folder.mkdir(parents=True, exist_ok=True)
    means = metrics or {metric: _mean(rows, score["field"]) for metric, score in scores.items()}
    result = {"metrics": means, "num_rows": len(rows), "seconds": 1.0, "scores": scores, "identity": identity or {}}
    (folder / "result.json").write_text(json.dumps(result))
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def bare_run(root: Path, experiment: str, number: int, **config: Any) -> Path:
    """A finished run without any eval."""
    run = write_run(root, experiment, number=number, bits=None, config=config)
    shutil.rmtree(run / "evals", ignore_errors=True)
    return run


def _mean(rows: Sequence[Mapping[str, Any]], field: str) -> float:
    values = [float(row[field]) for row in rows if isinstance(row.get(field), int | float)]
    return sum(values) / len(values) if values else 0.0
