"""What evals left in a run: the numbers of each result.json as columns, and where the raw samples are."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from harness.runs.columns import TYPES, Columns, plain, zipped
from harness.runs.facts import Facts, parsed, whole
from harness.runs.source import Source

STEP = re.compile(r"step_(\d+)")


class EvalFolder(NamedTuple):
    """evals/NAME/step_N of one run."""

    run: str
    eval: str
    step: int
    folder: str


def eval_folders(source: Source, runs: Sequence[Facts]) -> list[EvalFolder]:
    """The folders of all evals that no resume has undone."""
    return [found for facts in runs for found in _folders(source, facts)]


def eval_columns(source: Source, folders: Sequence[EvalFolder]) -> Columns:
    """One row a metric of a result; one that cannot be read has none."""
    rows = [row for found in folders for row in _result_rows(source, found)]
    return zipped(TYPES["evals"], rows)


def _folders(source: Source, facts: Facts) -> Iterator[EvalFolder]:
    known = [row for row in facts.events if row.get("event") == "evaluated"]
    undone = {whole(row, "step") for row in known} - {whole(row, "step") for row in known if facts.is_kept(row)}
    try:
        for name in source.folders(f"{facts.run}/evals"):
            for folder in source.folders(f"{facts.run}/evals/{name}"):
                match = STEP.fullmatch(folder)
                if match and int(match[1]) not in undone:
                    yield EvalFolder(facts.run, name, int(match[1]), f"{facts.run}/evals/{name}/{folder}")
    except OSError as error:
        facts.problems.append(f"evals: {error.strerror or error}")


def _result_rows(source: Source, found: EvalFolder) -> Iterator[tuple[Any, ...]]:
    try:
        result = parsed(source.read(f"{found.folder}/result.json") or b"")
        metrics = result["metrics"].items()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return
    text = plain(result)
    for metric, value in metrics:
        yield found.run, found.eval, found.step, metric, value, result.get("num_rows"), result.get("seconds"), text
