"""How is a publish request answered on its connection, without the way that all others take?

It needs no task, no scope and no events of ASGI: its head and body are handed to `PublishApi`, and
what that answers is written at once. To uvicorn it is a request that is under way, behind which
others wait, and which itself waits behind others.
"""

import asyncio
from typing import Any, Protocol

from uvicorn.config import Config
from uvicorn.server import ServerState

from switchhook.http.bounded_connection import Reads
from switchhook.http.direct_connection import DirectConnection, OpenDoor
from switchhook.http.known_head import KnownHead, known_head
from switchhook.http.publish_api import Answer, PublishApi
from switchhook.http.publish_exchange import PublishExchange
from switchhook.http.publish_head import PublishHead, is_publish_url, target_of

_NOTHING, _BODY = Reads.NOTHING, Reads.BODY
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Whoever has begun so many requests, each in another way, is not expected to repeat itself.
_PATIENCE = 3


class Publishing(OpenDoor, Protocol):
    """Where a connection finds the publish route.

    `lines` are the headers of every answer, each with its end.
    """

    @property
    def publish(self) -> PublishApi | None:
        """None where there is none."""

    @property
    def lines(self) -> bytes:
        """They change with the time."""


class PublishConnection(DirectConnection):
    """Answers publish requests, and hands every other one to uvicorn."""

    # The publish request whose message is being read.
    _read: PublishExchange | None = None
    # The one whose turn it is, or was last.
    _running: PublishExchange | None = None
    _stopped: asyncio.Future[None] | None = None
    # What the next request is recognized by, and how much of the body of one is still to come.
    _known: KnownHead | None = None
    _missing = 0
    _messages = 0
    _unknown_in_a_row = 0

    def __init__(
        self, config: Config, server_state: ServerState, *, door: Publishing, **others: Any
    ) -> None:
        super().__init__(config, server_state, door=door, **others)
        self._door = door

    def data_received(self, data: bytes) -> None:
        is_next = self._reads is _NOTHING
        if is_next:
            known = self._known
            if known is not None and (found := known.body_in(data)):
                self._publish_again(known.head, data, *found)
                return
        elif self._missing:
            self._receive_missing(data)
            return
        messages, is_start = self._messages, is_next or not self._received
        super().data_received(data)
        if is_start and self._messages == messages + 1 and self._read is not None:
            self._get_to_know(data, self._read.head)

    def _get_to_know(self, data: bytes, head: PublishHead) -> None:
        self._unknown_in_a_row += 1
        if self._unknown_in_a_row <= _PATIENCE:
            self._known = known_head(data, head)

    def _publish_again(self, head: PublishHead, data: bytes, start: int, length: int) -> None:
        """Publish what follows a head that is known, without the parser."""
        api, here = self._door.publish, len(data) - start
        if api is None or here > length:
            super().data_received(data)  # another request follows at once: the parser divides them
            return
        self._unknown_in_a_row = 0
        body = data[start:]
        self._accounted = self._received = self._received + len(data)
        exchange = PublishExchange(self, api, head, True, None, [body], here, here == length)
        self._read = exchange
        if here < length:
            self._missing = length - here
            self._reads = _BODY
            self._await_rest()
        last = self.cycle
        if last is None or last.response_complete:  # mostly; two calls less than by `_take_turn`
            self.cycle = self._running = exchange
            exchange.begin()
        else:
            self._take_turn(exchange)

    def _receive_missing(self, data: bytes) -> None:
        """A piece of a body whose head was known."""
        rest = data[self._missing :]
        if rest:
            data = data[: self._missing]
        self._received += len(data)
        self._accounted = self._received
        self._missing -= len(data)
        if self._read is not None:
            self._read.receive(data)
        if not self._missing:
            self.on_message_complete()
        if rest:
            self.data_received(rest)

    def on_message_begin(self) -> None:
        self._messages += 1
        self._known = None
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        api = self._door.publish
        head = None if api is None else self._publish_head()
        if api is None or head is None:
            self._read = None
            super().on_headers_complete()
            return
        self._reads = _BODY
        if self._deadline is not None:
            self._await_nothing()
        self._read = PublishExchange(self, api, head, not head.is_last)
        self._take_turn(self._read)

    def _publish_head(self) -> PublishHead | None:
        """The head that has been read, if it is that of a publish request."""
        headers, parser, url = self.headers, self.parser, self.url
        if b"/api/events" not in url and not is_publish_url(url):
            return None
        fields = dict(reversed(headers))
        target = target_of(url, fields.get(b"host", b""), self.scheme or "")
        if target is None or (b"upgrade" in fields and parser.should_upgrade()):
            return None
        # By default, a request in HTTP/1.0 is the last one; there is no need to ask which it is.
        is_last = not parser.should_keep_alive() or (
            b"connection" in fields and parser.get_http_version() != "1.1"
        )
        client = self.client[0] if self.client else ""
        return PublishHead(parser.get_method(), target, headers, fields, client, is_last)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if isinstance(cycle, PublishExchange):
            self._running = cycle
            cycle.begin()
        else:
            super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        if self._read is None:
            super().on_body(body)
        else:
            self._accounted = self._received
            self._read.receive(body)

    def on_message_complete(self) -> None:
        if self._read is None:
            super().on_message_complete()
        else:
            self._reads = _NOTHING
            if self._deadline is not None:
                self._await_nothing()
            self._read.end()

    def send_continue(self) -> None:
        """Let the client go on with the body."""
        if not self.transport.is_closing():
            self.transport.write(_CONTINUE)

    def send_answer(self, answer: Answer, exchange: PublishExchange) -> None:
        """Answer, to whoever is still there, and go on with the next request."""
        transport = self.transport
        if not transport.is_closing():
            end = b"\r\n" if exchange.keep_alive else b"connection: close\r\n\r\n"
            if answer.body and exchange.head.method != b"HEAD":
                end += answer.body
            transport.write(answer.head + self._door.lines + end)
            if not exchange.keep_alive:
                transport.close()
            self.on_response_complete()
            if self.flow.write_paused and exchange.keep_alive:
                self.flow.pause_reading()  # whoever does not read answers gets no more of them
        if self._stopped is not None:
            self._tell_stopped()

    # --- ends -------------------------------------------------------------------------------------

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks for an answer
        """Answer a client that has only said that it sends nothing more.

        Not one that awaits anything else: only that it is gone would end an answer without an end.
        """
        running, last = self._running, self.cycle
        if running is None or running.response_complete or not isinstance(last, PublishExchange):
            return False
        last.keep_alive = False
        return self._reads is not _BODY and self.scheme == "http"  # asyncio's TLS cannot wait

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(self.cycle, PublishExchange):
            self.cycle = None  # nothing of it waits for news
        super().connection_lost(exc)
        running = self._running
        if running is None or not running.is_committing:
            self._tell_stopped()
        # They lead back to here: bodies would stay in memory until somebody looks for garbage.
        self._read = self._running = None
        self.pipeline.clear()

    def shutdown(self) -> None:
        """See uvicorn; like its tasks, a publish request under way is something to wait for."""
        super().shutdown()
        last = self.cycle if isinstance(self.cycle, PublishExchange) else self._running
        if last is not None and not last.response_complete and self._stopped is None:
            self._stopped = self.loop.create_future()
            self.tasks.add(self._stopped)  # type: ignore[arg-type]
            self._stopped.add_done_callback(self.tasks.discard)

    def _tell_stopped(self) -> None:
        stopped, self._stopped = self._stopped, None
        if stopped is not None and not stopped.done():
            stopped.set_result(None)
