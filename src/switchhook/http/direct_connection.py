"""How is a request to a direct route answered on its connection, without ASGI's messages?

One that comes whole, head and body at once, waits for nothing: its endpoint can have the body with
the first question for it, and its answer is written at once. Any other goes on to uvicorn as if
nobody had looked at it.
"""

from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import unquote

import httptools
from starlette.requests import Request
from starlette.responses import Response
from uvicorn.config import Config
from uvicorn.server import ServerState

from switchhook.http.asgi import FIELDS, WHOLE_BODY, Message, Scope
from switchhook.http.bounded_connection import BoundedConnection, Reads
from switchhook.http.direct_routes import DirectRoutes, Endpoint
from switchhook.http.errors import bug_response

# Whoever sends them wants to hear something before the body, or something other than HTTP.
_SPECIAL = frozenset((b"expect", b"upgrade"))


class OpenDoor(Protocol):
    """Where a connection finds the direct routes."""

    @property
    def direct(self) -> DirectRoutes | None:
        """None where there are none."""

    def lines_for(self, path: str) -> bytes:
        """The headers that every answer to a request for that path has, each with its end."""


class DirectConnection(BoundedConnection):
    """Answers requests to direct routes that come whole, and hands every other one to uvicorn."""

    # The request whose message is being read.
    _asked: "DirectExchange | None" = None

    def __init__(
        self, config: Config, server_state: ServerState, *, door: OpenDoor, **others: Any
    ) -> None:
        super().__init__(config, server_state, **others)
        self._open_door = door

    def on_headers_complete(self) -> None:
        direct = self._open_door.direct
        self._asked = None if direct is None else self._directly_asked(direct)
        if self._asked is None:
            super().on_headers_complete()
        else:
            self._end_head()

    def _directly_asked(self, direct: DirectRoutes) -> "DirectExchange | None":
        headers = self.headers
        fields = dict(reversed(headers))
        if not _SPECIAL.isdisjoint(fields):
            return None
        target = _target_of(self.url)
        if target is None:
            return None  # whoever reads it next refuses it
        path, raw_path, query = target
        version = self.parser.get_http_version()
        scope: Scope = {
            "type": "http",
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": headers,
            "method": self.parser.get_method().decode("ascii"),
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            FIELDS: fields,
        }
        endpoint = direct.find(scope)
        if endpoint is None:
            return None
        keep_alive = version != "1.0" and self.parser.should_keep_alive()
        return DirectExchange(self, scope, endpoint, keep_alive=keep_alive)

    def on_body(self, body: bytes) -> None:
        if self._asked is None:
            super().on_body(body)
        else:
            self._accounted = self._received
            self._asked.parts.append(body)

    def on_message_complete(self) -> None:
        exchange = self._asked
        if exchange is None:
            super().on_message_complete()
            return
        self._asked = None
        self._end_message()
        self._take_turn(exchange)

    def _take_turn(self, exchange: Any) -> None:
        """Begin with a request, now or when everything before it is answered."""
        last = self.cycle
        self.cycle = exchange
        if last is None or last.response_complete:
            self._start_asgi_task(exchange, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    def _await_rest(self) -> None:
        exchange, self._asked = self._asked, None
        if exchange is not None:  # it has not come whole
            super().on_headers_complete()
            for part in exchange.parts:
                super().on_body(part)
        super()._await_rest()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if isinstance(cycle, DirectExchange):
            cycle.begin()
        else:
            super()._start_asgi_task(cycle, app)

    def send_response(self, response: Response, exchange: "DirectExchange") -> None:
        """Answer, to whoever is still there, and go on with the next request."""
        transport = self.transport
        if transport.is_closing():
            return
        keep_alive = exchange.keep_alive
        parts: list[bytes | memoryview[int]] = [_status_line(response.status_code)]
        for name, value in response.raw_headers:
            parts += (name, b": ", value, b"\r\n")
        parts.append(self._open_door.lines_for(exchange.scope["path"]))
        parts.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
        if exchange.scope["method"] != "HEAD":
            parts.append(response.body)
        transport.write(b"".join(parts))
        if not keep_alive:
            transport.close()
        self.on_response_complete()
        if self.flow.write_paused and keep_alive:
            self.flow.pause_reading()  # whoever does not read answers gets no more of them

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self._is_answering or self._reads is Reads.BODY:
            self.flow.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(self.cycle, DirectExchange):
            self.cycle = None  # nothing of it waits for news
        super().connection_lost(exc)


# A client asks for few URLs, some of them very often; long ones are not worth their memory.
def _target_of(url: bytes) -> tuple[str, bytes, bytes] | None:
    """The path, decoded and as it came, and the query; None for what is no URL."""
    return _short_target_of(url) if len(url) < _SHORT else _parse_target(url)


def _parse_target(url: bytes) -> tuple[str, bytes, bytes] | None:
    try:
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
        return None
    return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""


_SHORT = 256
_short_target_of = lru_cache(maxsize=256)(_parse_target)


@lru_cache
def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


class DirectExchange:
    """A request to a direct route and its answer. uvicorn asks whether it is complete, and may tell
    it to be the last one of its connection."""

    __slots__ = (
        "_connection",
        "_endpoint",
        "_was_received",
        "keep_alive",
        "parts",
        "response_complete",
        "scope",
    )

    def __init__(
        self, connection: DirectConnection, scope: Scope, endpoint: Endpoint, *, keep_alive: bool
    ) -> None:
        self.scope = scope
        self.parts: list[bytes] = []
        self.keep_alive = keep_alive
        self.response_complete = False
        self._connection = connection
        self._endpoint = endpoint
        self._was_received = False

    def begin(self) -> None:
        """It is its turn: it is whole, and everything before it is answered."""
        connection = self._connection
        self.scope[WHOLE_BODY] = b"".join(self.parts)
        if connection.transport.is_closing():
            self.response_complete = True  # what follows the last request is no request
            return
        task = connection.loop.create_task(self._answer())
        connection.tasks.add(task)
        task.add_done_callback(connection.tasks.discard)

    async def _answer(self) -> None:
        try:
            response = await self._endpoint(Request(self.scope, self._receive))
        except Exception as error:  # noqa: BLE001 - the framework's outermost layer does the same
            response = bug_response(error)
        self.response_complete = True
        self._connection.send_response(response, self)

    async def _receive(self) -> Message:
        if self._was_received:
            return {"type": "http.disconnect"}
        self._was_received = True
        return {"type": "http.request", "body": self.scope[WHOLE_BODY], "more_body": False}
