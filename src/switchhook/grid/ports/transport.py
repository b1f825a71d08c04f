"""What carries requests to webhooks?"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec


class Failure(StrEnum):
    """Why no HTTP answer came back; each member is Azure's `lastDeliveryOutcome` text."""

    TIMED_OUT = "TimedOut"
    SOCKET_ERROR = "SocketError"  # refused, reset, closed early, TLS not trusted, not HTTP
    RESOLUTION_ERROR = "ResolutionError"
    ABORTED = "Aborted"  # we stopped it: shutdown, or an address that is not allowed


class WebhookRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One HTTP request to a webhook.

    `headers` are complete header lines, each ended by CRLF, without `Host`, `Content-Length` and
    `Connection`, which the transport adds. `timeout` is real seconds for the whole exchange.
    """

    url: str
    headers: bytes
    body: bytes
    method: str = "POST"
    timeout: float = 30.0


class WebhookResponse(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What came of it: a status, or a failure with `detail` for people.

    `body` is cut at the transport's cap; `headers` have lower-case names. `duration` is in
    nanoseconds of real time.
    """

    status: int | None = None
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    failure: Failure | None = None
    detail: str = ""
    duration: int = 0


class Transport(Protocol):
    """Carries requests to webhooks."""

    def send(self, request: WebhookRequest, done: Callable[[WebhookResponse], None]) -> None:
        """Send, and call `done` once, on the event loop and after returning, with what came of it.

        Never raises for what a webhook answers or fails to answer. Follows no redirect. Requests to
        one endpoint share kept-alive connections; a slow endpoint does not delay another.
        """

    async def close(self) -> None:
        """Abort what is in flight (`done` is called with `ABORTED`) and close every connection."""
