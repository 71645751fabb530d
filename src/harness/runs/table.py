"""One joined dataframe: a row a run, with the hparams and metrics that are asked for."""

# ruff: noqa: S608 - SQL is made here, of names and texts that duck.py quotes

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from harness.analysis.conditions import quoted as quoted_names
from harness.analysis.names import unknown
from harness.launch import Refused
from harness.runs import duck
from harness.runs.columns import apart
from harness.runs.facts import Upgrade
from harness.runs.source import source_of
from harness.runs.store import asked

if TYPE_CHECKING:
    import duckdb

FIRST = ("run", "experiment", "number", "parent", "state", "torn_lines")
OF_METRIC = {"": "last", " min": "min", " max": "max"}  # what follows the key in the name of a column


def table(
    runs_dir: str | os.PathLike[str] = "runs",
    hparams: Sequence[str] = (),
    metrics: Sequence[str] = (),
    *,
    where: str | None = None,
    format: str = "pandas",  # noqa: A002 - the word for it
    upgrade: Upgrade | None = None,
    index: bool | None = None,
) -> Any:
    """A dataframe with one row a run: run, experiment, number, parent, state, torn_lines, hparams, metrics.

    A metric is three columns: `KEY` (the last value), `KEY min` and `KEY max`. Names may be patterns (`optimizer.*`).
    `where` is SQL with bare names: "optimizer.lr > 1e-3 and state = 'finished'". `format` is pandas, polars or arrow.
    Raises Refused for a name that no run has, and for a condition that is no SQL.
    """
    if format not in duck.FORMATS:
        raise Refused(f"{format!r} is no format\n  help: {', '.join(duck.FORMATS)}")
    if isinstance(hparams, str) or isinstance(metrics, str):
        raise Refused('hparams and metrics are lists of names\n  help: metrics=["train/loss"]')

    def ask(connection: "duckdb.DuckDBPyConnection") -> Any:
        return duck.frame(connection, _sql(connection, hparams, metrics, where), format)

    wanted = {"runs", "hparams", "summaries"} - (set() if metrics or where else {"summaries"})
    return asked(ask, source_of(runs_dir), upgrade, index, frozenset(wanted))


def _sql(
    connection: "duckdb.DuckDBPyConnection", hparams: Sequence[str], metrics: Sequence[str], where: str | None
) -> str:
    own = {name: f"r.{duck.quoted(name)}" for name in _columns(connection, "runs")}
    known_hparams = [name for name in _columns(connection, "hparams") if name != "run"]
    chosen = _chosen("hparam", hparams, known_hparams)
    keys: list[str] = []
    if metrics or where:
        keys = [key for (key,) in connection.execute("SELECT DISTINCT key FROM summaries ORDER BY key").fetchall()]
    chosen_keys = _chosen("metric", metrics, keys)
    condition, needed = _condition(where, known_hparams, keys, own)
    measured = [*chosen_keys, *(key for key in keys if key not in chosen_keys and f'"{key}' in condition)]
    names = apart(dict.fromkeys(key + more for key in measured for more in OF_METRIC))
    condition = quoted_names(condition, (), names, strict=False)
    columns = {**own, **{name: f"h.{duck.quoted(name)}" for name in dict.fromkeys([*chosen, *needed])}}
    columns |= {name: f"m.{duck.quoted(name)}" for name in names.values()}
    shown = [*FIRST, *chosen, *dict.fromkeys(names[key + more] for key in chosen_keys for more in OF_METRIC)]
    joined = ", ".join(f"{sql} AS {duck.quoted(name)}" for name, sql in columns.items())
    return (
        f"SELECT {', '.join(map(duck.quoted, shown))} FROM (SELECT {joined} FROM runs r"
        f" LEFT JOIN hparams h ON h.run = r.run{_pivot(measured, names)})"
        f"{f' WHERE {condition}' if condition else ''} ORDER BY run"
    )


def _pivot(keys: Sequence[str], names: Mapping[str, str]) -> str:
    if not keys:
        return ""
    values = {names[key + more]: (key, column) for key in keys for more, column in OF_METRIC.items()}
    pivoted = ", ".join(
        f"max(CASE WHEN key = {duck.text(key)} THEN {column} END) AS {duck.quoted(name)}"  # one row; half of FILTER
        for name, (key, column) in values.items()
    )
    listed = ", ".join(map(duck.text, keys))
    return f" LEFT JOIN (SELECT run, {pivoted} FROM summaries WHERE key IN ({listed}) GROUP BY run) m ON m.run = r.run"


def _condition(
    where: str | None, hparams: Sequence[str], keys: Sequence[str], own: dict[str, str]
) -> tuple[str, list[str]]:
    """The condition as SQL, and the hparams that it may speak of; those that are called as a column of runs are not."""
    if where is None:
        return "", []
    condition = quoted_names(where, {*hparams, *keys})
    return f"({condition})", [name for name in hparams if name not in own and name in condition]


def _columns(connection: "duckdb.DuckDBPyConnection", view: str) -> list[str]:
    return [name for name, *_ in connection.execute(f"DESCRIBE {view}").fetchall()]


def _chosen(what: str, patterns: Sequence[str], known: Sequence[str]) -> list[str]:
    chosen: dict[str, None] = {}
    for pattern in patterns:
        found = [name for name in known if fnmatchcase(name, pattern)] if pattern not in known else [pattern]
        if not found:
            raise unknown(what, pattern, known)
        chosen.update(dict.fromkeys(found))
    return list(chosen)
