"""The pages of raw samples, which are a run's first page, and what is said from there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from harness.analysis.find import parent_of
from harness.launch import Refused
from harness.look.choosing import MARKS, ORDERS, Choice, choose
from harness.look.marks import said_about, say
from harness.look.sample_rows import (
    MAX_ROWS,
    EvalStep,
    Samples,
    eval_steps,
    find_eval_step,
    first_eval_step,
    run_path,
    samples_of,
)
from harness.look.sample_view import sample_view
from harness.look.server import page, sent_json
from harness.state import state_of

MAX_LOOKS_KNOWN = 1_000_000  # samples that this session has counted as looked at


def run_page(request: Request) -> Response:
    """A run's first page: its samples, or that there are none."""
    root, run = request.app.state.root, request.path_params["run"]
    at = first_eval_step(root, run)
    return _samples_page(request, at) if at else page("no_samples.html", **heading(request, run), tab="samples")


def samples_page(request: Request) -> Response:
    """The samples of one eval at one step."""
    path = request.path_params
    return _samples_page(request, find_eval_step(request.app.state.root, path["run"], path["eval"], path["step"]))


def sample_page(request: Request) -> Response:
    """One sample, by its id or by its place."""
    root, path = request.app.state.root, request.path_params
    at = find_eval_step(root, path["run"], path["eval"], path["step"])
    samples = samples_of(root, at)
    place = _place(samples, request.query_params)
    view = sample_view(samples, place, said_about(root, at))
    return page(
        "sample.html", **heading(request, at.run), tab="samples", at=at, sample=view, num_rows=len(samples.rows)
    )


def _samples_page(request: Request, at: EvalStep) -> Response:
    root = request.app.state.root
    samples, said, choice = samples_of(root, at), said_about(root, at), _choice(request.query_params)
    chosen = choose(samples, choice, said)
    return page(
        "samples.html",
        **heading(request, at.run),
        tab="samples",
        at=at,
        steps=eval_steps(root, at.run),
        samples=samples,
        views=[sample_view(samples, place, said) for place in chosen.places],
        chosen=chosen,
        choice=choice,
        orders=ORDERS,
        marks=MARKS,
        tags=sorted({tag for one in said.values() for tag in one.tags}),
        link=lambda **change: "?" + urlencode({**vars(choice), **change}, errors="replace"),
        is_cut=len(samples.rows) == MAX_ROWS,
    )


def heading(request: Request, run: str) -> dict[str, Any]:
    """What every page of a run says at its top."""
    root = request.app.state.root
    path = run_path(root, run)
    parent = parent_of(root, run)
    return {"run": run, "state": state_of(path), "parent": parent.name if parent else None}


async def say_from_page(request: Request) -> Response:
    """Writes down what was said about samples, then answers with what stands."""
    sent = await sent_json(request)
    return JSONResponse(await run_in_threadpool(_said, request, sent))


def _said(request: Request, sent: Mapping[str, Any]) -> dict[str, Any]:
    root: Path = request.app.state.root
    texts = [sent.get(name, "") for name in ("run", "eval", "event", "text")]
    step, places = sent.get("step"), sent.get("places")
    if (
        not all(isinstance(text, str) for text in texts)
        or not isinstance(step, int)
        or not isinstance(places, list)
        or not all(isinstance(place, int) for place in places)
    ):
        raise Refused("this cannot be said about samples")
    run, name, event, text = texts
    at = find_eval_step(root, run, name, step)
    samples = samples_of(root, at)
    if not all(0 <= place < len(samples.rows) for place in places):
        raise Refused("there is no such sample")
    if event == "looked":
        places = _new_looks(request, at, places)
    if places:
        say(root, at, [samples.rows[place] for place in places], event, text)
    said = said_about(root, at)
    views = [sample_view(samples, place, said) for place in places]
    return {"samples": [{"place": view.place, **vars(view.said)} for view in views]}


def _new_looks(request: Request, at: EvalStep, places: list[int]) -> list[int]:
    """Those not counted yet since the page was started: a reload is no second look."""
    known = request.app.state.looks
    new = [place for place in dict.fromkeys(places) if (at, place) not in known]
    if len(known) < MAX_LOOKS_KNOWN:
        known.update((at, place) for place in new)
    return new


def _choice(query: Mapping[str, str]) -> Choice:
    """What the address asks for; what makes no sense there is as if it were not there."""
    return Choice(
        order=query.get("order", "") if query.get("order") in ORDERS else "start",
        by=query.get("by", ""),
        seed=_whole(query.get("seed"), 0),
        search=query.get("search", "")[:1_000],
        mark=query.get("mark", "") if query.get("mark") in MARKS else "",
        tag=query.get("tag", ""),
        page=_whole(query.get("page"), 1),
    )


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _place(samples: Samples, query: Mapping[str, str]) -> int:
    """The place of a row that is named by its place (`at`), or by its id."""
    if "at" in query:
        place = _whole(query["at"], -1)
        if 0 <= place < len(samples.rows):
            return place
    for place, row in enumerate(samples.rows):
        if "id" in query and query["id"] in (str(row.get("id", "")), samples.at.address(row).partition("#")[2]):
            return place
    raise Refused("no such sample")
