"""How long and how much may a client send before it is heard, whatever it asks for?"""

import asyncio
from enum import Enum, auto
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from switchhook.http.waiting_flow import WaitingFlow

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

_INVALID = "Invalid HTTP request received."


class BoundedConnection(HttpToolsProtocol):
    """Closes a connection that sends over `MAX_HEAD_BYTES` at once which are no body (a head, the
    frames of chunks, trailers), a head that does not end in time, or a body that makes no progress.

    What uvicorn needs of a request is made when its head is complete.
    """

    # The last request, or None: one of uvicorn's, or whatever else can be asked about its answer.
    cycle: Any

    _reads = _HEAD
    # The request whose body cannot be read, which is refused when it is its turn.
    _garbled: Any = None
    # A head that is to be read once more, in another way.
    _head_again = b""
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
        self.flow = WaitingFlow(transport, self.pipeline)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_time()
        self._garbled = None
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
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(memoryview(data)[upgrade.args[0] :])
        if self._received - self._accounted > MAX_HEAD_BYTES:
            self.transport.close()
        elif self._deadline is None and self._reads is not _NOTHING:
            self._await_rest()

    def _refuse_garbage(self) -> None:
        """Refuse what is no HTTP, behind the answers that are owed."""
        if self._is_answering and self._reads is _BODY and self.pipeline:
            self._garbled = self.cycle
            self.flow.pause_reading()
        elif self._is_answering and self._reads is not _BODY:
            self._end_with_answers()
        elif not self.transport.is_closing():
            self.send_400_response(_INVALID)

    def _upgrade(self, rest: memoryview) -> None:
        """Go on behind a head with which the client would leave HTTP."""
        if self._head_again:
            self._read_again(rest)
        elif self._is_answering:
            self._end_with_answers()  # they would be written between the frames
        elif self._should_upgrade():
            self.handle_websocket_upgrade()
        else:
            self.transport.close()

    def _read_again(self, rest: memoryview) -> None:
        """Read requests without their wish for another protocol than WebSockets.

        The parser takes their bodies for that protocol. Java's client wishes for HTTP/2 so.
        """
        while self._head_again:
            head, self._head_again = self._head_again, b""
            self.parser = httptools.HttpRequestParser(self)
            try:
                self.parser.feed_data(head)
                self.parser.feed_data(rest)
            except httptools.HttpParserError:
                self._refuse_garbage()
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
                if not self._head_again:
                    self._upgrade(rest)

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
        if self.transport.is_closing():
            return  # what follows the last request is none
        if self.parser.should_upgrade() and not self._should_upgrade():
            self._head_again = self._head_without_upgrade()
        if self._head_again:
            return
        url, headers = self.url, self.headers
        super().on_message_begin()
        super().on_url(url)
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def _head_without_upgrade(self) -> bytes:
        """What has been read, once more; nothing where the method itself leaves HTTP."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            return b""
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        lines += [b"%b: %b" % each for each in self.headers if each[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

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
        if not self._head_again:
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
        if self.pipeline:
            self._go_on()
        else:
            if self.flow.read_paused:
                self.flow.resume_reading()
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
            if begun is self._garbled:
                self.send_400_response(_INVALID)
                break
            self.flow.resume_reading()
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
