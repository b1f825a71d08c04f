"""How long and how much may a client send before it is heard, whatever it asks for?"""

import asyncio
from enum import Enum, auto
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 << 10
# Seconds until a head has ended, from the beginning of a connection or of a later head.
HEAD_WITHIN = 30.0
# Seconds until a body has ended, or has grown by so much and is given as long again: 240 bytes a
# second, the least that Kestrel asks for by default (`MinRequestBodyDataRate`).
BODY_WITHIN = 30.0
BODY_PROGRESS = 7_200
# Bytes of a body that are read only to be thrown away, because the answer has been given.
MAX_UNWANTED_BYTES = 16 << 20


class Reads(Enum):
    """What the next bytes of a connection belong to."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


# Bare names: they are asked for a few times in every request.
_NOTHING, _HEAD, _BODY = Reads


class BoundedConnection(HttpToolsProtocol):
    """Closes a connection that sends over `MAX_HEAD_BYTES` at once which are no body (a head, the
    frames of chunks, trailers), a head that does not end in time, or a body that makes no progress.

    What uvicorn needs of a request is made when its head is complete.
    """

    # The last request, or None: one of uvicorn's, or whatever else can be asked about its answer.
    cycle: Any

    _reads = _HEAD
    _is_upgraded = False
    _received = 0
    # What of it had been received when the last head began, or the last piece of a body came.
    _accounted = 0
    _unwanted = 0
    _has_body = False
    _deadline: asyncio.TimerHandle | None = None
    _idle_timer: asyncio.TimerHandle | None = None
    _idle_since = 0.0
    _is_going_on = False

    # --- the connection ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_time()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._is_upgraded = True
        self._forget_time()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._reads is _NOTHING:
            self._reads = _HEAD
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse_garbage()
        except httptools.HttpParserUpgrade:
            self._upgrade()
        if self._received - self._accounted > MAX_HEAD_BYTES:
            self.transport.close()
        elif self._deadline is None and self._reads is not _NOTHING:
            self._await_rest()

    def _refuse_garbage(self) -> None:
        """Refuse what is no HTTP, behind the answers that are owed."""
        if self._is_answering and self._reads is not _BODY:
            self._end_with_answers()
        else:
            self.send_400_response("Invalid HTTP request received.")

    def _upgrade(self) -> None:
        if not self._should_upgrade():
            self._unsupported_upgrade_warning()
        elif self._is_answering:
            self._end_with_answers()  # they would be written between the frames
        else:
            self.handle_websocket_upgrade()

    def _end_with_answers(self) -> None:
        """Read nothing more, and close the connection behind the answers that are owed."""
        self.cycle.keep_alive = False
        self.flow.pause_reading()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # --- the parser's callbacks -------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._reads = _HEAD
        self._accounted = self._received
        self._has_body = False
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers are none: whatever is in front of the server has judged the headers.
        if self._reads is _HEAD:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._end_head()
        url, headers = self.url, self.headers
        super().on_message_begin()
        super().on_url(url)
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def _end_head(self) -> None:
        self._reads = _BODY
        if self._deadline is not None:
            self._await_nothing()

    def on_body(self, body: bytes) -> None:
        self._accounted = self._received
        self._has_body = True
        if self.cycle is not None and self.cycle.response_complete:
            self.drop(body)
        else:
            super().on_body(body)

    def drop(self, body: bytes) -> None:
        """A piece of a body that nobody wants any more; no client may go on so for ever."""
        self._unwanted += len(body)
        if self._unwanted > MAX_UNWANTED_BYTES:
            self.transport.close()

    def on_message_complete(self) -> None:
        self._end_message()
        super().on_message_complete()

    def _end_message(self) -> None:
        self._reads = _NOTHING
        if self._deadline is not None:
            self._await_nothing()

    # --- answers, in the order of the requests ----------------------------------------------------

    def on_response_complete(self) -> None:
        """Go on with the next request, or be idle."""
        if self.transport.is_closing():
            return
        if self.expect_100_continue and self._leaves_body_out():
            self.transport.close()
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            self._go_on()
        else:
            self._idle_since = self.loop.time()
            if self._idle_timer is None:
                self._close_when_idle(self.timeout_keep_alive)

    def _leaves_body_out(self) -> bool:
        """Whether the client, not told to go on, may do so: what follows could not be read."""
        return self._reads is _BODY and not self._has_body and not self.pipeline

    def _go_on(self) -> None:
        """Begin what waits, one after the other; some of it is answered at once."""
        if self._is_going_on:
            return
        self._is_going_on = True
        begun: Any = None
        while self.pipeline and (begun is None or begun.response_complete):
            begun, app = self.pipeline.pop()
            self._start_asgi_task(begun, app)
        self._is_going_on = False

    # --- time -------------------------------------------------------------------------------------

    def _close_when_idle(self, seconds: float) -> None:
        self._idle_timer = self.loop.call_later(seconds, self._close_if_idle)

    def _close_if_idle(self) -> None:
        """One timer serves for all requests: it finds out when the last one was answered."""
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self._is_answering or self._deadline is not None:
            left = self.timeout_keep_alive
        if left > 0:
            self._close_when_idle(left)
        else:
            self.transport.close()

    def _await_rest(self) -> None:
        """Give the rest of a head or of a body its time."""
        if self._is_upgraded or self.transport.is_closing():
            return
        if self._reads is _BODY:
            self._await_body()
        elif not self._is_answering:
            self._await_head()

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_WITHIN, self.transport.close)

    def _await_body(self) -> None:
        self._deadline = self.loop.call_later(BODY_WITHIN, self._check_body, self._received)

    def _check_body(self, before: int) -> None:
        # While nothing is read it is not the client that is slow.
        if self._received - before < BODY_PROGRESS and not self.flow.read_paused:
            self.transport.close()
        else:
            self._await_body()

    def _await_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _forget_time(self) -> None:
        self._await_nothing()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
