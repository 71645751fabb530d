"""The page's frame: an application over one folder of runs, its templates and files, and how it is served.

`make_app` is all that another page of the project needs: it takes more routes, which get the same guard, templates and
errors. Nothing is served by its path on disk but the files in static/ and plotly's own.
"""

import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from harness.analysis.numbers import duration, short, signed
from harness.analysis.seeds import Science
from harness.launch import Refused
from harness.look.security import Guard
from harness.look.tables import Tables
from harness.look.visible import breakable, folded, plain, visible
from harness.runs.facts import Upgrade

HERE = Path(__file__).parent
MAX_BODY_BYTES = 64_000  # of what a page sends
KEPT = "public, max-age=31536000, immutable"  # plotly.min.js has its version in its address


def make_app(
    root: Path,
    token: str,
    *,
    routes: Sequence[BaseRoute] = (),
    science: Science = dict,
    upgrade: Upgrade | None = None,
    starts_tables: bool = False,
) -> ASGIApp:
    """The page over the runs in `root`, for whoever has the token. `routes` come before its own.

    `science` gives what of a config changes what is learnt, `upgrade` takes an older run's config to today's names.
    `starts_tables` opens the whole store at once; without it the first page that asks many runs does.
    """
    from harness.look.pages import page_routes

    app = bare_app([*routes, *page_routes()])
    app.state.root = root.absolute()
    app.state.tables = Tables(app.state.root, upgrade)
    if starts_tables:
        threading.Thread(target=app.state.tables.first, daemon=True).start()  # while the browser starts
    app.state.science, app.state.upgrade = science, upgrade
    app.state.looks = set()  # samples counted as looked at since the start
    return Guard(app, token)


def bare_app(routes: Sequence[BaseRoute]) -> Starlette:
    """Routes with the frame's files and its way of telling errors, and nothing of the runs; a Guard goes around it."""
    return Starlette(
        routes=[
            *routes,
            Route("/static/plotly.min.js", plotly_file),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={Refused: _refused, HTTPException: _failed, Exception: _broken},
    )


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


def serve(make: Callable[[str], ASGIApp], *, port: int, page: str, is_opened: bool) -> None:
    """Serves the application that `make` gives for a token, until it is interrupted.

    The address of `page` is printed, with the token, and opened in a browser. Port 0 is any free one. Raises Refused
    for a port that is taken.
    """
    import uvicorn

    token = new_token()
    listening = _listening(port)
    start = f"http://127.0.0.1:{listening.getsockname()[1]}{page}"
    address = f"{start}{'&' if '?' in page else '?'}token={token}"
    print(f"{address}\nfor this machine alone; Ctrl-C ends it", flush=True)
    if is_opened:
        webbrowser.open(address)
    config = uvicorn.Config(make(token), log_level="warning", access_log=False, server_header=False, ws="none")
    uvicorn.Server(config).run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Refused(f"port {port}: {reason}\n  help: leave --port out for any free one") from error


@cache
def templates() -> jinja2.Environment:
    """Every template escapes what it is given; a name that is not given is an error."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "visible": visible,
        "plain": plain,
        "breakable": breakable,
        "folded": folded,
        "short": short,
        "signed": signed,
        "duration": duration,
    }
    return found


def rendered(name: str, **values: Any) -> str:
    """A template with its values."""
    return templates().get_template(name).render(**values)


def page(name: str, *, status: int = 200, **values: Any) -> Response:
    """A page. Half a surrogate pair that came here on a way without marks becomes a question mark, never an error."""
    content = rendered(name, **values).encode("utf-8", "replace")
    return HTMLResponse(content, status, headers={"cache-control": "no-store"})


async def sent_json(request: Request) -> dict[str, Any]:
    """What a page has sent. Raises HTTPException for what is no JSON object, or too large."""
    import json

    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"more than {MAX_BODY_BYTES:,} bytes")
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "this is no JSON") from error
    if not isinstance(sent, dict):
        raise HTTPException(400, "this is no JSON object")
    return sent


def plotly_path() -> Path:
    """The JavaScript in plotly's Python package, which is not imported: that takes a second. Raises Refused."""
    spec = find_spec("plotly")
    places = (spec and spec.submodule_search_locations) or []
    found = [Path(place) / "package_data/plotly.min.js" for place in places]
    if not found or not found[0].is_file():
        raise Refused("charts need plotly\n  help: pip install 'falsework[ui]'")
    return found[0]


async def plotly_file(_: Request) -> Response:
    """Answers with plotly.min.js."""
    return FileResponse(await run_in_threadpool(plotly_path), headers={"cache-control": KEPT})


def _refused(request: Request, error: Exception) -> Response:
    """A wrong word in an address is told like a wrong word on the command line."""
    return _said(request, str(error), 404)


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _said(request, str(error.detail), error.status_code)


def _broken(_: Request, error: Exception) -> Response:
    """Our own mistake: the terminal has the traceback."""
    return PlainTextResponse(f"An error of the page itself ({type(error).__name__}); the terminal says more.", 500)


def _said(request: Request, text: str, status: int) -> Response:
    if "application/json" in request.headers.get("accept", "") or request.method == "POST":
        return JSONResponse({"error": plain(text)}, status)
    return page("said.html", status=status, text=text)
