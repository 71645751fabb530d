"""A folder of runs as a DuckDB connection: which views there are, and over what."""

# ruff: noqa: S608 - SQL is made here, of names and texts that duck.py quotes

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from harness.runs.columns import TYPES, Config
from harness.runs.duck import connect, failures, load, text_list
from harness.runs.facts import Facts, Upgrade, read_config, read_facts
from harness.runs.fresh import ALL, make_views
from harness.runs.index import Part, discard, index_folder, refresh
from harness.runs.notes import NOTE_TYPES, RATING_TYPES, SAID_TYPES, note_columns, rating_columns, said_columns
from harness.runs.source import Source, run_names, source_of

if TYPE_CHECKING:
    import duckdb

Answer = tuple[list[str], list[tuple[Any, ...]]]  # names of columns, rows
Asked = TypeVar("Asked")

INDEX_FROM_RUNS = 300  # below, reading every run takes half a second
MAX_TRIES = 12  # a run may be thrown away while it is read, and another while that is told

RUNS = """
    SELECT r.* EXCLUDE (torn_lines, problems, path), from_json(coalesce(s.tags, '[]'), '["VARCHAR"]') AS tags,
           coalesce(s.num_notes, 0) AS num_notes, coalesce(s.num_looked, 0) AS num_looked,
           r.torn_lines, r.problems, r.path
    FROM ({runs}) r LEFT JOIN said s ON s.run = r.run
"""
LINEAGE = """
    SELECT r.run, r.experiment, r.number, r.parent,
           arg_max(p.run, (p.state = 'finished')::INTEGER || coalesce(p.created::VARCHAR, '') || p.run) AS parent_run
    FROM runs r LEFT JOIN runs p ON p.number = r.parent AND p.profile IS NOT DISTINCT FROM r.profile
    GROUP BY r.run, r.experiment, r.number, r.parent
"""
CHANGES = """
    SELECT run, parent_run, key, own.value, theirs.value AS parent_value, own.origin
    FROM (SELECT l.run, l.parent_run, c.key, c.value, c.origin
          FROM lineage l JOIN configs c ON c.run = l.run WHERE l.parent_run IS NOT NULL) own
    FULL JOIN (SELECT l.run, l.parent_run, c.key, c.value
               FROM lineage l JOIN configs c ON c.run = l.parent_run) theirs USING (run, parent_run, key)
    WHERE own.value::VARCHAR IS DISTINCT FROM theirs.value::VARCHAR
"""


def open(  # noqa: A001 - said with its package: harness.runs.open
    runs_dir: str | os.PathLike[str] = "runs", *, upgrade: Upgrade | None = None, index: bool | None = None
) -> "duckdb.DuckDBPyConnection":
    """A connection in memory with the views of docs/runs.md, over the runs as they are now.

    `runs_dir` is a folder or an `s3://` address. `upgrade` takes the flat config of any age to today's names. `index`
    says whether the index on local disk is used; None: from 300 runs on. Raises Refused where there is no such folder.
    """
    return opened(source_of(runs_dir), upgrade, index, ALL)


def query(
    runs_dir: str | os.PathLike[str],
    sql: str,
    *,
    upgrade: Upgrade | None = None,
    index: bool | None = None,
) -> Answer:
    """Opens, asks once, and gives the names of the columns and all rows. Starts over when a run vanished meanwhile."""

    def ask(connection: "duckdb.DuckDBPyConnection") -> Answer:
        result = connection.execute(sql)
        return [column[0] for column in result.description or ()], result.fetchall()

    return asked(ask, source_of(runs_dir), upgrade, index, ALL)


def asked(
    ask: "Callable[[duckdb.DuckDBPyConnection], Asked]",
    source: Source,
    upgrade: Upgrade | None,
    index: bool | None,
    wanted: frozenset[str],
) -> Asked:
    """What `ask` gives of a fresh connection; asked again when files vanished, or an index turned out to be broken.

    An error that comes twice with the same words is the question's own.
    """
    said = ""
    for attempt in range(MAX_TRIES):
        try:
            return ask(opened(source, upgrade, index, wanted))
        except failures() as error:
            if str(error) == said or attempt == MAX_TRIES - 1:
                raise
            said = str(error)
            source.leave_out(said)  # a file that is gone is not found the next time anyway
            if type(error) is failures() or str(index_folder(source, upgrade)) in said:  # broken Parquet has no class
                discard(source, upgrade)
    raise AssertionError("unreachable")


def opened(
    source: Source, upgrade: Upgrade | None, index: bool | None, wanted: frozenset[str]
) -> "duckdb.DuckDBPyConnection":
    """As `open`, with the wanted views alone."""
    names = run_names(source)
    parts: Sequence[Part] = ()
    if len(names) >= INDEX_FROM_RUNS if index is None else index:
        parts, runs = refresh(source, names, upgrade)
    else:
        runs = [facts for name in names if (facts := read_facts(source, name)) is not None]
    connection = connect()
    source.prepare(connection)
    configs = _configs(source, runs, upgrade) if wanted & {"configs", "hparams"} else {}
    make_views(connection, "live", source, runs, configs, wanted=wanted)
    for name in sorted(wanted - {"runs"}):
        connection.execute(f"CREATE VIEW {name} AS {_joined(name, parts)}")
    load(connection, "said", SAID_TYPES, said_columns(source))
    connection.execute(f"CREATE VIEW runs AS {RUNS.format(runs=_joined('runs', parts))}")
    if wanted == ALL:
        load(connection, "notes", NOTE_TYPES, note_columns(source))
        load(connection, "ratings", RATING_TYPES, rating_columns(source))
        connection.execute(f"CREATE VIEW lineage AS {LINEAGE}")
        connection.execute(f"CREATE VIEW changes AS {CHANGES}")
    return connection


def _configs(source: Source, runs: Sequence[Facts], upgrade: Upgrade | None) -> dict[str, Config]:
    return {facts.run: read_config(source, facts.run, facts.problems, upgrade) for facts in runs}


def _joined(name: str, parts: Sequence[Part]) -> str:
    """The rows of what is indexed, without those that are old by now, and of what is not."""
    whole = [part.file(name) for part in parts if not part.stale]
    pieces = [_of_parquet(name, whole, ())] if whole else []
    pieces += [_of_parquet(name, [part.file(name)], sorted(part.stale)) for part in parts if part.stale]
    together = "UNION ALL BY NAME" if name == "hparams" else "UNION ALL"
    return f" {together} ".join([f"SELECT {_columns(name)} FROM live.{name}", *pieces])


def _of_parquet(name: str, files: Sequence[str], stale: Sequence[str]) -> str:
    options = ", union_by_name=true" if name == "hparams" else ""
    without = f" WHERE NOT list_contains({text_list(stale)}, run)" if stale else ""
    return f"SELECT {_columns(name, of_part=True)} FROM read_parquet({text_list(files)}{options}){without}"


def _columns(name: str, *, of_part: bool = False) -> str:
    if name not in TYPES:
        return "*"
    spelled = {"t": "t / 1000.0 AS t"} if of_part and name == "metrics" else {}
    return ", ".join(spelled.get(column, column) for column in TYPES[name])
