"""The page of a sitting: one pair at a time, each press stored before the next pair is sent.

Before the last vote no answer of these addresses holds the name of a run, a sample's id or a score: a repeat looks like
any other pair. The frame around it (who may ask, what a text may do) is harness.look's.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from harness.look.security import Guard
from harness.look.server import bare_app, page, rendered, sent_json, serve
from harness.rating.result import result
from harness.rating.result_text import as_text
from harness.rating.sitting import NotNext, Sitting
from harness.rating.votes import is_choice

PAGE = "/rate"


def serve_sitting(sitting: Sitting, root: Path, *, port: int, is_opened: bool) -> None:
    """Serves this sitting and no other page, until it is interrupted. Raises Refused for a port that is taken."""

    def make(token: str) -> ASGIApp:
        return Guard(bare_app(rating_routes(sitting, root)), token)

    serve(make, port=port, page=PAGE, is_opened=is_opened)


def rating_routes(sitting: Sitting, root: Path) -> list[BaseRoute]:
    """The addresses of one sitting. Every change is made in the one thread of the server, so no two can mix."""

    async def show(_: Request) -> Response:
        return page("rate.html", eval=sitting.pairs.eval, pair=await _pair(sitting, root))

    async def vote(request: Request) -> Response:
        sent = await sent_json(request)
        choice, milliseconds = sent.get("choice"), sent.get("ms")
        if not is_choice(choice) or type(milliseconds) is not int:
            raise HTTPException(400, "a vote needs a choice and its milliseconds")
        return await _done(sitting, root, lambda: sitting.vote(_index(sent), choice, milliseconds))

    async def undo(request: Request) -> Response:
        sent = await sent_json(request)
        return await _done(sitting, root, lambda: sitting.undo(_index(sent)), said="taken back")

    async def note(request: Request) -> Response:
        sent = await sent_json(request)
        text = sent.get("text")
        if not isinstance(text, str):
            raise HTTPException(400, "a note needs a text")
        return await _done(sitting, root, lambda: sitting.note(_index(sent), text), said="noted")

    return [
        Route(PAGE, show),
        Route(f"{PAGE}/vote", vote, methods=["POST"]),
        Route(f"{PAGE}/undo", undo, methods=["POST"]),
        Route(f"{PAGE}/note", note, methods=["POST"]),
    ]


async def _done(sitting: Sitting, root: Path, change: Callable[[], None], *, said: str = "") -> Response:
    """Makes a change, then answers with the pair that is next; with why, if the change was refused."""
    status = 200
    try:
        change()
    except NotNext as refused:
        said, status = str(refused), 409
    except ValueError as refused:
        said, status = str(refused), 400
    except OSError as error:
        said, status = f"not stored: {error.strerror or error}", 507
    html = await _pair(sitting, root)
    return JSONResponse({"html": html, "said": said}, status, headers={"cache-control": "no-store"})


async def _pair(sitting: Sitting, root: Path) -> str:
    """What is to be seen now, as HTML: the next pair, or after the last one the result."""
    index, total = sitting.num_done, len(sitting)
    if sitting.is_done:
        pairs = sitting.pairs
        found = await run_in_threadpool(result, root / pairs.a, root / pairs.b, pairs.eval)
        return rendered("rate_done.html", text=as_text(found), total=total)
    prompt, left, right = sitting.pair(index)
    return rendered("rate_pair.html", index=index, total=total, prompt=prompt, left=left, right=right)


def _index(sent: dict[str, Any]) -> int:
    index = sent.get("index")
    if type(index) is not int:
        raise HTTPException(400, "which pair?")
    return index
