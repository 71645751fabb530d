"""Who may talk to the page: this machine, through an address that holds the token, and no other page of the browser.

The page shows what a model wrote, which is hostile until shown otherwise, and it writes into the store. So the name in
the Host header must be this machine's (a name that somebody else points here is refused), the token becomes a cookie
that no script and no other site gets, whatever changes something has to come from the page itself, and the browser is
told to run nothing but the page's own files.
"""

import hashlib
import hmac
import re
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
SAFE_METHODS = frozenset({"GET", "HEAD"})
OWN = frozenset({"same-origin", "none"})  # Sec-Fetch-Site of the page itself, and of an address typed by a person
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """An ASGI application in front of another: lets through what may be answered, and adds the headers above."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.token = app, token
        # Cookies know no port: two pages open at once must not overwrite each other's.
        self.cookie = "look_" + hashlib.sha256(token.encode()).hexdigest()[:12]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or refuses it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        answer = refusal(scope) or self._unknown(scope) or self.app

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await answer(scope, receive, send_guarded)

    def _unknown(self, scope: Scope) -> Response | None:
        """The answer to whoever has no cookie: with the right token the cookie, else a refusal."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None and scope["method"] in SAFE_METHODS and self._is_token(given):
            rest = urlencode([(key, value) for key, value in query if key != "token"])
            return self._welcome(scope["path"] + (f"?{rest}" if rest else ""))
        if self._is_token(HTTPConnection(scope).cookies.get(self.cookie, "")):
            return None
        text = (
            "This page needs the address that the tool has printed, with its token. Start the tool again for a new one."
        )
        return PlainTextResponse(text, 403)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.token.encode())

    def _welcome(self, address: str) -> Response:
        """Sets the cookie and goes on without the token. A redirect would count as coming from whoever linked here,
        and the browser would keep the strict cookie back.
        """
        own = "/" + address.lstrip("/")  # an address that begins with // is another host
        go_on = f'<meta http-equiv="refresh" content="0;url={escape(own)}">'
        response = HTMLResponse(
            f'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">{go_on}<title>look</title>'
        )
        response.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")
        return response


def refusal(scope: Scope) -> Response | None:
    """The answer to a request that does not come from this machine's own page; None for one that does."""
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if not HOST.fullmatch(host):
        return PlainTextResponse("This page answers to 127.0.0.1 and localhost alone.", 421)
    site = headers.get("sec-fetch-site", "none")
    if scope["method"] in SAFE_METHODS:
        is_opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return None if site in OWN or is_opened else _other_origin()
    said = headers.get("origin") or headers.get("referer") or ""
    is_own = urlsplit(said).netloc == host and said.startswith("http://")
    return None if site in OWN and is_own else _other_origin()


def _other_origin() -> Response:
    return PlainTextResponse("Refused: this request comes from another page.", 403)
