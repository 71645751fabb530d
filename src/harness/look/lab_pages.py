"""The lab: every run in a table, and the tree that the experiments span."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from harness.analysis import wide
from harness.analysis.find import parent_of
from harness.analysis.overview import headline, overview
from harness.analysis.seeds import Replicates, Science, SeededRun, replicates
from harness.launch import Refused
from harness.lineage import Name, tree_lines
from harness.look.edges import edge_words
from harness.look.sample_rows import run_path
from harness.look.server import page
from harness.look.tables import one_statement

PAGE_SIZE = 50
MAX_KEYS_OFFERED = 300
MAX_KEYS_SHOWN = 20
MAX_TREE = 1_000  # experiments of one tree page, the newest
MAX_GROUPED = 2_000  # runs that are looked through for equal configs


def lab_page(request: Request) -> Response:
    """The table of runs, or of configurations with their seeds together."""
    return page(
        "lab.html",
        **request.app.state.tables.ask(
            lambda store: lab_values(request.query_params, store, request.app.state.science)
        ),
    )


def lab_values(asked: Mapping[str, str], store: Any, science: Science) -> dict[str, Any]:
    """All that the table shows; `asked` is what the address says."""
    query = QueryParams(asked)
    where, sort = (one_statement(query.get(name, "").strip()) for name in ("where", "sort"))
    names, total = wide.choose(store, where=where or None, sort=sort or None, limit=None)
    is_grouped = query.get("group") == "seeds"
    size = MAX_GROUPED if is_grouped else PAGE_SIZE
    number = _page(query.get("page"), total, size)
    chosen = names[(number - 1) * size : number * size]
    _, hparams, metrics = wide.names(store)
    known = [*metrics, *hparams]
    keys = [key for key in query.getlist("column") if key in known][:MAX_KEYS_SHOWN] or headline(store, chosen)
    rows = overview(store, chosen, keys) if chosen else []
    return {
        "where": where,
        "sort": sort,
        "total": total,
        "page": number,
        "num_pages": max(1, -(-total // size)),
        "keys": keys,
        "offered": [*keys, *(key for key in known if key not in keys)][:MAX_KEYS_OFFERED],
        "rows": [] if is_grouped else rows,
        "groups": _groups(rows, science, is_sorted=bool(sort)) if is_grouped else [],
        "is_grouped": is_grouped,
        "link": lambda **change: "?" + _with(query, change),
        "number_link": number_link,
    }


def number_link(run: str, key: str, *, order: str = "worst") -> str:
    """The address of the raw rows behind a metric of a run."""
    parts = key.split("/")
    if parts[0] == "eval" and len(parts) == 3:
        said = urlencode({"order": order, "by": parts[2]}, errors="replace")
        return f"/run/{quote(run)}/eval/{quote(parts[1], safe='')}?{said}"
    return f"/run/{quote(run)}/rows?key={quote(key, safe='')}"


def tree_page(request: Request) -> Response:
    """The tree of experiments, each with what it changed and what that did."""
    return page("tree.html", **request.app.state.tables.ask(tree_values))


def tree_values(store: Any) -> dict[str, Any]:
    """A line for each experiment, by its newest run; runs with a profile are left out."""
    newest = store.execute(
        "SELECT number, arg_max(run, (state = 'finished')::INTEGER || created::VARCHAR), any_value(parent), "
        "any_value(change) FROM runs WHERE number IS NOT NULL AND profile IS NULL GROUP BY number "
        "ORDER BY number DESC LIMIT ?",
        [MAX_TREE],
    ).fetchall()
    run_of = {number: run for number, run, *_ in newest}
    names = [Name(parent=parent, change=change or "", number=number) for number, _, parent, change in newest]
    runs = list(run_of.values())
    keys = headline(store, runs) if runs else []
    told = {row["run"]: row for row in overview(store, runs, keys)} if runs else {}
    lines = [{"branch": branch, "name": name, **told[run_of[name.number]]} for branch, name in tree_lines(names)]
    return {"lines": lines, "keys": keys, "is_cut": len(newest) == MAX_TREE, "number_link": number_link}


def edge_json(request: Request) -> Response:
    """What a run did against its parent, item by item: asked for when its line of the tree comes into sight."""
    root, run = request.app.state.root, request.path_params["run"]
    parent = parent_of(root, run_path(root, run).name)
    return JSONResponse({"words": edge_words(parent, root / run) if parent else []})


def _groups(rows: Sequence[Mapping[str, Any]], science: Science, *, is_sorted: bool) -> list[Replicates]:
    """Runs that differ in their seed alone, together; in the order of their first runs where one was asked for."""
    groups = replicates(
        [
            SeededRun(
                run=row["run"],
                experiment=row["experiment"],
                config=row["config"],
                metrics={
                    key: measured["last"]
                    for key, measured in row["metrics"].items()
                    if measured and isinstance(measured["last"], int | float)
                },
            )
            for row in sorted(rows, key=lambda row: str(row["created"]))
            if row["state"] == "finished"
        ],
        science=science,
    )
    places = {row["run"]: place for place, row in enumerate(rows)}
    return sorted(groups, key=lambda group: min(places[run] for run in group.runs)) if is_sorted else groups


def _page(text: str | None, total: int, size: int) -> int:
    wanted = int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 1
    return min(max(1, wanted), max(1, -(-total // size)))


def _with(query: QueryParams, change: Mapping[str, Any]) -> str:
    """The address's own words with some of them changed."""
    kept = [(key, value) for key, value in query.multi_items() if key not in change]
    return urlencode([*kept, *((key, value) for key, value in change.items() if value not in (None, ""))])


def eval_page(request: Request) -> Response:
    """Sends a number of an eval on to the samples of its last step."""
    from starlette.responses import RedirectResponse

    from harness.look.sample_rows import eval_steps

    root, path = request.app.state.root, request.path_params
    steps = [one for one in eval_steps(root, path["run"]) if one.eval == path["eval"]]
    if not steps:
        raise Refused(f"this run kept no samples of {path['eval']}")
    order = "worst" if request.query_params.get("order") == "worst" else "start"
    at = steps[0]
    query = urlencode({"order": order, "by": request.query_params.get("by", "")})
    return RedirectResponse(f"/run/{quote(at.run)}/samples/{quote(at.eval, safe='')}/{at.step}?{query}", 303)
