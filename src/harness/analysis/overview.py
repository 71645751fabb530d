"""The table of runs: what each changed against its parent, how it stands, what came of it, and whether anyone looked.

One row of plain data a run, from a few questions to the store; the text of it for a terminal.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.config_changes import folded
from harness.analysis.numbers import duration, short, signed
from harness.analysis.screen import Column, fitted

LOSS = "train/loss"
MAX_EVALS_SHOWN = 2
LOWER_IS_BETTER = ("loss", "bits_per_byte", "bits_per_token", "perplexity", "error", "seconds")


def overview(connection: Any, runs: Sequence[str], keys: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each run, in the order given; `keys` are the metrics and hyperparameters to show."""
    chosen = list(runs)
    facts = _by_run(
        connection,
        "SELECT run, experiment, state, seconds, num_looked, tags, step, parent_run, created, why FROM runs "
        "LEFT JOIN (SELECT run, parent_run FROM lineage) USING (run) WHERE run IN (SELECT unnest(?))",
        chosen,
    )
    parents = [row["parent_run"] for row in facts.values() if row["parent_run"]]
    configs = _configs(connection, [*chosen, *parents])
    metrics = _summaries(connection, [*chosen, *parents], keys)
    evals = dict(
        connection.execute(
            "SELECT run, count(DISTINCT eval) FROM evals WHERE run IN (SELECT unnest(?)) GROUP BY run", [chosen]
        ).fetchall()
    )
    rows = []
    for run in chosen:
        parent = facts[run]["parent_run"]
        config, of_parent = configs.get(run, {}), metrics.get(parent, {})
        rows.append(
            {
                **facts[run],
                "config": config,
                "changed": folded(configs.get(parent, {}), config) if parent else "",
                "metrics": {key: _measured(key, metrics.get(run, {}), of_parent) for key in keys if key not in config},
                "hparams": {key: config[key] for key in keys if key in config},
                "evals": evals.get(run, 0),
            }
        )
    return rows


def headline(connection: Any, runs: Sequence[str]) -> list[str]:
    """The metrics shown unless others are asked for: the loss, and of the commonest evals what each names first."""
    results = connection.execute(
        "SELECT eval, arg_max(result, step), count(DISTINCT run) FROM evals WHERE run IN (SELECT unnest(?)) "
        "GROUP BY eval ORDER BY 3 DESC, eval",
        [list(runs)],
    ).fetchall()
    firsts = [(name, next(iter(json.loads(result)["metrics"]), None)) for name, result, _ in results]
    of_evals = [f"eval/{name}/{first}" for name, first in firsts if first is not None]
    keys = [LOSS, *sorted(of_evals[:MAX_EVALS_SHOWN], key=lambda key: not lower_is_better(key))]
    measured = "SELECT DISTINCT key FROM summaries WHERE key IN (SELECT unnest(?))"
    known = {key for (key,) in connection.execute(measured, [keys]).fetchall()}  # a run may die before it says so
    return [key for key in keys if key in known]


def overview_text(rows: Sequence[Mapping[str, Any]], width: int) -> tuple[str, list[str]]:
    """The table for a terminal, and the titles of the columns that found no room."""
    columns = [
        Column(title="experiment", cells=[row["experiment"] for row in rows], right=False, least=18),
        Column(title="changed", cells=[row["changed"] for row in rows], right=False, least=15),
        Column(title="state", cells=[row["state"] for row in rows], right=False),
    ]
    for rank, key in enumerate(dict.fromkeys(key for row in rows for key in row["metrics"])):
        columns += _metric_columns(key, [row["metrics"].get(key, {}) for row in rows], rank)
    for key in dict.fromkeys(key for row in rows for key in row["hparams"]):
        columns.append(Column(title=key, cells=[short(row["hparams"].get(key)) for row in rows]))
    columns += [
        Column(title="evals", cells=[str(row["evals"]) for row in rows], need=5),
        Column(title="time", cells=[duration(row["seconds"]) for row in rows], need=4),
        Column(title="looked", cells=[str(row["num_looked"]) for row in rows], need=1),
        Column(title="tags", cells=[" ".join(row["tags"] or []) for row in rows], right=False, need=6),
    ]
    return fitted(columns, width)


def _metric_columns(key: str, cells: Sequence[Mapping[str, Any]], rank: int) -> list[Column]:
    """Last value, difference to the parent, and the best value where any run's best was not its last."""
    name = key.rpartition("/")[2]
    columns = [
        Column(title=name, cells=[short(cell.get("last")) for cell in cells], need=0 if rank < 2 else 8),
        Column(title="Δ", cells=[signed(cell.get("delta")) for cell in cells], need=(3, 0)[rank] if rank < 2 else 9),
    ]
    if any(cell.get("best") != cell.get("last") for cell in cells):
        columns.append(Column(title="best", cells=[short(cell.get("best")) for cell in cells], need=7))
    return columns


def _measured(key: str, mine: Mapping[str, Any], of_parent: Mapping[str, Any]) -> dict[str, float | None]:
    if key not in mine:
        return {}
    last, lowest, highest = mine[key]
    delta = last - of_parent[key][0] if key in of_parent and None not in (last, of_parent[key][0]) else None
    return {"last": last, "best": lowest if lower_is_better(key) else highest, "delta": delta}


def lower_is_better(key: str) -> bool:
    """Whether less of a metric is more, as its name says."""
    return key.endswith(LOWER_IS_BETTER)


def _by_run(connection: Any, sql: str, runs: list[str]) -> dict[str, dict[str, Any]]:
    result = connection.execute(sql, [runs])
    names = [column[0] for column in result.description]
    return {row[0]: dict(zip(names, row, strict=True)) for row in result.fetchall()}


def _configs(connection: Any, runs: list[str]) -> dict[str, dict[str, Any]]:
    configs: dict[str, dict[str, Any]] = {}
    rows = connection.execute("SELECT run, key, value FROM configs WHERE run IN (SELECT unnest(?))", [runs]).fetchall()
    for run, key, value in rows:
        configs.setdefault(run, {})[key] = json.loads(value)
    return configs


def _summaries(connection: Any, runs: list[str], keys: Sequence[str]) -> dict[str, dict[str, tuple[float, ...]]]:
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    rows = connection.execute(
        "SELECT run, key, last, min, max FROM summaries WHERE run IN (SELECT unnest(?)) AND key IN (SELECT unnest(?))",
        [runs, list(keys)],
    ).fetchall()
    for run, key, *values in rows:
        found.setdefault(run, {})[key] = tuple(values)
    return found
