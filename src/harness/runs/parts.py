"""One part of the index: some hundred closed runs as Parquet, one file a view, written once and never changed.

Metrics are sorted by key, so that a query for one key reads nothing of the others; small facts are as the views have
them. A part is made from the files of its runs alone, and can be made again.
"""

# ruff: noqa: S608 - SQL is made here, of names and texts that duck.py quotes

import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.runs.duck import connect, text
from harness.runs.facts import Facts, Upgrade, read_config
from harness.runs.fresh import ALL, make_views
from harness.runs.source import Source

if TYPE_CHECKING:
    import duckdb

RUNS_PER_PART = 2_000  # each part takes a question 5 ms
BYTES_PER_PART = 1_000_000_000  # of metrics.jsonl; what does not fit into MEMORY while it is sorted lies on the disk
MAX_KEYS_IN_TURN = 200  # above, one sort is cheaper than a pass for each key
MEMORY = "500MB"  # of DuckDB while it writes; beyond, it writes to disk beside the index


def write_part(folder: Path, source: Source, runs: Sequence[Facts], upgrade: Upgrade | None) -> str:
    """Writes a part for the runs below the folder and returns its name; it is whole when this returns."""
    name = f"part-{secrets.token_hex(8)}"
    passing = folder / f".{name}"
    passing.mkdir(parents=True)
    try:
        _write(passing, source, runs, upgrade)
        os.rename(passing, folder / name)  # noqa: PTH104 - never onto another
    finally:
        shutil.rmtree(passing, ignore_errors=True)
    return name


def _write(folder: Path, source: Source, runs: Sequence[Facts], upgrade: Upgrade | None) -> None:
    connection = connect()
    connection.execute(f"SET memory_limit='{MEMORY}'; SET temp_directory={text(str(folder / 'spilt'))}")
    source.prepare(connection)
    configs = {facts.run: read_config(source, facts.run, facts.problems, upgrade) for facts in runs}
    make_views(connection, "live", source, runs, configs)
    for name in sorted(ALL - {"metrics"}):
        _copy(connection, f"SELECT * FROM live.{name}", folder / f"{name}.parquet")
    connection.execute("CREATE TABLE rows AS SELECT * FROM live.metric_rows")
    _copy(connection, _sorted_metrics(connection), folder / "metrics.parquet")
    connection.close()
    shutil.rmtree(folder / "spilt", ignore_errors=True)


def _sorted_metrics(connection: "duckdb.DuckDBPyConnection") -> str:
    """All values by key, then in the order of the files; time in whole milliseconds, which packs to two bytes."""
    keys = [key for (key,) in connection.execute("SELECT key FROM live.metric_keys").fetchall()]
    columns = "run, key, step, round(t * 1000)::BIGINT AS t, seg, value"
    if not 0 < len(keys) <= MAX_KEYS_IN_TURN:
        return f"SELECT {columns} FROM live.metrics ORDER BY key, run, step"
    passes = [
        f"SELECT {columns} FROM (SELECT run, {text(key)} AS key, step, t, seg, k{at} AS value FROM rows)"
        " WHERE value IS NOT NULL"
        for at, key in enumerate(keys)
    ]
    points = [f"SELECT {columns} FROM (SELECT * FROM live.eval_points ORDER BY key, run, step)"]
    return " UNION ALL ".join(passes + points)


def _copy(connection: "duckdb.DuckDBPyConnection", sql: str, file: Path) -> None:
    connection.execute(f"COPY ({sql}) TO {text(str(file))} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)")
