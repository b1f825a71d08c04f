"""Carries requests to webhooks over HTTP/1.1, fast and within bounds."""

import asyncio
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from time import monotonic_ns

import msgspec

from switchhook.grid.ports import Failure, WebhookRequest
from switchhook.webhook.addresses import AddressRules, InvalidUrlError, Target, parse_url
from switchhook.webhook.connect import Connector
from switchhook.webhook.exchange import failed
from switchhook.webhook.pool import Pool
from switchhook.webhook.proxies import read_proxy_environment
from switchhook.webhook.traffic import Traffic
from switchhook.webhook.trust import make_context

SWEEP_INTERVAL = 0.25  # seconds: how late a timeout can come
MAX_WAYS = 4096  # of how many URLs is remembered how a request gets there


class _Way(msgspec.Struct, frozen=True):
    """How requests get to one URL: what follows their method, and by which connections."""

    head: bytes
    pool: Pool


class HttpTransport:
    """`grid.ports.Transport` over connections of our own; needs no start, but a running loop.

    A request's `timeout` runs from the moment it is written or a connection is opened for it,
    until the last byte of the answer; waiting for a free connection is not part of it.
    """

    def __init__(
        self,
        *,
        allow_http: bool = False,
        ca_file: Path | None = None,
        connections_per_endpoint: int = 64,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`environ` is where proxy variables are looked up, the process's own by default.

        Raises:
            StartError: `ca_file` holds no certificates.
        """
        proxies = read_proxy_environment(os.environ if environ is None else environ)
        self._rules = AddressRules(allow_http, proxies)
        self._ca_file = ca_file
        # Reading the roots takes tens of milliseconds; a wrong file is worth them at the start.
        self._context = make_context(ca_file) if ca_file is not None else None
        self._limit = connections_per_endpoint
        self._pools: dict[str, Pool] = {}
        # By the URL, of those that requests went to.
        self._ways: dict[str, _Way] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._traffic = Traffic()

    def send(self, request: WebhookRequest) -> None:
        """Send, and tell the request once, on the event loop and after returning."""
        self._traffic.sent += 1
        way = self._ways.get(request.url)
        if way is None:
            way = self._find_way(request)
            if way is None:
                return
        request.head = way.head
        way.pool.submit(request)

    @property
    def endpoints(self) -> list[str]:
        """The endpoints that have requests or connections now."""
        return list(self._pools)

    @property
    def sent(self) -> int:
        """How many requests there were."""
        return self._traffic.sent

    @property
    def is_busy(self) -> bool:
        """Whether a request is on its way."""
        return self._traffic.in_flight > 0

    async def quiet(self) -> None:
        """Return when none is."""
        await self._traffic.quiet()

    async def close(self) -> None:
        """Abort what is in flight and close every connection."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        pools = list(self._pools.values())
        self._pools.clear()
        self._ways.clear()
        await asyncio.gather(*(pool.close() for pool in pools))

    def _find_way(self, request: WebhookRequest) -> _Way | None:
        """The way of a request that goes where none went before; None if it may not go."""
        try:
            target = parse_url(request.url)
        except InvalidUrlError as error:
            self._refuse(request, str(error))
            return None
        if self._is_closed:
            self._refuse(request, "the webhook client was closed")
            return None
        if len(self._ways) >= MAX_WAYS:
            self._ways.clear()
        pool = self._pools.get(target.origin) or self._add_pool(target)
        way = _Way(target.head, pool)
        self._ways[request.url] = way
        return way

    def _add_pool(self, target: Target) -> Pool:
        endpoint = target.endpoint
        connector = Connector(endpoint, self._rules, self._tls_context)
        pool = Pool(connector, self._traffic, is_tls=endpoint.is_tls, limit=self._limit)
        self._pools[target.origin] = pool
        if self._timer is None:
            self._arm()
        return pool

    def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = make_context(self._ca_file)
        return self._context

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SWEEP_INTERVAL, self._sweep)

    def _sweep(self) -> None:
        """One timer for all requests: setting one for each would cost more than the request."""
        now = monotonic_ns()
        for origin, pool in list(self._pools.items()):
            pool.sweep(now)
            if pool.is_empty:
                del self._pools[origin]
                self._ways.clear()
        if self._pools:
            self._arm()
        else:
            self._timer = None

    def _refuse(self, request: WebhookRequest, detail: str) -> None:
        aborted = failed(request, Failure.ABORTED, detail)
        asyncio.get_running_loop().call_soon(self._traffic.end, request, aborted)
