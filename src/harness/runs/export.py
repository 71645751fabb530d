"""All runs as one set of Parquet files, for a database or a colleague: a file a view, readable without this project.

    export("runs", "shared/runs-2026-11")            runs.parquet, configs.parquet, metrics.parquet, ... and load.sql

load.sql is for DuckDB and MotherDuck; docs/runs.md shows Postgres. An existing folder is never written into.
"""

import os
import shutil
from pathlib import Path

from harness.launch import Refused
from harness.runs.duck import text
from harness.runs.facts import Upgrade
from harness.runs.store import open as open_runs

VIEWS = (
    *("runs", "configs", "hparams", "lineage", "changes", "metrics", "system", "summaries"),
    *("evals", "samples", "checkpoints", "events", "notes", "ratings"),
)


def export(
    runs_dir: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    upgrade: Upgrade | None = None,
    index: bool | None = None,
) -> Path:
    """Writes one Parquet file a view into a new folder and returns it; nothing is left of a folder that failed.

    Raises Refused when the target exists.
    """
    folder = Path(target).absolute()
    if folder.exists():
        raise Refused(f"{target}: exists already\n  help: name a folder that does not")
    connection = open_runs(runs_dir, upgrade=upgrade, index=index)
    passing = folder.with_name(f".{folder.name}-{os.getpid()}")
    passing.mkdir(parents=True)
    try:
        for view in VIEWS:
            file = text(str(passing / f"{view}.parquet"))
            connection.execute(f"COPY (FROM {view}) TO {file} (FORMAT parquet, COMPRESSION zstd)")
        (passing / "load.sql").write_text(load_sql())
        passing.rename(folder)
    finally:
        shutil.rmtree(passing, ignore_errors=True)
    return folder


def load_sql() -> str:
    """SQL that makes tables of the files, for DuckDB and MotherDuck, run in the folder that has them."""
    return "".join(f"CREATE OR REPLACE TABLE {view} AS FROM '{view}.parquet';\n" for view in VIEWS)
