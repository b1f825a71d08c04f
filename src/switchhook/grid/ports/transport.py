"""What carries requests to webhooks?"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec


class Failure(StrEnum):
    """Why no HTTP answer came back; each member is Azure's `lastDeliveryOutcome` text."""

    TIMED_OUT = "TimedOut"
    SOCKET_ERROR = "SocketError"  # refused, reset, closed early, TLS not trusted, not HTTP
    RESOLUTION_ERROR = "ResolutionError"
    ABORTED = "Aborted"  # we stopped it: shutdown, or an address that is not allowed


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


class WebhookRequest(msgspec.Struct, eq=False, kw_only=True):
    """One HTTP request to a webhook, which is sent once.

    `headers` are complete header lines, each ended by CRLF, without `Host`, `Content-Length` and
    `Connection`, which the transport adds. `timeout` is real seconds for the whole exchange.

    The rest are the transport's notes: how the request begins, as its URL says; when it was
    written, in nanoseconds of real time, or 0; and whether that is done again because its
    connection was closed.
    """

    url: str
    headers: bytes
    body: bytes
    method: str = "POST"
    timeout: float = 30.0
    head: bytes = b""
    started: int = 0
    is_repeated: bool = False

    def answered(self, response: WebhookResponse) -> None:
        """Hear what came of it; of a request of no other class nobody wants to know."""


class Transport(Protocol):
    """Carries requests to webhooks."""

    def send(self, request: WebhookRequest) -> None:
        """Send, and tell the request once, on the event loop and after returning, what came of it.

        Never raises for what a webhook answers or fails to answer. Follows no redirect. Requests to
        one endpoint share kept-alive connections; a slow endpoint does not delay another.
        """

    async def close(self) -> None:
        """Abort what is in flight (it is told `ABORTED`) and close every connection."""
