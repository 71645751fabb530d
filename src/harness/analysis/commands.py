"""The commands of tools/runs that are about one run or two: each finds its runs, calls one function and prints.

`options` is what was parsed: `root`, and the arguments of the command. Each returns the exit code.
"""

import json
from argparse import Namespace
from pathlib import Path

from harness.analysis.code_changes import code_changes
from harness.analysis.find import find_run, root_words
from harness.analysis.follow import follow
from harness.analysis.one_run import one_run, one_run_text
from harness.analysis.remarks import remark
from harness.analysis.trash import restore as restored
from harness.analysis.trash import trash as trashed
from harness.analysis.wide import refusal


def show(options: Namespace) -> int:
    """One run on one screen."""
    told = one_run(find_run(options.root, options.run), upgrade=options.upgrade)
    print(json.dumps(told, indent=2, ensure_ascii=False) if options.format == "json" else one_run_text(told), end="")
    return 0


def tail(options: Namespace) -> int:
    """Follows a run until it ends."""
    for line in follow(find_run(options.root, options.run)):
        print(line, flush=True)
    return 0


def tag(options: Namespace) -> int:
    """Puts a word on a run, or takes it off."""
    return _remark(options, "untag" if options.remove else "tag")


def note(options: Namespace) -> int:
    """Adds a remark."""
    return _remark(options, "note")


def conclude(options: Namespace) -> int:
    """Says what a run has shown."""
    return _remark(options, "conclusion")


def _remark(options: Namespace, event: str) -> int:
    run = find_run(options.root, options.run)
    written = remark(run, event, options.text)
    print(f"{event} on {run.name}, in {written}")
    return 0


def trash(options: Namespace) -> int:
    """Moves a run to the trash."""
    moved = trashed(options.root, options.run)
    print(f"moved to {moved}\nnext: tools/runs restore {moved.name}{root_words(options.root)}")
    return 0


def restore(options: Namespace) -> int:
    """Moves a run back."""
    print(f"moved back to {restored(options.root, options.run)}")
    return 0


def code(options: Namespace) -> int:
    """What differs in the code of two runs; 1 if something does."""
    told = code_changes(find_run(options.root, options.a), find_run(options.root, options.b))
    print(told or "the code is the same\n", end="")
    return 1 if told else 0


def export(options: Namespace) -> int:
    """The whole store as Parquet files."""
    from harness.runs.export import export as exported

    folder = exported(options.root, options.directory, upgrade=options.upgrade)
    print(f"{folder}: {len(list(folder.glob('*.parquet')))} tables, and load.sql for DuckDB and MotherDuck")
    return 0


def backfill(options: Namespace) -> int:
    """Closed runs to another tracker."""
    from harness.runs.backfill import backfill as backfilled
    from harness.runs.duck import failures

    project = options.project or Path(str(options.root).partition("?")[0]).absolute().name
    try:
        sent = backfilled(
            options.root,
            options.to,
            project=project,
            mlflow_uri=options.uri,
            wandb_dir=options.directory,
            where=options.where,
            upgrade=options.upgrade,
        )
    except failures() as error:
        raise refusal(error) from error
    print(f"{len(sent)} runs sent to {options.to}, project {project}")
    return 0
