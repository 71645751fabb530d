"""Curves of several runs and parallel coordinates: the numbers behind the charts, which the browser draws with plotly.

The browser asks again while a run goes on; how much is sent at once is bounded.
"""

import math
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from harness.analysis import wide
from harness.analysis.curve_rows import curves_of
from harness.analysis.curves import MAX_CURVES, Curve, smoothed, thinned
from harness.analysis.overview import headline, overview
from harness.analysis.vary import Row, varying
from harness.look.lab_pages import number_link
from harness.look.sample_rows import run_path
from harness.look.server import page
from harness.look.tables import one_statement
from harness.rows import finite
from harness.state import state_of

FEW_CURVES = 6  # shown when nothing is chosen
MAX_POINTS = 2_000  # of one curve
MAX_LINES = 500  # runs in parallel coordinates
MAX_AXES = 9
ROWS_OF_A_PAGE = 200
LOSS = "train/loss"


def curves_page(request: Request) -> Response:
    """The form, the empty chart and the table below it; the browser asks for the numbers."""
    root, query = request.app.state.root, request.query_params
    runs = [run_path(root, run).name for run in query.getlist("run")[:MAX_CURVES]]

    def values(store: Any) -> dict[str, Any]:
        where = one_statement(query.get("where", "").strip())
        newest, total = wide.choose(store, where=where or None, sort=None, limit=200)
        metrics = wide.names(store)[2]
        metric = query.get("metric") or (LOSS if LOSS in metrics else next(iter(metrics), ""))
        chosen = runs or newest[: MAX_CURVES if where else FEW_CURVES]
        return {
            "where": where,
            "chosen": chosen,
            "offered": [*chosen, *(run for run in newest if run not in chosen)],
            "total": total,
            "metrics": metrics,
            "metric": metric,
            "smooth": _weight(query.get("smooth")),
            "log": query.getlist("log"),
            "max_curves": MAX_CURVES,
        }

    return page("curves.html", **request.app.state.tables.ask(values))


def curves_json(request: Request) -> Response:
    """The curves of some runs, thinned for the eye, and whether any of the runs goes on."""
    root, query = request.app.state.root, request.query_params
    runs = [run_path(root, run).name for run in query.getlist("run")[:MAX_CURVES]]
    metric, weight = query.get("metric", LOSS), _weight(query.get("smooth"))
    curves = request.app.state.tables.ask(lambda store: curves_of(store, runs, metric))
    return JSONResponse(
        {
            "metric": metric,
            "curves": [sent_curve(curve, weight, metric) for curve in curves],
            "is_live": any(state_of(root / run) == "running" for run in runs),
        }
    )


def parallel_page(request: Request) -> Response:
    """Every run as a line through its hyperparameters to a metric."""
    query = request.query_params

    def values(store: Any) -> dict[str, Any]:
        where = one_statement(query.get("where", "").strip())
        names, total = wide.choose(store, where=where or "profile IS NULL", sort=None, limit=MAX_LINES)
        metrics = wide.names(store)[2]
        shown = headline(store, names) if names else []
        metric = query.get("metric") or next((key for key in shown if key.startswith("eval/")), (shown or [""])[0])
        return {
            "where": where,
            "metric": metric,
            "metrics": metrics,
            "total": total,
            "num_runs": len(names),
            **parallel_axes(overview(store, names, [metric]) if names and metric else [], metric),
            "number_link": number_link,
        }

    return page("parallel.html", **request.app.state.tables.ask(values))


def parallel_axes(rows: Sequence[dict[str, Any]], metric: str) -> dict[str, Any]:
    """The axes, those first that did most, and a line for each run that has the metric."""
    measured = [
        Row(
            run=row["run"],
            experiment=row["experiment"],
            parent=row["parent_run"],
            config=row["config"],
            metric=row["metrics"][metric]["last"],
        )
        for row in rows
        if _is_finite((row["metrics"].get(metric) or {}).get("last"))
    ]
    keys = [one.keys[0] for one in varying(measured)][:MAX_AXES]
    lines = [
        {
            "run": row.run,
            "experiment": row.experiment,
            "values": [row.config.get(key) for key in keys],
            "metric": row.metric,
        }
        for row in measured
    ]
    return {"axes": [*keys, metric], "lines": lines}


def rows_page(request: Request) -> Response:
    """The rows of one metric of one run, as they were written, a page at a time."""
    from harness.look.sample_pages import heading

    run, query = request.path_params["run"], request.query_params
    key = query.get("key", LOSS)
    number = int(query["page"]) if query.get("page", "").isdecimal() and len(query["page"]) < 8 else 1
    rows = request.app.state.tables.ask(
        lambda store: store.execute(
            "SELECT step, value, seg, make_timestamp((t * 1e6)::BIGINT) FROM metrics WHERE run = ? AND key = ? "
            "ORDER BY step LIMIT ? OFFSET ?",
            [run, key, ROWS_OF_A_PAGE + 1, (max(1, number) - 1) * ROWS_OF_A_PAGE],
        ).fetchall()
    )
    has_more = len(rows) > ROWS_OF_A_PAGE
    shown = rows[:ROWS_OF_A_PAGE]
    return page("rows.html", **heading(request, run), tab="", key=key, rows=shown, number=number, has_more=has_more)


def sent_curve(curve: Curve, weight: float, metric: str) -> dict[str, Any]:
    """One curve as JSON; what is not finite is a gap, and its number is said."""
    shown = thinned(smoothed(curve, weight) if weight else curve, MAX_POINTS)
    last = curve.values[-1] if curve.values else None
    return {
        "run": curve.run,
        "experiment": curve.experiment,
        "steps": list(shown.steps),
        "values": [value if _is_finite(value) else None for value in shown.values],
        "num_rows": len(curve.steps),
        "last_step": curve.steps[-1] if curve.steps else None,
        "last": finite(last),
        "rows": number_link(curve.run, metric),
    }


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _weight(text: str | None) -> float:
    try:
        weight = float(text or 0)
    except ValueError:
        return 0.0
    return weight if 0 <= weight < 1 else 0.0
