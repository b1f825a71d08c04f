"""Is the server well, and what has it done? `/health/live`, `/health/ready` and `/metrics`.

Health is open to all: orchestrators and load balancers ask by address and without credentials, and
the answers name nothing. Metrics name resources. They are open on loopback; where other machines
can reach the server they need the management token, unless `open_metrics` says otherwise.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from switchhook.communication.readings import CommunicationReadings
from switchhook.errors import RequestError
from switchhook.grid.metrics import Metrics
from switchhook.grid.readings import Readings
from switchhook.http.errors import json_response
from switchhook.http.management_guard import ManagementGuard

STARTING = "The server is starting."
STOPPING = "The server is stopping."


class Readiness:
    """Whether requests should be sent to this server.

    `can_commit` answers why the event log cannot take events now, or None.
    """

    def __init__(self, can_commit: Callable[[], str | None]) -> None:
        self._can_commit = can_commit
        # Set while the server is not there for anybody, whatever its log says.
        self.pause: str | None = STARTING

    def reason(self) -> str | None:
        """Why not; None when it is ready."""
        return self.pause or self._can_commit()


@dataclass(frozen=True, kw_only=True)
class Scrapes:
    """What a scrape reads; `started_at` is in nanoseconds since the epoch."""

    metrics: Metrics
    read: Callable[[], Awaitable[Readings]]
    communication: Callable[[], CommunicationReadings]
    started_at: int


def routes(
    *, scrapes: Scrapes, readiness: Readiness, guard: ManagementGuard, needs_token: bool
) -> list[BaseRoute]:
    """`GET /metrics`, `GET /health/live` and `GET /health/ready`; each answers HEAD as well."""
    one_at_a_time = asyncio.Lock()

    async def metrics(request: Request) -> Response:
        check_reader(request.headers, guard, needs_token=needs_token)
        accept = request.headers.get("accept", "")
        async with one_at_a_time:
            body, content_type = await _render(scrapes, accept)
        return Response(body, headers={"content-type": content_type, **_FRESH})

    async def live(_: Request) -> Response:
        return json_response({"status": "live"}, headers=_FRESH)

    async def ready(_: Request) -> Response:
        reason = readiness.reason()
        if reason is None:
            return json_response({"status": "ready"}, headers=_FRESH)
        return json_response({"status": "unavailable", "reason": reason}, 503, headers=_FRESH)

    return [
        Route("/metrics", metrics, methods=["GET"]),
        Route("/health/live", live, methods=["GET"]),
        Route("/health/ready", ready, methods=["GET"]),
    ]


_FRESH = {"cache-control": "no-store"}


async def _render(scrapes: Scrapes, accept: str) -> tuple[bytes, str]:
    # In a thread: thousands of lines take a good part of a second, and deliveries go on meanwhile.
    readings, communication = await scrapes.read(), scrapes.communication()
    return await asyncio.to_thread(_text, scrapes, readings, communication, accept)


def _text(
    scrapes: Scrapes, readings: Readings, communication: CommunicationReadings, accept: str
) -> tuple[bytes, str]:
    from switchhook.http.prometheus_text import render

    return render(scrapes.metrics, readings, communication, scrapes.started_at, accept)


def check_reader(headers: Headers, guard: ManagementGuard, *, needs_token: bool) -> None:
    """Let through who may read the metrics: no web page, and perhaps only who has the token.

    Raises:
        RequestError: the request is refused.
    """
    if "origin" in headers:
        raise RequestError(
            403, "Forbidden", "Requests of web pages (with an Origin header) are refused."
        )
    host = headers.get("host", "")
    if not guard.is_known(host) and not _is_address(host):
        raise RequestError(
            403,
            "Forbidden",
            f"The host name '{host}' is not one of this server's names: "
            "add it with --tls-san, or ask by address.",
        )
    if needs_token:
        guard.check_token(headers)


def _is_address(host: str) -> bool:
    # Only a name can be pointed at this machine by somebody else; scrapers often know addresses.
    try:
        ipaddress.ip_address(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
    return True
