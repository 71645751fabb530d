"""Closed runs sent to another tracker after the fact: mlflow or wandb, as far as those can hold them.

    backfill("runs", "mlflow", mlflow_uri="sqlite:///mlflow.db", project="study")     -> ids of the runs that were sent

Hparams, every step of every metric, tags, the name and the reason go along; raw samples, code and checkpoints stay. A
run that mlflow has already is left alone, so it may be run again. wandb is written offline, for `wandb sync`.
"""

# ruff: noqa: S608 - a condition on runs is SQL, as its user says it

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from harness.launch import Refused
from harness.runs.facts import Upgrade
from harness.runs.store import open as open_runs

if TYPE_CHECKING:
    import duckdb

CLOSED = ("finished", "preempted", "failed")
ROWS_AT_A_TIME = 1_000  # of one request; mlflow takes no more
MAX_PARAMETER_CHARACTERS = 6_000  # mlflow refuses longer ones


@dataclass(frozen=True, kw_only=True)
class ClosedRun:
    """What another tracker is told of a run; `steps` gives (step, seconds since 1970, {key: value}) in order."""

    run: str
    state: str
    why: str
    started: float
    hparams: Mapping[str, Any]
    tags: list[str]
    steps: Callable[[], Iterator[tuple[int, float, dict[str, float]]]]


def backfill(
    runs_dir: str | os.PathLike[str],
    to: str,
    *,
    project: str,
    mlflow_uri: str | None = None,
    wandb_dir: str | None = None,
    where: str = "true",
    upgrade: Upgrade | None = None,
) -> list[str]:
    """Sends the closed runs that meet a condition on `runs`, and returns those that were sent, oldest first."""
    if to not in ("mlflow", "wandb"):
        raise Refused(f"{to!r}: runs can be sent to mlflow or wandb")
    if find_spec(to) is None:
        raise Refused(f"sending runs to {to} needs its package\n  help: pip install {to}")
    with closing(open_runs(runs_dir, upgrade=upgrade)) as connection:
        closed = list(_closed_runs(connection, where))
        if to == "mlflow":
            return _to_mlflow(closed, project, mlflow_uri)
        return _to_wandb(closed, project, wandb_dir or ".")


def _closed_runs(connection: "duckdb.DuckDBPyConnection", where: str) -> Iterator[ClosedRun]:
    states = ", ".join(f"'{state}'" for state in CLOSED)
    sql = (
        "SELECT run, state, coalesce(why, ''), coalesce(epoch(coalesce(started, created)), 0), tags FROM runs"
        f" WHERE state IN ({states}) AND ({where}) ORDER BY created, run"
    )
    for run, state, why, started, tags in connection.execute(sql).fetchall():
        result = connection.execute("SELECT * EXCLUDE (run) FROM hparams WHERE run = ?", [run])
        names = [column[0] for column in result.description or ()]
        values = zip(names, (result.fetchall() or [()])[0], strict=False)
        yield ClosedRun(
            run=run,
            state=state,
            why=why,
            started=started,
            hparams={name: value for name, value in values if value is not None},
            tags=tags,
            steps=lambda run=run: _steps(connection, run),  # type: ignore[misc]
        )


def _steps(connection: "duckdb.DuckDBPyConnection", run: str) -> Iterator[tuple[int, float, dict[str, float]]]:
    sql = "SELECT step, coalesce(t, 0), key, value FROM metrics WHERE run = ? ORDER BY step, key"
    at: tuple[int, float, dict[str, float]] | None = None
    for step, moment, key, value in connection.execute(sql, [run]).fetchall():
        if at is not None and at[0] != step:
            yield at
            at = None
        at = at or (step, moment, {})
        at[2][key] = value
    if at is not None:
        yield at


def _to_mlflow(closed: list[ClosedRun], project: str, uri: str | None) -> list[str]:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(tracking_uri=uri)
    known = client.get_experiment_by_name(project)
    experiment = known.experiment_id if known else client.create_experiment(project)
    sent = []
    for run in closed:
        if client.search_runs([experiment], f"tags.source_run = '{run.run.replace(chr(39), '')}'", max_results=1):
            continue
        made = client.create_run(experiment, start_time=int(run.started * 1000), run_name=run.run)
        parameters = [Param(key, str(value)[:MAX_PARAMETER_CHARACTERS]) for key, value in run.hparams.items()]
        for start in range(0, len(parameters), 100):
            client.log_batch(made.info.run_id, params=parameters[start : start + 100])
        tags = [RunTag("why", run.why), *(RunTag(f"tag.{tag}", "1") for tag in run.tags)]
        client.log_batch(made.info.run_id, tags=tags)
        values = [
            Metric(key, value, int(moment * 1000), step)
            for step, moment, row in run.steps()
            for key, value in row.items()
        ]
        for start in range(0, len(values), ROWS_AT_A_TIME):
            client.log_batch(made.info.run_id, metrics=values[start : start + ROWS_AT_A_TIME])
        client.set_tag(made.info.run_id, "source_run", run.run.replace("'", ""))  # last: now it is whole
        client.set_terminated(made.info.run_id, "FINISHED" if run.state == "finished" else "KILLED")
        sent.append(run.run)
    return sent


def _to_wandb(closed: list[ClosedRun], project: str, folder: str) -> list[str]:
    import wandb

    sent = []
    for run in closed:
        settings = wandb.Settings(
            mode="offline",
            silent=True,
            console="off",
            disable_code=True,  # the code, machine and load would be those of the sender
            disable_git=True,
            x_disable_meta=True,
            x_disable_stats=True,
        )
        name = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in run.run)
        writer = wandb.init(
            project=project,
            id=name,
            name=run.run,
            notes=run.why,
            tags=run.tags,
            config=dict(run.hparams),
            dir=folder,
            settings=settings,
        )
        for step, _, row in run.steps():
            writer.log({key: value for key, value in row.items() if not math.isnan(value)}, step=step)
        writer.finish(exit_code=0 if run.state == "finished" else 1)
        sent.append(run.run)
    return sent
