"""One connection to an endpoint: it carries one request at a time."""

import asyncio
from collections.abc import Callable
from time import monotonic_ns
from typing import Protocol, cast

from switchhook.grid.ports import Failure, WebhookRequest, WebhookResponse
from switchhook.webhook.exchange import failed, origin
from switchhook.webhook.response import ResponseReader
from switchhook.webhook.traffic import Traffic


class Owner(Protocol):
    """Who is told what becomes of a connection."""

    def released(self, connection: "Connection", now: int) -> None:
        """It is free for another request from now on."""

    def lost(self, connection: "Connection", unanswered: WebhookRequest | None) -> None:
        """It is closed; `unanswered` deserves another try on a fresh connection."""


class Connection(asyncio.Protocol):
    """Writes a request, reads the answer, and hands itself back.

    Closing always means `transport.abort`: no byte that matters is left to be written, and the
    goodbye of TLS would keep the connection's place for as long as nobody replies to it.
    """

    __slots__ = (
        "_owner",
        "_reader",
        "_traffic",
        "_transport",
        "_unasked",
        "_was_used",
        "idle_since",
        "is_closing",
        "request",
    )

    def __init__(self, owner: Owner, traffic: Traffic) -> None:
        self._owner = owner
        self._traffic = traffic
        self._reader = ResponseReader()
        self._transport: asyncio.Transport
        # Whether no request can be written to it any more, as far as is known here.
        self.is_closing: Callable[[], bool]
        self._unasked = b""
        self._was_used = False
        self.request: WebhookRequest | None = None
        self.idle_since = 0

    def start(self, request: WebhookRequest, now: int) -> None:
        """Write the request."""
        request.started = request.started or now
        self.request = request
        body = request.body
        self._transport.write(
            b"%b%b%bContent-Length: %d\r\n\r\n%b"
            % (request.method.encode("ascii"), request.head, request.headers, len(body), body)
        )

    def abandon(self) -> WebhookRequest | None:
        """Close at once; answer the request that it carried, which is the caller's to end."""
        request, self.request = self.request, None
        self._transport.abort()
        return request

    def why_unusable(self) -> str:
        """For people: what happened before the first request."""
        if self._unasked:
            return f"it spoke before it was asked, and not HTTP: {self._unasked[:40]!r}"
        return "it closed the connection at once"

    # --- called by the event loop ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TCP and TLS give nothing less; uvloop's transports do not inherit from it, though.
        self._transport = cast(asyncio.Transport, transport)
        self.is_closing = transport.is_closing

    def data_received(self, data: bytes) -> None:
        request, reader = self.request, self._reader
        if request is None:
            # A timeout notice, a second answer, another protocol: no later answer can be trusted.
            self._unasked = data
            self._transport.abort()
        elif data == reader.usual and not reader.received:
            now = monotonic_ns()
            self._end(request, reader.usual_response(now - request.started), now)
        else:
            self._read(request, data)

    def _read(self, request: WebhookRequest, data: bytes) -> None:
        reader = self._reader
        reader.feed(data)
        if reader.fault:
            self.abandon()
            self._fail(request, f"{origin(request)}: {reader.fault}")
        elif reader.is_complete:
            now = monotonic_ns()
            response = reader.response(now - request.started)
            if reader.can_reuse:
                reader.reset()
                self._end(request, response, now)
            else:
                self.abandon()
                self._traffic.end(request, response)

    def _end(self, request: WebhookRequest, response: WebhookResponse, now: int) -> None:
        """All of the answer is there, and nothing more is to come."""
        self.request = None
        if self._transport.get_write_buffer_size():
            # It came before the request was fully written, the rest of which is on its way.
            self._transport.abort()
        else:
            self._was_used = True
            self.idle_since = now
            self._owner.released(self, now)
        self._traffic.end(request, response)

    def connection_lost(self, exc: Exception | None) -> None:
        request, self.request = self.request, None
        if request is None:
            self._owner.lost(self, None)
        elif self._reader.end():
            self._owner.lost(self, None)
            self._traffic.end(request, self._reader.response(monotonic_ns() - request.started))
        elif self._may_repeat(request):
            request.is_repeated = True
            self._owner.lost(self, request)
        else:
            self._owner.lost(self, None)
            self._fail(request, self._why_lost(request, exc))

    def _may_repeat(self, request: WebhookRequest) -> bool:
        """Whether the server closed an idle connection just as the request was on its way.

        It may also have died while it worked on the request, which then arrives twice. Deliveries
        are repeated after such a failure anyway (at least once), so nothing is promised that this
        breaks; without it every quiet webhook would now and then show a failed attempt.
        """
        return self._was_used and not self._reader.received and not request.is_repeated

    def _fail(self, request: WebhookRequest, detail: str) -> None:
        self._traffic.end(request, failed(request, Failure.SOCKET_ERROR, detail))

    def _why_lost(self, request: WebhookRequest, exc: Exception | None) -> str:
        when = "in the middle of its answer" if self._reader.received else "without an answer"
        how = f" ({exc})" if exc is not None else ""
        return f"{origin(request)} closed the connection {when}{how}"
