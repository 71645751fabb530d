"""Questions to the store as people type them: keys need no quotes, and two views more than harness.runs has.

    SELECT optimizer.lr, eval/held_out/bits_per_byte FROM wide ORDER BY 2
    FROM spikes('train/loss', 300) WHERE ratio > 1.5

`wide` is a row per run: the columns of `runs`, every hyperparameter and every metric under its own name. A metric
is its last value; "train/loss min" and "train/loss max" are its extremes. `spikes(key, after)` is a row per step after
that step: the value, the median of up to 50 steps before it (`usual`), and the ratio of both (infinite for NaN).
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from harness.analysis.conditions import quoted
from harness.launch import Refused
from harness.runs.columns import apart
from harness.runs.duck import quoted as sql_name
from harness.runs.duck import text as sql_text

EXTREMES = ("min", "max")
EVERY = re.compile(r"(?<!count\()\*|\bcolumns\s*\(|^\s*(?!select\b|with\b)", re.IGNORECASE)  # SQL that names no columns
SPIKES = """
CREATE OR REPLACE TEMP MACRO spikes(of_key, after) AS TABLE
SELECT run, experiment, step, value, usual, CASE WHEN isfinite(value) THEN value / usual ELSE 'inf'::DOUBLE END AS ratio
FROM (SELECT run, step, value, median(value) FILTER (isfinite(value)) OVER (
        PARTITION BY run ORDER BY step ROWS BETWEEN 50 PRECEDING AND 1 PRECEDING) AS usual
      FROM metrics WHERE key = of_key)
JOIN (SELECT run, experiment FROM runs) USING (run)
WHERE step > after AND usual IS NOT NULL
"""


def ask(connection: Any, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a question, which may use every view of the store."""
    runs, hparams, metrics = names(connection)
    columns = _make_wide(connection, runs, hparams, _named(sql, metrics))
    connection.execute(SPIKES)
    result = connection.execute(quoted(sql, [*hparams, *metrics], columns, strict=False))
    return [column[0] for column in result.description], result.fetchall()


def choose(connection: Any, *, where: str | None, sort: str | None, limit: int | None) -> tuple[list[str], int]:
    """The runs that a condition holds for, newest first unless sorted, at most `limit`; and how many there are."""
    runs, hparams, metrics = names(connection)
    said = f"SELECT {where} {sort}"
    columns = _make_wide(connection, runs, hparams, _named(said, metrics))
    keys = [*hparams, *metrics]
    condition = f"WHERE {quoted(where, keys, columns)}" if where else ""
    order = f"{quoted(sort, keys, columns)} NULLS LAST, " if sort else ""
    asked = f"SELECT run FROM wide {condition} ORDER BY {order}created DESC, run"  # noqa: S608 - SQL is the interface
    found = [run for (run,) in connection.execute(asked).fetchall()]
    return found[:limit], len(found)


def write(connection: Any, runs: Sequence[str], path: Path) -> int:
    """Writes `wide` of these runs as one file, Parquet or CSV by its ending; returns the number of columns."""
    _make_wide(connection, *names(connection))
    kind = "parquet" if path.suffix == ".parquet" else "csv"
    chosen = ", ".join(map(sql_text, runs))
    rows = f"SELECT * FROM wide WHERE run IN ({chosen}) ORDER BY run"  # noqa: S608 - quoted
    connection.execute(f"COPY ({rows}) TO {sql_text(str(path))} (FORMAT {kind})")
    return len(_columns(connection, "wide"))


def hold(connection: Any) -> None:
    """Works the summaries out once: for a run that has not closed they come from all of its rows."""
    connection.execute("CREATE OR REPLACE TEMP TABLE summaries AS FROM main.summaries")


def names(connection: Any) -> tuple[list[str], list[str], list[str]]:
    """What may be asked for: the columns of `runs`, the hyperparameters, the metrics."""
    metrics = connection.execute("SELECT DISTINCT key FROM summaries ORDER BY key").fetchall()
    return _columns(connection, "runs"), _columns(connection, "hparams")[1:], [key for (key,) in metrics]


def _columns(connection: Any, view: str) -> list[str]:
    return [column[0] for column in connection.execute(f"FROM {view} LIMIT 0").description]


def _named(sql: str, metrics: Sequence[str]) -> list[str]:
    return [key for key in metrics if EVERY.search(sql) or sql_name(key)[1:-1] in sql]


def _make_wide(
    connection: Any, runs: Collection[str], hparams: Sequence[str], metrics: Sequence[str]
) -> dict[str, str]:
    """The view `wide` with these metrics alone: a store may have thousands. Returns their columns by their names."""
    own = [f"hparams.{sql_name(key)}" for key in hparams if key not in runs]
    values = {
        name: (key, column)
        for key in metrics
        for column, name in (("last", key), *((extreme, f"{key} {extreme}") for extreme in EXTREMES))
    }
    names = apart(values)
    measured = [
        f"max(CASE WHEN key = {sql_text(key)} THEN {column} END) AS {sql_name(names[name])}"
        for name, (key, column) in values.items()
    ]
    columns = ", ".join(["runs.*", *own, *(["measured.* EXCLUDE (run)"] if measured else [])])
    joined = f"LEFT JOIN (SELECT run, {', '.join(measured)} FROM summaries GROUP BY run) AS measured USING (run)"  # noqa: S608 - quoted
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW wide AS SELECT {columns} FROM runs LEFT JOIN hparams USING (run) "  # noqa: S608 - quoted
        + (joined if measured else "")
    )
    return names


def refusal(error: Exception) -> Refused:
    """What the database says is wrong with a question, in its first words."""
    first, *rest = [line.strip() for line in str(error).splitlines() if line.strip()]
    mend = [line for line in rest if line.startswith(("Candidate", "Did you mean"))][:1]
    help_line = "help: docs/runs.md has the views and their columns; keys need no quotes"
    return Refused("\n  ".join([first, *mend, help_line]))
