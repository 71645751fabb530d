"""The questions of tools/runs to the whole store: each asks an open store and gives text, or JSON, and an exit code.

`options` is what was parsed. The code is 1 when there is nothing to show.
"""

import json
import math
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from harness.analysis import wide
from harness.analysis.curves import MAX_CURVES, smoothed
from harness.analysis.names import unknown
from harness.analysis.numbers import short
from harness.analysis.overview import headline, overview, overview_text
from harness.analysis.screen import Column, fitted, screen_width
from harness.launch import Refused
from harness.rows import finite

TABLE_LIMIT = 40  # runs in the table unless --limit says otherwise
MAX_PICTURE_WIDTH = 140  # of curves in letters; wider, they are mostly blanks
EXPORTS = (".parquet", ".csv")

Answer = tuple[str, int]


def answer(options: Namespace) -> int:
    """Answers what was asked, the table of runs when nothing was, and prints it."""
    _check(options)
    from harness.runs.duck import failures
    from harness.runs.fresh import ALL
    from harness.runs.source import source_of
    from harness.runs.store import asked

    try:
        text, code = asked(lambda store: _told(store, options), source_of(options.root), options.upgrade, None, ALL)
    except failures() as error:
        raise wide.refusal(error) from error
    print(text)
    return int(code)


def _check(options: Namespace) -> None:
    """What can be refused before anything is opened."""
    if not 0 <= options.smooth < 1:
        raise Refused(f"--smooth {options.smooth:g}: from 0 to below 1\n  help: --smooth 0.95")
    if (options.limit or 0) < 0:
        raise Refused(f"--limit {options.limit}: a number of runs\n  help: 0 is for all")
    if options.plot and not options.metrics:
        raise Refused("--plot draws curves\n  help: --metrics train/loss --plot loss.png")
    if options.plot:
        from harness.analysis.curve_picture import check_picture_name

        check_picture_name(options.plot)
    if options.export and options.export.suffix not in EXPORTS:
        raise Refused(f"{options.export}: a table ends in .parquet or .csv\n  help: --export runs.parquet")


def _told(store: Any, options: Namespace) -> Answer:
    wide.hold(store)
    if options.sql:
        return _sql(store, options)
    limit = options.limit
    if limit is None:
        limit = MAX_CURVES if options.metrics else 0 if options.vary or options.seeds or options.export else TABLE_LIMIT
    chosen, total = wide.choose(store, where=options.where, sort=options.sort, limit=limit or None)
    if not chosen:
        return f"no run in {options.root}" + (f" where {options.where}" if options.where else ""), 1
    left = f"\n{len(chosen):,} of {total:,} runs; --limit 0 is for all" if total > len(chosen) else ""
    if options.metrics:
        text, code = _curves(store, chosen, options)
    elif options.vary:
        text, code = _vary(store, chosen, options)
    elif options.seeds:
        text, code = _seeds(store, chosen, options)
    elif options.export:
        text, code = f"{options.export}: {len(chosen):,} runs, {wide.write(store, chosen, options.export)} columns", 0
    else:
        text, code = _table(store, chosen, options)
    return text + (left if options.format == "text" else ""), code


def _sql(store: Any, options: Namespace) -> Answer:
    names, rows = wide.ask(store, options.sql)
    code = 0 if rows else 1
    if options.format == "json":
        return _json([dict(zip(names, row, strict=True)) for row in rows]), code
    cells = [[row[at] for row in rows] for at in range(len(names))]
    columns = [
        Column(
            title=name,
            cells=[short(value) for value in values],
            right=_are_numbers(values),
            least=12,
            need=min(at, 1),
            asked=True,
        )
        for at, (name, values) in enumerate(zip(names, cells, strict=True))
    ]
    text, left_out = fitted(columns, screen_width())
    if left_out:
        text += f"\nno room for {len(left_out)} of {len(names)} columns: SELECT those to see; --format json has all"
    return text + ("" if rows else "\nno rows"), code


def _table(store: Any, chosen: Sequence[str], options: Namespace) -> Answer:
    _, hparams, metrics = wide.names(store)
    keys = options.columns or headline(store, chosen)
    _check_known(keys, [*hparams, *metrics])
    rows = overview(store, chosen, keys)
    if options.format == "json":
        return _json([{key: value for key, value in row.items() if key != "config"} for row in rows]), 0
    text, left_out = overview_text(rows, screen_width())
    return text + (f"\nno room for {', '.join(dict.fromkeys(left_out))}; --format json has all" if left_out else ""), 0


def _curves(store: Any, chosen: Sequence[str], options: Namespace) -> Answer:
    from harness.analysis.curve_rows import curves_of

    _check_known(options.metrics, wide.names(store)[2])
    if len(chosen) > MAX_CURVES:
        raise Refused(f"{len(chosen)} curves cannot be told apart\n  help: --where, or --limit {MAX_CURVES}")
    panels = {metric: curves_of(store, chosen, metric) for metric in options.metrics}
    if options.format == "json":
        return _json([{"metric": metric, **vars(curve)} for metric, curves in panels.items() for curve in curves]), 0
    log_steps, log_values = "x" in options.log, "y" in options.log
    if options.plot:
        from harness.analysis.curve_picture import curve_picture

        curve_picture(options.plot, panels, smoothing=options.smooth, log_steps=log_steps, log_values=log_values)
        return f"{options.plot}: {', '.join(options.metrics)} of {len(chosen)} runs", 0
    from harness.analysis.curve_text import curve_text

    width = min(screen_width(), MAX_PICTURE_WIDTH)
    pictures = [
        curve_text(
            metric,
            [smoothed(curve, options.smooth) for curve in curves],
            width=width,
            log_steps=log_steps,
            log_values=log_values,
        )
        for metric, curves in panels.items()
    ]
    return "\n\n".join(pictures), 0


def _vary(store: Any, chosen: Sequence[str], options: Namespace) -> Answer:
    from harness.analysis.vary import Row, varying
    from harness.analysis.vary_text import vary_text

    _check_known([options.vary], wide.names(store)[2])
    rows = [
        Row(
            run=row["run"],
            experiment=row["experiment"],
            parent=row["parent_run"],
            config=row["config"],
            metric=row["metrics"][options.vary]["last"],
        )
        for row in overview(store, chosen, [options.vary])
        if _is_finite(row["metrics"].get(options.vary, {}).get("last"))
    ]
    found = varying(rows)
    if options.format == "json":
        return _json([vars(one) | {"alone": [vars(each) for each in one.alone]} for one in found]), 0
    return vary_text(options.vary, found, num_runs=len(rows), width=screen_width()), 0 if found else 1


def _seeds(store: Any, chosen: Sequence[str], options: Namespace) -> Answer:
    from harness.analysis.seeds import SeededRun, replicates
    from harness.analysis.seeds_text import seeds_text

    keys = options.columns or headline(store, chosen)
    _check_known(keys, wide.names(store)[2])
    runs = [
        SeededRun(
            run=row["run"],
            experiment=row["experiment"],
            config=row["config"],
            metrics={key: measured["last"] for key, measured in row["metrics"].items() if measured},
        )
        for row in sorted(overview(store, chosen, keys), key=lambda row: str(row["created"]))
        if row["state"] == "finished"
    ]
    found = replicates(runs, science=options.science)
    code = 0 if any(len(group.seeds) > 1 for group in found) else 1
    if options.format == "json":
        return _json([vars(group) for group in found]), code
    return seeds_text(found, keys, width=screen_width()), code


def _check_known(keys: Sequence[str], known: Sequence[str]) -> None:
    for key in keys:
        if key not in known:
            raise unknown("metric or hyperparameter", key, known)


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)


def _json(rows: Sequence[Any]) -> str:
    return json.dumps(finite(rows), indent=1, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    """What JSON has no word for: times."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
