"""May a page of another origin call the data plane of Communication Services?

Browsers run the chat client and exchange tokens there, from pages of any origin, so any origin may.
No route of the data plane takes cookies: whoever has no credential gets nothing by it, and the keys
that everybody knows are none for a foreign page (`web_pages`). Management routes are not among
them: there, a foreign page must find nothing open.
"""

import re
from collections.abc import Sequence
from http import HTTPStatus

from switchhook.http.asgi import App, Message, Receive, Scope, Send, header

# Of the paths that begin like this, and no others.
DATA_PLANE = ("/chat", "/identities", "/access", "/teamsUser")

MAX_AGE = 86_400  # seconds; browsers cut it to their own limit
METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"

# What the clients send; others are allowed too, as long as they are named like headers.
HEADERS = b"authorization, content-type, x-ms-client-request-id, repeatability-request-id"
EXPOSED = (
    b"api-supported-versions, location, operation-location, repeatability-result, retry-after, "
    b"www-authenticate, x-ms-client-request-id, x-ms-error-code, x-ms-request-id"
)

_NAMES = re.compile(r"[\w!#$%&'*+.^`|~-]+(\s*,\s*[\w!#$%&'*+.^`|~-]+)*", re.ASCII)
_OPEN = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED)]
_OPEN_LINES = b"".join(name + b": " + value + b"\r\n" for name, value in _OPEN)


class Cors:
    """Opens the paths under `prefixes` of an application to pages of other origins."""

    def __init__(self, app: App, prefixes: Sequence[str] = DATA_PLANE) -> None:
        self._app = app
        self._exact = frozenset(prefixes)
        self._under = tuple(f"{prefix}/" for prefix in prefixes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or not self._opens(scope["path"]):
            await self._app(scope, receive, send)
        elif _is_preflight(scope):
            await send(_answer(scope))
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, _opened(send))

    def lines(self, path: str) -> bytes:
        """The headers that open an answer at that path, each with its end; none where it stays
        closed. They are for who answers without asking this application."""
        return _OPEN_LINES if self._opens(path) else b""

    def _opens(self, path: str) -> bool:
        return path in self._exact or path.startswith(self._under)


def _is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and bool(header(scope, b"access-control-request-method"))


def _answer(scope: Scope) -> Message:
    """The answer to a preflight. `*` would not cover `Authorization`, so names are repeated."""
    asked = (header(scope, b"access-control-request-headers") or "").strip()
    allowed = asked.encode("latin-1") if _NAMES.fullmatch(asked) else HEADERS
    headers = [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", allowed),
        (b"access-control-max-age", str(MAX_AGE).encode()),
        (b"vary", b"Access-Control-Request-Headers"),
    ]
    return {"type": "http.response.start", "status": HTTPStatus.NO_CONTENT, "headers": headers}


def _opened(send: Send) -> Send:
    async def send_opened(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_OPEN]}
        await send(message)

    return send_opened
