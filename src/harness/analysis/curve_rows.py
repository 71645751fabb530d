"""Curves out of the store: one question for a metric of all runs that are drawn."""

from collections.abc import Sequence
from typing import Any

from harness.analysis.curves import Curve
from harness.analysis.find import experiment_of


def curves_of(connection: Any, runs: Sequence[str], metric: str) -> list[Curve]:
    """A curve for each run that has the metric, in the order of the runs."""
    rows = connection.execute(
        "SELECT run, list(step ORDER BY step), list(value ORDER BY step) FROM metrics "
        "WHERE key = ? AND run IN (SELECT unnest(?)) GROUP BY run",
        [metric, list(runs)],
    ).fetchall()
    found = {
        run: Curve(run=run, experiment=experiment_of(run), steps=steps, values=values) for run, steps, values in rows
    }
    return [found[run] for run in runs if run in found]
