"""One connection to an endpoint: it carries one exchange at a time."""

import asyncio
from collections.abc import Callable
from time import monotonic_ns
from typing import Protocol, cast

from switchhook.grid.ports import Failure
from switchhook.webhook.exchange import Exchange
from switchhook.webhook.response import ResponseReader


class Owner(Protocol):
    """Who is told what becomes of a connection."""

    def released(self, connection: "Connection", now: int) -> None:
        """It is free for another exchange from now on."""

    def lost(self, connection: "Connection", unanswered: Exchange | None) -> None:
        """It is closed; `unanswered` deserves another try on a fresh connection."""


class Connection(asyncio.Protocol):
    """Writes a request, reads the answer, and hands itself back.

    Closing always means `transport.abort`: no byte that matters is left to be written, and the
    goodbye of TLS would keep the connection's place for as long as nobody replies to it.
    """

    __slots__ = (
        "_owner",
        "_reader",
        "_transport",
        "_unasked",
        "_was_used",
        "exchange",
        "idle_since",
        "is_closing",
    )

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._reader = ResponseReader()
        self._transport: asyncio.Transport
        # Whether no request can be written to it any more, as far as is known here.
        self.is_closing: Callable[[], bool]
        self._unasked = b""
        self._was_used = False
        self.exchange: Exchange | None = None
        self.idle_since = 0

    def start(self, exchange: Exchange, now: int) -> None:
        """Write the request."""
        exchange.started = exchange.started or now
        self.exchange = exchange
        self._reader.reset()
        self._transport.write(exchange.to_bytes())

    def abandon(self) -> Exchange | None:
        """Close at once; answer the exchange that it carried, which is the caller's to finish."""
        exchange, self.exchange = self.exchange, None
        self._transport.abort()
        return exchange

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
        if self.exchange is None:
            # A timeout notice, a second answer, another protocol: no later answer can be trusted.
            self._unasked = data
            self._transport.abort()
            return
        reader = self._reader
        reader.feed(data)
        if reader.fault:
            self._fail(reader.fault)
        elif reader.is_complete:
            self._complete(self.exchange)

    def connection_lost(self, exc: Exception | None) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            self._owner.lost(self, None)
        elif self._reader.end():
            self._owner.lost(self, None)
            exchange.finish(self._reader.response(monotonic_ns() - exchange.started))
        elif self._may_repeat(exchange):
            exchange.is_repeated = True
            self._owner.lost(self, exchange)
        else:
            self._owner.lost(self, None)
            exchange.fail(Failure.SOCKET_ERROR, self._why_lost(exchange, exc))

    def _may_repeat(self, exchange: Exchange) -> bool:
        """Whether the server closed an idle connection just as the request was on its way.

        It may also have died while it worked on the request, which then arrives twice. Deliveries
        are repeated after such a failure anyway (at least once), so nothing is promised that this
        breaks; without it every quiet webhook would now and then show a failed attempt.
        """
        return self._was_used and not self._reader.received and not exchange.is_repeated

    def _complete(self, exchange: Exchange) -> None:
        self.exchange = None
        now = monotonic_ns()
        reader = self._reader
        response = reader.response(now - exchange.started)
        # An answer that came before the request was fully written leaves the rest on its way.
        if reader.can_reuse and not self._transport.get_write_buffer_size():
            self._was_used = True
            self.idle_since = now
            self._owner.released(self, now)
        else:
            self._transport.abort()
        exchange.finish(response)

    def _fail(self, fault: str) -> None:
        exchange = self.abandon()
        if exchange is not None:
            exchange.fail(Failure.SOCKET_ERROR, f"{exchange.target.origin}: {fault}")

    def _why_lost(self, exchange: Exchange, exc: Exception | None) -> str:
        when = "in the middle of its answer" if self._reader.received else "without an answer"
        how = f" ({exc})" if exc is not None else ""
        return f"{exchange.target.origin} closed the connection {when}{how}"
