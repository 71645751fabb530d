"""All that is asked of DuckDB's Python package, in one place: it changed in 1.3, 1.4, 1.5 and 2.0, each time.

Only `connect`, `execute` with parameters, `fetchall`, `description` and the three dataframes are used; tables go in as
lists, one parameter a column, so that nothing else has to be imported. A database is always in memory: a file
of DuckDB's locks out every other process (read-only ones too), while Parquet does not.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

FORMATS = ("pandas", "polars", "arrow")
ROWS_AT_A_TIME = 50_000  # of one INSERT; a list of parameters is copied several times on its way


def connect() -> "duckdb.DuckDBPyConnection":
    """A database in memory. Raises Refused where DuckDB is not installed."""
    try:
        import duckdb
    except ModuleNotFoundError as error:
        from harness.launch import Refused

        raise Refused("reading runs as tables needs DuckDB\n  help: pip install duckdb") from error
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")  # on for queries of over two seconds, and goes to stdout
    return connection


def failures() -> type[Exception]:
    """What DuckDB raises."""
    import duckdb

    return duckdb.Error


def load(
    connection: "duckdb.DuckDBPyConnection",
    name: str,
    types: Mapping[str, str],
    columns: Mapping[str, Sequence[Any]],
) -> None:
    """Makes a table of columns; each has a type of SQL, to which plain Python values cast."""
    lists = ", ".join(f"unnest(?::{kind}[]) AS {quoted(column)}" for column, kind in types.items())
    num_rows = len(next(iter(columns.values()), ()))
    if num_rows == 0:
        declared = ", ".join(f"{quoted(column)} {kind}" for column, kind in types.items())
        connection.execute(f"CREATE TABLE {name} ({declared})")
    for start in range(0, num_rows, ROWS_AT_A_TIME):
        piece = [_parameter(columns[column][start : start + ROWS_AT_A_TIME]) for column in types]
        connection.execute(f"{f'INSERT INTO {name}' if start else f'CREATE TABLE {name} AS'} SELECT {lists}", piece)


def _parameter(values: Sequence[Any]) -> list[Any]:
    """A column as a parameter. DuckDB 1.5 takes NaN for NULL, but not its word."""
    if any(value != value for value in values):  # noqa: PLR0124 - NaN alone is not itself
        return [None if value is None else repr(value) for value in values]
    return list(values)


def frame(connection: "duckdb.DuckDBPyConnection", sql: str, kind: str) -> Any:
    """What a query gives, as a dataframe of the kind."""
    if kind == "pandas":
        return connection.execute(sql).df()
    result = connection.sql(sql)  # 2.0 warns of a copy where Arrow is asked of `execute`
    if kind == "polars":
        return result.pl()
    assert kind == "arrow", kind
    return result.to_arrow_table()


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as SQL."""
    return "'" + value.replace("'", "''") + "'"


def text_list(values: Sequence[str]) -> str:
    """Texts as a list in SQL."""
    return "[" + ", ".join(map(text, values)) + "]"
