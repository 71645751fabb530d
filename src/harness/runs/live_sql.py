"""SQL over the JSON Lines of runs as they lie there: rows of metrics, of the system, raw samples.

Files are given by name with every column declared. A glob that guesses columns takes 32 MiB for each file, which 10,000
runs do not have; a torn line comes back as a row of NULLs, which is left out by its missing step; NaN and infinities
are words in the files and doubles here.
"""

# ruff: noqa: S608 - SQL is made here, of names and texts that duck.py quotes

from collections.abc import Mapping, Sequence

from harness.runs.duck import quoted, text, text_list

FIXED = {"step": "BIGINT", "t": "DOUBLE", "seg": "BIGINT"}
OPTIONS = "format='newline_delimited', ignore_errors=true, filename=true"


def json_rows(files: Sequence[str], keys: Sequence[str], *, fixed: Mapping[str, str] = FIXED) -> str:
    """A query for the rows of files, a column for each key, and `filename`.

    The columns of the keys are k0, k1, ...: SQL knows no difference between `train/Loss` and `train/loss`.
    """
    if not files:
        nothing = [f"NULL::{kind} AS {name}" for name, kind in fixed.items()]
        nothing += [f"NULL::DOUBLE AS k{at}" for at in range(len(keys))]
        return f"SELECT {', '.join(nothing)}, '' AS filename WHERE false"
    if len({key.lower() for key in (*keys, *fixed)}) < len(keys) + len(fixed):
        return _by_extraction(files, keys, fixed)
    columns = {**fixed, **dict.fromkeys(keys, "DOUBLE")}
    declared = ", ".join(f"{text(name)}: '{kind}'" for name, kind in columns.items())
    named = [*fixed, *(f"{quoted(key)} AS k{at}" for at, key in enumerate(keys))]
    return (
        f"SELECT {', '.join(named)}, filename FROM read_json({text_list(files)}, {OPTIONS}, columns={{{declared}}})"
        f" WHERE {next(iter(fixed))} IS NOT NULL"
    )


def long_rows(wide: str, keys: Sequence[str], columns: Sequence[str]) -> str:
    """A query for one row a key and value, of a table with the columns k0, k1, ...; a key that a row lacks has none."""
    if not keys:
        return f"SELECT {', '.join(columns)}, NULL::VARCHAR AS key, NULL::DOUBLE AS value FROM {wide} WHERE false"
    values = ", ".join(f"k{at}" for at in range(len(keys)))
    return (
        f"SELECT * FROM (SELECT {', '.join(columns)}, unnest({text_list(keys)}) AS key, unnest([{values}]) AS value"
        f" FROM {wide}) WHERE value IS NOT NULL"
    )


def objects(files: Sequence[str]) -> str:
    """A query for whole lines, as `json`, with `filename`; torn ones are left out."""
    if not files:
        return "SELECT NULL::JSON AS json, '' AS filename WHERE false"
    return (
        f"SELECT json, filename FROM read_ndjson_objects({text_list(files)}, {OPTIONS})"
        " WHERE json IS NOT NULL AND json_type(json) = 'OBJECT'"
    )


def _by_extraction(files: Sequence[str], keys: Sequence[str], fixed: Mapping[str, str]) -> str:
    """As json_rows, slower: each value taken out of its line by its exact name."""
    values = [f"TRY_CAST(json->>{text(_pointer(name))} AS {kind}) AS {name}" for name, kind in fixed.items()]
    values += [f"TRY_CAST(json->>{text(_pointer(key))} AS DOUBLE) AS k{at}" for at, key in enumerate(keys)]
    rows = f"SELECT {', '.join(values)}, filename FROM ({objects(files)})"
    return f"SELECT * FROM ({rows}) WHERE {next(iter(fixed))} IS NOT NULL"


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")
