"""The facts of runs as columns, table by table: what goes into DuckDB without a row of metrics being read.

Each function takes runs and gives `{column: list}`; the types stand in TYPES. Values are plain Python.
"""

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.lineage import parse_name
from harness.rows import finite
from harness.runs.facts import Facts, whole
from harness.runs.fitting import fitted
from harness.state import ENDS, STARTS

Columns = dict[str, list[Any]]
Config = Mapping[str, tuple[Any, str | None]]

# Names and types in SQL of each table, in the order of its columns.
TYPES = {
    table: dict(column.split() for column in columns.split(", "))
    for table, columns in {
        "runs": "run VARCHAR, experiment VARCHAR, number INTEGER, parent INTEGER, change VARCHAR, profile VARCHAR, "
        "state VARCHAR, reason VARCHAR, step BIGINT, segments INTEGER, created TIMESTAMP, started TIMESTAMP, "
        "ended TIMESTAMP, seconds DOUBLE, tokens BIGINT, why VARCHAR, command VARCHAR, host VARCHAR, commit VARCHAR, "
        "dirty BOOLEAN, device VARCHAR, precision VARCHAR, num_processes INTEGER, num_parameters BIGINT, "
        "science VARCHAR, torn_lines BIGINT, problems VARCHAR, path VARCHAR",
        "configs": "run VARCHAR, key VARCHAR, value JSON, origin VARCHAR",
        "summaries": "run VARCHAR, key VARCHAR, last DOUBLE, last_step BIGINT, min DOUBLE, min_step BIGINT, "
        "max DOUBLE, max_step BIGINT, n BIGINT, not_finite BIGINT",
        "metrics": "run VARCHAR, key VARCHAR, step BIGINT, t DOUBLE, seg BIGINT, value DOUBLE",
        "system": "run VARCHAR, key VARCHAR, t DOUBLE, seg BIGINT, step BIGINT, value DOUBLE",
        "checkpoints": "run VARCHAR, step BIGINT, path VARCHAR, seconds DOUBLE, bytes BIGINT, sha256 VARCHAR, t DOUBLE",
        "events": "run VARCHAR, line BIGINT, event VARCHAR, t DOUBLE, seg BIGINT, step BIGINT, row JSON",
        "evals": "run VARCHAR, eval VARCHAR, step BIGINT, metric VARCHAR, value DOUBLE, num_rows BIGINT, "
        "seconds DOUBLE, result JSON",
        "samples": "run VARCHAR, eval VARCHAR, step BIGINT, id VARCHAR, row JSON",
    }.items()
}


def run_columns(runs: Sequence[Facts]) -> Columns:
    """One row a run."""
    return _transposed(TYPES["runs"], map(_run_row, runs))


def config_columns(configs: Mapping[str, Config]) -> Columns:
    """One row a key of a run; a value that is not there today any more is not in it."""
    rows = [
        (run, key, plain(value), origin) for run, config in configs.items() for key, (value, origin) in config.items()
    ]
    return zipped(TYPES["configs"], rows)


def hparam_columns(configs: Mapping[str, Config]) -> tuple[dict[str, str], Columns]:
    """The types of all keys, and one row a run."""
    names = apart(dict.fromkeys(key for config in configs.values() for key in config), ["run"])
    columns: Columns = {"run": list(configs)}
    types = {"run": "VARCHAR"}
    for key, name in names.items():
        values = [config[key][0] if key in config else None for config in configs.values()]
        types[name] = kind = _type_of(values)
        columns[name] = fitted(kind, values)
    return types, columns


def apart(keys: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """The column of each key. Keys that differ in case alone get a number: SQL knows no case."""
    counted, names = Counter(taken), {}
    for key in keys:
        counted[key.lower()] += 1
        names[key] = f"{key} ({counted[key.lower()]})" if counted[key.lower()] > 1 else key
    return names


def summary_columns(runs: Iterable[Facts]) -> Columns:
    """One row a metric of each run that has a summary."""
    names = list(TYPES["summaries"])[2:]
    rows = [
        (facts.run, key, *(entry.get(name) for name in names[:-1]), entry.get("not_finite", 0))
        for facts in runs
        if facts.summary is not None
        for key, entry in facts.summary["metrics"].items()
        if isinstance(entry, dict)
    ]
    return zipped(TYPES["summaries"], rows)


def eval_point_columns(runs: Iterable[Facts]) -> Columns:
    """What evals gave over the steps, from the events; of an eval that was run twice at a step, the later one."""
    points: dict[tuple[str, str, int], tuple[Any, ...]] = {}
    for facts in runs:
        for row in _kept(facts, "evaluated"):
            step, metrics = whole(row, "step"), row.get("metrics")
            for key, value in metrics.items() if isinstance(metrics, dict) else ():
                points[facts.run, key, step] = (facts.run, key, step, row.get("t"), whole(row, "seg"), value)
    return zipped(TYPES["metrics"], list(points.values()))


def checkpoint_columns(runs: Iterable[Facts]) -> Columns:
    """One row a checkpoint that was whole."""
    names = list(TYPES["checkpoints"])[1:]
    return zipped(
        TYPES["checkpoints"],
        [(facts.run, *map(row.get, names)) for facts in runs for row in _kept(facts, "checkpoint")],
    )


def event_columns(runs: Iterable[Facts]) -> Columns:
    """One row an event, undone ones too: they are what happened."""
    names = ("event", "t", "seg", "step")
    return zipped(
        TYPES["events"],
        [(facts.run, at, *map(row.get, names), plain(row)) for facts in runs for at, row in enumerate(facts.events)],
    )


def plain(value: Any) -> str:
    """A value as JSON."""
    return json.dumps(finite(value), ensure_ascii=False, allow_nan=False)


def _run_row(facts: Facts) -> dict[str, Any]:
    record, last = facts.record, facts.last_word
    experiment = str(record.get("experiment") or facts.run)
    base, _, profile = experiment.partition("+")
    name = parse_name(base)
    code = record.get("code") if isinstance(record.get("code"), dict) else {}
    starts = [row for row in facts.events if row.get("event") in STARTS]
    ended = last if last.get("event") in ENDS else {}
    summary, prints = facts.summary or {}, record.get("fingerprints")
    return {
        "run": facts.run,
        "experiment": experiment,
        "number": name and name.number,
        "parent": name and name.parent,
        "change": name and name.change,
        "profile": profile or None,
        "state": facts.state,
        "reason": ended.get("reason"),
        "step": _last_step(facts),
        "segments": len(starts),
        "created": record.get("created"),
        "started": starts[0].get("t") if starts else None,
        "ended": ended.get("t"),
        "seconds": summary.get("wall_seconds", _seconds(facts)),
        "tokens": summary.get("tokens"),
        "why": record.get("why"),
        "command": _command(record.get("command")),
        "host": starts[-1].get("host") if starts else None,
        "commit": (code or {}).get("commit"),
        "dirty": (code or {}).get("dirty"),
        **{key: record.get(key) for key in ("device", "precision", "num_processes", "num_parameters")},
        "science": prints.get("science") if isinstance(prints, dict) else None,
        "torn_lines": facts.num_torn,
        "problems": "; ".join(facts.problems) or None,
        "path": facts.path,
    }


def _last_step(facts: Facts) -> int | None:
    """The last step that was done and not undone."""
    closed = (facts.summary or {}).get("step")
    if isinstance(closed, int):
        return closed
    row = facts.last_row or {}
    done = [entry for entry in (*facts.events, facts.beat or {}) if "step" in entry]
    if row:
        done.append(row | {"step": whole(row, "step") + 1 - facts.first_step})
    return max((whole(entry, "step") for entry in done if facts.is_kept(entry)), default=None)


def _seconds(facts: Facts) -> float | None:
    """The time of all segments, each from its start to the last thing known of it, by the run's own clock."""
    total, start, last = 0.0, None, None
    sign_of_life = {} if facts.last_word.get("event") in ENDS else facts.beat or facts.last_row or {}
    for row in (*facts.events, sign_of_life):
        moment = row.get("t")
        if not isinstance(moment, int | float):
            continue
        if row.get("event") in STARTS:
            total += max(0.0, last - start) if start is not None and last is not None else 0.0
            start = moment
        last = moment
    return None if start is None or last is None else total + max(0.0, last - start)


def _kept(facts: Facts, event: str) -> Iterable[dict[str, Any]]:
    return (row for row in facts.events if row.get("event") == event and facts.is_kept(row))


def _command(value: Any) -> str | None:
    return shlex.join(map(str, value)) if isinstance(value, list) else value if isinstance(value, str) else None


def _type_of(values: Iterable[Any]) -> str:
    """The type that holds all values; words where they disagree."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        return "BIGINT" if all(value is None or abs(value) < 2**63 for value in values) else "DOUBLE"
    return "DOUBLE" if kinds and kinds <= {int, float} else "VARCHAR"


def _transposed(types: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> Columns:
    kept = list(rows)
    return {name: fitted(kind, [row[name] for row in kept]) for name, kind in types.items()}


def zipped(types: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> Columns:
    """Rows as columns that fit their types."""
    if not rows:
        return {name: [] for name in types}
    columns = zip(types.items(), zip(*rows, strict=True), strict=True)
    return {name: fitted(kind, list(column)) for (name, kind), column in columns}
