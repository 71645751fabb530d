"""What a finished run shows of its evals: its numbers beside those of its parent's newest run, and some raw samples.

Plain differences, and no word on whether they mean anything: tools/compare says that, with the statistics that training
does not import. Samples are drawn by the run's name, so that nobody chooses them.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.analysis.find import parent_of
from harness.comparison.address import Address, visible
from harness.comparison.reading import eval_names, read_eval, unlike
from harness.console import table
from harness.launch import Refused
from harness.rows import WORDS, read
from harness.state import state_of

NUM_SAMPLES = 3
SAMPLE_CHARACTERS = 300
TEXTS = ("prompt", "completion")


def finished_parent(run: Path) -> Path | None:
    """The newest finished run of the experiment that this run's is a child of, with the same profile."""
    parent = parent_of(run.parent, run.name)
    return parent if parent is not None and state_of(parent) == "finished" else None


def numbers(metrics: Mapping[str, float], run: Path, parent: Path | None) -> list[str]:
    """Every metric, the parent's and the difference; without a parent the metric alone."""
    if not metrics:
        return []
    if parent is None:
        return [table([(key, _number(value)) for key, value in metrics.items()])]
    of_parent, apart = _last_metrics(parent), _unlike_evals(run, parent)
    rows = [("", "this run", "parent", "difference")]
    for key, value in metrics.items():
        was = of_parent.get(key)
        name = key.split("/")[1] if key.startswith("eval/") else ""
        delta = "" if was is None else "not alike" if name in apart else f"{value - was:+.4g}"
        rows.append((key, _number(value), "" if was is None else _number(was), delta))
    why = [f"  {name} was not measured alike: {what}" for name, what in apart.items()]
    return [f"parent: {parent.name}", table(rows), *why]


def raw_samples(run: Path, evals: Sequence[str], step: int) -> list[str]:
    """Three rows with text, drawn from all evals of the step: the address, then the text on one line."""
    rows = [(name, row) for name in sorted(evals) for row in _rows(run, name, step) if _text(row)]
    drawn = random.Random(run.name).sample(rows, min(NUM_SAMPLES, len(rows)))
    lines = []
    for name, row in drawn:
        address = Address(run=run.name, eval=name, step=step, id=str(row["id"]))
        lines += [str(address), f"  {_text(row)[:SAMPLE_CHARACTERS]!r}"]
    return lines


def _text(row: Mapping[str, Any]) -> str:
    return "".join(row[field] for field in TEXTS if isinstance(row.get(field), str))


def _rows(run: Path, name: str, step: int) -> list[dict[str, Any]]:
    path = run / "evals" / name / f"step_{step:08}" / "samples.jsonl"
    return [row for row in read(path) if "id" in row] if path.exists() else []


def _last_metrics(run: Path) -> dict[str, float]:
    """What the last evaluation of a run gave, by its events."""
    evaluated = [row["metrics"] for row in read(run / "events.jsonl") if row.get("event") == "evaluated"]
    return {key: float(WORDS.get(value, value)) for key, value in evaluated[-1].items()} if evaluated else {}


def _unlike_evals(run: Path, parent: Path) -> dict[str, str]:
    """Evals that the two runs did not measure alike, and what differs."""
    found = {}
    for name in set(eval_names(run)) & set(eval_names(parent)):
        try:
            mine, theirs = read_eval(run, name), read_eval(parent, name)
        except Refused as broken:  # a file of another run must not end this one
            found[name] = str(broken)
            continue
        if mine is not None and theirs is not None and (why := unlike(theirs, mine)):
            found[name] = why
    return {name: visible(found[name]) for name in sorted(found)}


def _number(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() and value > 1 else f"{value:.4f}"
