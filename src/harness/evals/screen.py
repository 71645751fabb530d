"""Results of evals as a table with intervals, and a few raw samples with their addresses.

Intervals are kept beside the result (intervals_2.json), as the import of the statistics takes longer than all else.
"""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.analysis.numbers import short
from harness.analysis.screen import Column, fitted
from harness.comparison.address import Address, visible
from harness.evals.later import result_of
from harness.evals.samples import SAMPLES, write_json
from harness.rows import WORDS, last_rows, read

INTERVALS = "intervals_2.json"  # another number when the statistics change
NUM_SAMPLES = 3
SAMPLE_CHARACTERS = 300
MAX_BYTES_LOOKED_AT = 64 << 20  # of a file of samples, its end


def told(run: Path, name: str, folder: Path) -> dict[str, Any]:
    """One result as plain data: metrics, each with its interval where it is a mean over items."""
    result = result_of(folder)
    return {
        "run": run.name,
        "eval": name,
        "step": int(folder.name.removeprefix("step_")),
        "metrics": result.get("metrics", {}),
        "num_rows": result.get("num_rows"),
        "num_errors": result.get("num_errors", 0),
        "seconds": result.get("seconds"),
        "intervals": intervals_of(folder, result),
    }


def intervals_of(folder: Path, result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{metric: interval and counts}, from the file beside the result, or worked out and written there."""
    path = folder / INTERVALS
    try:
        kept: dict[str, dict[str, Any]] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        kept = _worked_out(folder, result)
        write_json(path, kept)
    return kept


def samples_of(folder: Path) -> list[dict[str, Any]]:
    """Three rows at random."""
    path = folder / SAMPLES
    small = path.is_file() and path.stat().st_size <= MAX_BYTES_LOOKED_AT
    rows = read(path) if small else last_rows(path, num_bytes=MAX_BYTES_LOOKED_AT)
    return random.sample(rows, min(NUM_SAMPLES, len(rows)))


def table_text(results: Sequence[dict[str, Any]], width: int) -> str:
    """A line per metric of each result."""
    lines = [(result, metric, value) for result in results for metric, value in result["metrics"].items()]
    inner = [(result["intervals"].get(metric, {}), result) for result, metric, _ in lines]
    columns = [
        Column(title="run", cells=[result["run"] for result, *_ in lines], right=False, least=16),
        Column(title="step", cells=[short(result["step"]) for result, *_ in lines]),
        Column(title="eval", cells=[result["eval"] for result, *_ in lines], right=False),
        Column(title="metric", cells=[metric for _, metric, _ in lines], right=False),
        Column(title="value", cells=[short(value) for *_, value in lines]),
        Column(title="95% interval", cells=[_reach(interval) for interval, _ in inner], right=False),
        Column(title="detectable", cells=[_detectable(interval) for interval, _ in inner], need=2),
        Column(title="items", cells=[_number(interval, "num_items") for interval, _ in inner], need=1),
        Column(title="errors", cells=[_some(interval, "num_errors") for interval, _ in inner], need=1),
        Column(title="empty", cells=[_some(interval, "num_empty") for interval, _ in inner], need=1),
        Column(title="by", cells=[str(interval.get("method", "")) for interval, _ in inner], right=False, need=3),
    ]
    text, left_out = fitted(columns, width)
    return text + (f"\n(no room for {', '.join(left_out)})" if left_out else "")


def samples_text(result: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """Raw samples of what `told` gave, each below its address; what cannot be seen is escaped."""
    lines = []
    for row in rows:
        text = f"{row.get('prompt', '')}{row.get('completion', '')}"
        rest = {key: value for key, value in row.items() if key not in ("id", "prompt", "completion")}
        said = [repr(text)[:SAMPLE_CHARACTERS]] if text else []
        address = Address(run=result["run"], eval=result["eval"], step=result["step"], id=str(row["id"]))
        lines += [str(address), *(f"    {visible(line)}" for line in [*said, json.dumps(rest)[:SAMPLE_CHARACTERS]])]
    return "\n".join(lines)


def _worked_out(folder: Path, result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    from harness.comparison.intervals import interval_of
    from harness.comparison.scores import score_rows, scores_of

    rows = read(folder / SAMPLES) if (folder / SAMPLES).is_file() else []
    found = {}
    for score in scores_of(result, rows):
        scored = score_rows(rows, score)
        if scored.values:
            bounds = interval_of(scored)
            found[score.metric] = {
                **asdict(bounds),
                "minimum_detectable": bounds.minimum_detectable,
                "num_errors": scored.num_errors,
                "num_empty": scored.num_empty,
            }
    return found


def _reach(interval: dict[str, Any]) -> str:
    low, high = _float(interval.get("low")), _float(interval.get("high"))
    return f"{_near_zero(low)} to {_near_zero(high)}" if math.isfinite(low) and math.isfinite(high) else ""


def _near_zero(bound: float) -> str:
    """A bound, where what the arithmetic left of 0 is 0."""
    return short(0.0 if abs(bound) < 1e-12 else bound)


def _detectable(interval: dict[str, Any]) -> str:
    """Nothing where all items are alike or there is one: then it is not known."""
    least = _float(interval.get("minimum_detectable"))
    return short(least) if math.isfinite(least) and least > 0 else ""


def _number(interval: dict[str, Any], key: str) -> str:
    return short(interval[key]) if key in interval else ""


def _some(interval: dict[str, Any], key: str) -> str:
    return short(interval[key]) if interval.get(key) else ""


def _float(value: Any) -> float:
    return float(WORDS.get(value, value)) if value is not None else math.nan
