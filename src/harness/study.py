"""A study page from the run store: one row per numbered experiment, what it changed, what came of it, and the tree.

It reads finished runs and types nothing in: the page says what the runs say.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.config_changes import changed_keys
from harness.lineage import Name, parse_name, tree_lines
from harness.rows import read

BITS = "eval/held_out/bits_per_byte"
PARSES = "eval/completions/parse_rate"


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """The newest finished run of one numbered experiment."""

    name: Name
    experiment: str
    why: str
    config: Mapping[str, Any]
    num_parameters: int
    minutes: float
    metrics: Mapping[str, float]
    facts: Mapping[str, Any]


def finished_runs(root: Path) -> list[FinishedRun]:
    """The newest finished run of every numbered experiment without a profile on top, in order of number."""
    newest: dict[str, FinishedRun] = {}
    for path in sorted(root.glob("*/run.json"), key=lambda path: path.parent.name.partition("-")[2]):
        facts = json.loads(path.read_text())
        name = parse_name(facts["experiment"])
        events = {row["event"]: row for row in read(path.parent / "events.jsonl")}
        if name is None or not {"started", "evaluated", "finished"} <= events.keys():
            continue
        config = json.loads((path.parent / "config.json").read_text())
        newest[facts["experiment"]] = FinishedRun(
            name=name,
            experiment=facts["experiment"],
            why=facts["why"],
            config={key: entry["value"] for key, entry in config.items()},
            num_parameters=facts["num_parameters"],
            minutes=(events["finished"]["t"] - events["started"]["t"]) / 60,
            metrics=events["evaluated"]["metrics"],
            facts=facts,
        )
    return sorted(newest.values(), key=lambda run: run.name.number)


def study_page(runs: Sequence[FinishedRun]) -> str:
    """The page as Markdown. Raises ValueError when there is no run to tell of."""
    if not runs:
        raise ValueError("no finished run of a numbered experiment")
    by_number = {run.name.number: run for run in runs}
    best = min(runs, key=lambda run: run.metrics[BITS])
    parts = [_head(runs, best), "## Results\n", _results(runs, by_number, best), "\n## Lineage\n", _lineage(runs, best)]
    return "\n".join([*parts, "\n## Why\n", *(f"* **{run.experiment}**: {run.why}" for run in runs)]) + "\n"


def _head(runs: Sequence[FinishedRun], best: FinishedRun) -> str:
    data, metrics = best.facts["data"], best.metrics
    return (
        f"# The study: {len(runs)} experiments on the standard library's source\n\n"
        "Written by `tools/study` from the run store; not typed.\n\n"
        f"Corpus {data['sha256'][:12]}: {data['num_files']} files, {data['num_train_bytes']:,} bytes to train on, "
        f"{data['num_held_out_bytes']:,} bytes held out.\n"
        f"Held-out bits per byte: gzip -9 needs {metrics['eval/held_out/gzip_bits_per_byte']:.3f}, "
        f"xz -9e {metrics['eval/held_out/xz_bits_per_byte']:.3f}, "
        f"the best experiment ({best.experiment}) {metrics[BITS]:.3f}.\n"
        f"All runs: {best.facts['num_processes']} process, {best.facts['num_threads']} CPU threads.\n"
    )


def _results(runs: Sequence[FinishedRun], by_number: Mapping[int, FinishedRun], best: FinishedRun) -> str:
    lines = [
        "| experiment | changed against its parent | bits per byte | against parent | parses | parameters | minutes |",
        "|--|--|--:|--:|--:|--:|--:|",
    ]
    for run in runs:
        parent = by_number.get(run.name.parent) if run.name.parent is not None else None
        delta = f"{run.metrics[BITS] - parent.metrics[BITS]:+.3f}" if parent else ""
        bits = f"{run.metrics[BITS]:.3f}"
        cells = (
            run.experiment,
            ", ".join(_changes(parent, run)) if parent else "",
            f"**{bits}**" if run is best else bits,
            delta,
            f"{run.metrics[PARSES]:.0%}" if PARSES in run.metrics else "",
            f"{run.num_parameters:,}",
            f"{run.minutes:.1f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _changes(parent: FinishedRun, run: FinishedRun) -> list[str]:
    """What differs, in one phrase a key."""
    return [
        f"`{key}` {_shown(parent.config.get(key))} → {_shown(run.config.get(key))}"
        for key in changed_keys(parent.config, run.config)
    ]


def _shown(value: Any) -> str:
    return "absent" if value is None else str(value).replace("|", "\\|")


def _lineage(runs: Sequence[FinishedRun], best: FinishedRun) -> str:
    by_number = {run.name.number: run for run in runs}
    rows = []
    for indent, name in tree_lines([run.name for run in runs]):
        run = by_number[name.number]
        rows.append(
            (f"{indent}{name.number:02} {name.change}", f"{run.metrics[BITS]:.3f}", " best" if run is best else "")
        )
    width = max(len(label) for label, _, _ in rows)
    return "\n".join(["```", *(f"{label:<{width}}  {bits}{mark}" for label, bits, mark in rows), "```"])
