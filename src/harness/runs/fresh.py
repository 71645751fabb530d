"""Runs as tables and views straight from their files, nothing built before: small facts are loaded, rows stay there.

    make_views(connection, "live", source, facts, configs)     -> live.runs, live.metrics, ... as in columns.TYPES

Metrics, system rows and samples are views over the files: they are read when somebody asks. Rows that a resume has
undone are left out, and the steps of the first layout, which counted from 0, are counted from 1.
"""

# ruff: noqa: S608 - SQL is made here, of names and texts that duck.py quotes

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.runs.columns import (
    TYPES,
    Config,
    checkpoint_columns,
    config_columns,
    eval_point_columns,
    event_columns,
    hparam_columns,
    run_columns,
    summary_columns,
    zipped,
)
from harness.runs.duck import load
from harness.runs.evals import eval_columns, eval_folders
from harness.runs.facts import Facts
from harness.runs.live_sql import FIXED, json_rows, long_rows, objects
from harness.runs.source import Source

if TYPE_CHECKING:
    import duckdb

SUMMARIZED = """
    SELECT run, key, arg_max(value, step) AS last, max(step) AS last_step,
           min(value) FILTER (isfinite(value)) AS min, arg_min(step, value) FILTER (isfinite(value)) AS min_step,
           max(value) FILTER (isfinite(value)) AS max, arg_max(step, value) FILTER (isfinite(value)) AS max_step,
           count(*) AS n, count(*) FILTER (NOT isfinite(value)) AS not_finite
    FROM ({rows}) GROUP BY run, key
"""
SYSTEM = """
    SELECT run, key, t, seg, step, value FROM (
        SELECT f.run, key, TRY_CAST(json->>'/t' AS DOUBLE) AS t, TRY_CAST(json->>'/seg' AS BIGINT) AS seg,
               TRY_CAST(json->>'/step' AS BIGINT) AS step,
               TRY_CAST(json->>('/' || replace(replace(key, '~', '~0'), '/', '~1')) AS DOUBLE) AS value
        FROM (SELECT json, filename, unnest(json_keys(json)) AS key FROM ({objects})) r
        JOIN {schema}.system_files f ON f.file = r.filename
    ) WHERE value IS NOT NULL AND key NOT IN ('t', 'seg', 'step')
"""
SAMPLES = """
    SELECT f.run, f.eval, f.step, json->>'/id' AS id, json AS row
    FROM ({objects}) r JOIN {schema}.sample_files f ON f.file = r.filename
"""


ALL = frozenset({*TYPES, "hparams"})


def make_views(
    connection: "duckdb.DuckDBPyConnection",
    schema: str,
    source: Source,
    runs: Sequence[Facts],
    configs: Mapping[str, Config],
    *,
    wanted: Collection[str] = ALL,
) -> None:
    """Makes the schema with a table or view for each wanted name, for the runs."""
    connection.execute(f"CREATE SCHEMA {schema}")
    if "samples" in wanted:
        _make_samples(connection, schema, source, runs)
    if "metrics" in wanted or ("summaries" in wanted and any(facts.summary is None for facts in runs)):
        _make_metrics(connection, schema, source, runs)
    elif "summaries" in wanted:
        load(connection, f"{schema}.summaries", TYPES["summaries"], summary_columns(runs))
    if "system" in wanted:
        _make_system(connection, schema, source, runs)
    if "hparams" in wanted:
        load(connection, f"{schema}.hparams", *hparam_columns(configs))
    if "configs" in wanted:
        load(connection, f"{schema}.configs", TYPES["configs"], config_columns(configs))
    small = {"runs": run_columns, "checkpoints": checkpoint_columns, "events": event_columns}
    for name in wanted & small.keys():
        load(connection, f"{schema}.{name}", TYPES[name], small[name](runs))


def _make_system(connection: "duckdb.DuckDBPyConnection", schema: str, source: Source, runs: Sequence[Facts]) -> None:
    """`system`, a view."""
    beating = [facts.run for facts in runs if _is_readable(source, facts, "system.jsonl")]
    files = [(source.address(f"{run}/system.jsonl"), run) for run in beating]
    _load_rows(connection, f"{schema}.system_files", "file VARCHAR, run VARCHAR", files)
    view(connection, schema, "system", SYSTEM.format(objects=objects([file for file, _ in files]), schema=schema))


def _make_metrics(connection: "duckdb.DuckDBPyConnection", schema: str, source: Source, runs: Sequence[Facts]) -> None:
    """`metrics` (long, with what evals gave) and `summaries`: views, over the small part of them that is loaded."""
    load(connection, f"{schema}.closed_summaries", TYPES["summaries"], summary_columns(runs))
    load(connection, f"{schema}.eval_points", TYPES["metrics"], eval_point_columns(runs))
    runs = [facts for facts in runs if _is_readable(source, facts, "metrics.jsonl")]
    address = {facts.run: source.address(f"{facts.run}/metrics.jsonl") for facts in runs}
    cuts = [(facts.run, segment, step) for facts in runs for segment, step in facts.kept_until.items()]
    _load_rows(connection, f"{schema}.cuts", "run VARCHAR, seg BIGINT, last_step BIGINT", cuts)
    shifts = [(address[facts.run], facts.run, 1 - facts.first_step) for facts in runs]
    _load_rows(connection, f"{schema}.metric_files", "file VARCHAR, run VARCHAR, shift BIGINT", shifts)

    open_files = [address[facts.run] for facts in runs if facts.summary is None]
    keys = _keys(connection, runs, open_files)
    _load_rows(connection, f"{schema}.metric_keys", "key VARCHAR", [(key,) for key in keys])
    columns = ("run", "step", "t", "seg")
    _wide(connection, schema, "metric_rows", list(address.values()), keys)
    _wide(connection, schema, "open_rows", open_files, keys)
    order = ", ".join(TYPES["metrics"])
    rows = long_rows(f"{schema}.metric_rows", keys, columns)
    view(connection, schema, "metrics", f"SELECT {order} FROM ({rows}) UNION ALL SELECT * FROM {schema}.eval_points")
    closed = f"SELECT DISTINCT run FROM {schema}.closed_summaries"
    points = f"SELECT * FROM {schema}.eval_points WHERE run NOT IN ({closed})"
    rows = f"SELECT {order} FROM ({long_rows(f'{schema}.open_rows', keys, columns)}) UNION ALL {points}"
    summarized = SUMMARIZED.format(rows=rows)
    view(connection, schema, "summaries", f"SELECT * FROM {schema}.closed_summaries UNION ALL ({summarized})")


def _make_samples(connection: "duckdb.DuckDBPyConnection", schema: str, source: Source, runs: Sequence[Facts]) -> None:
    """`evals`, loaded, and `samples`, a view."""
    folders = eval_folders(source, runs)
    load(connection, f"{schema}.evals", TYPES["evals"], eval_columns(source, folders))
    found = [
        (source.address(f"{folder.folder}/samples.jsonl"), folder.run, folder.eval, folder.step)
        for folder in folders
        if source.is_readable(f"{folder.folder}/samples.jsonl")
    ]
    _load_rows(connection, f"{schema}.sample_files", "file VARCHAR, run VARCHAR, eval VARCHAR, step BIGINT", found)
    files = [file for file, *_ in found]
    view(connection, schema, "samples", SAMPLES.format(objects=objects(files), schema=schema))


def view(connection: "duckdb.DuckDBPyConnection", schema: str, name: str, sql: str) -> None:
    """Makes a view."""
    connection.execute(f"CREATE VIEW {schema}.{name} AS {sql}")


def _wide(
    connection: "duckdb.DuckDBPyConnection", schema: str, name: str, files: Sequence[str], keys: Sequence[str]
) -> None:
    """Rows as they are written, but for those that were undone."""
    values = "".join(f", r.k{at}" for at in range(len(keys)))
    view(
        connection,
        schema,
        name,
        f"SELECT f.run, r.step + f.shift AS step, r.t, coalesce(r.seg, 0) AS seg{values}"
        f" FROM ({json_rows(files, keys)}) r JOIN {schema}.metric_files f ON f.file = r.filename"
        f" LEFT JOIN {schema}.cuts c ON c.run = f.run AND c.seg = r.seg"
        " WHERE c.last_step IS NULL OR r.step + f.shift <= c.last_step",
    )


def _keys(connection: "duckdb.DuckDBPyConnection", runs: Sequence[Facts], open_files: Sequence[str]) -> list[str]:
    """The keys of all rows: from the summaries, and from every row of the runs that have none."""
    keys = {key for facts in runs if facts.summary is not None for key in facts.summary["metrics"]}
    if open_files:
        sql = f"SELECT DISTINCT unnest(json_keys(json)) FROM ({objects(open_files)})"
        keys |= {key for (key,) in connection.execute(sql).fetchall()}
    return sorted(keys - FIXED.keys())


def _is_readable(source: Source, facts: Facts, name: str) -> bool:
    """Whether SQL can read a file; one that is there and cannot be read is a problem of its run."""
    path = f"{facts.run}/{name}"
    if source.is_readable(path):
        return True
    if source.stamp(path) is not None and not any(problem.startswith(name) for problem in facts.problems):
        facts.problems.append(f"{name}: cannot be read")
    return False


def _load_rows(
    connection: "duckdb.DuckDBPyConnection", name: str, columns: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    types = dict(column.split() for column in columns.split(", "))
    load(connection, name, types, zipped(types, rows))
