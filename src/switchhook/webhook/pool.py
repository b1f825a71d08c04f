"""Which connection carries the next request to an endpoint?"""

import asyncio
from collections import deque
from time import monotonic_ns

from switchhook.clock import SECOND
from switchhook.grid.ports import Failure, WebhookRequest, WebhookResponse
from switchhook.webhook.connect import Connector, Unreachable
from switchhook.webhook.connection import Connection
from switchhook.webhook.exchange import expired, failed, is_late, origin
from switchhook.webhook.traffic import Traffic

MAX_HANDSHAKES = 8  # at a time: each costs a millisecond of computing on both sides
KEEP_IDLE = 55 * SECOND


class Pool:
    """The connections to one endpoint, and the requests that wait for one, first come first served.

    Nothing here is shared between endpoints, so that a slow one delays only itself.
    """

    def __init__(self, connector: Connector, traffic: Traffic, *, is_tls: bool, limit: int) -> None:
        self._connector = connector
        self._traffic = traffic
        self._limit = limit
        self._max_attempts = MAX_HANDSHAKES if is_tls else limit
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []  # the one used last at the end; it is taken first
        # The request that each is for, which may come to its end before.
        self._attempts: dict[asyncio.Task[Connection | Unreachable], WebhookRequest | None] = {}
        self._waiting: deque[WebhookRequest] = deque()
        self._repeats: deque[WebhookRequest] = deque()  # begun already; for a fresh connection only
        self._emptied = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not (
            self._connections
            or self._attempts
            or self._waiting
            or self._repeats
            or self._connector.is_looking_up
        )

    def submit(self, request: WebhookRequest) -> None:
        """Send the request as soon as a connection is free."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closing():
                connection.start(request, monotonic_ns())
                return
        self._waiting.append(request)
        if len(self._connections) < self._limit:
            self._fill()

    def sweep(self, now: int) -> None:
        """Expire what is over its deadline, and close what has been idle for long."""
        late = [c for c in self._connections if c.request and is_late(c.request, now)]
        expiring = [request for c in late if (request := c.abandon())]
        for task, request in self._attempts.items():
            if request is not None and is_late(request, now):
                task.cancel()
                self._attempts[task] = None
                expiring.append(request)
        for request in [r for r in self._repeats if is_late(r, now)]:
            self._repeats.remove(request)
            expiring.append(request)
        # Whoever hears of it may send the next request.
        for request in expiring:
            self._traffic.end(request, expired(request))
        while self._idle and self._idle[0].idle_since <= now - KEEP_IDLE:
            self._idle.pop(0).abandon()

    async def close(self) -> None:
        """Abort everything, and wait until every connection is closed."""
        self._connector.close()
        attempts = list(self._attempts)
        unfinished = [r for r in self._attempts.values() if r is not None]
        unfinished += [*self._repeats, *self._waiting]
        unfinished += [r for c in self._connections if (r := c.abandon())]
        self._attempts = dict.fromkeys(attempts)
        self._repeats.clear()
        self._waiting.clear()
        self._limit = 0
        for request in unfinished:
            aborted = failed(request, Failure.ABORTED, "the webhook client was closed")
            self._traffic.end(request, aborted)
        for task in attempts:
            task.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)
        while self._connections:
            for connection in self._connections:  # an attempt may just have succeeded
                connection.abandon()
            self._emptied.clear()
            await self._emptied.wait()

    # --- Owner: called by connections -----------------------------------------------------------

    def released(self, connection: Connection, now: int) -> None:
        """Give the connection to who waits longest."""
        if self._waiting:
            connection.start(self._waiting.popleft(), now)
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection, unanswered: WebhookRequest | None) -> None:
        """Forget the connection; its place is free."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if unanswered is not None:
            self._repeats.append(unanswered)
        self._fill()
        if not self._connections:
            self._emptied.set()

    # --- opening connections --------------------------------------------------------------------

    def _fill(self) -> None:
        while (
            (self._repeats or self._waiting)
            and len(self._attempts) < self._max_attempts
            and len(self._connections) + len(self._attempts) < self._limit
        ):
            self._open((self._repeats or self._waiting).popleft())

    def _open(self, request: WebhookRequest) -> None:
        request.started = request.started or monotonic_ns()
        task = asyncio.get_running_loop().create_task(
            self._connector.connect(lambda: Connection(self, self._traffic), request.timeout)
        )
        self._attempts[task] = request
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[Connection | Unreachable]) -> None:
        request = self._attempts.pop(task)
        outcome = _outcome(task)
        if isinstance(outcome, Connection) and not outcome.is_closing():
            self._connections.add(outcome)
            if request is None:
                self.released(outcome, monotonic_ns())
            else:
                outcome.start(request, monotonic_ns())
        elif request is not None:
            self._traffic.end(request, _unsent(request, outcome))
        self._fill()


def _unsent(request: WebhookRequest, outcome: Connection | Unreachable) -> WebhookResponse:
    if isinstance(outcome, Unreachable):
        return failed(request, outcome.failure, outcome.detail)
    detail = f"{origin(request)}: {outcome.why_unusable()}"
    return failed(request, Failure.SOCKET_ERROR, detail)


def _outcome(task: asyncio.Task[Connection | Unreachable]) -> Connection | Unreachable:
    if task.cancelled():
        return Unreachable(Failure.ABORTED, "the attempt to connect was cancelled")
    error = task.exception()
    if error is not None:
        return Unreachable(Failure.SOCKET_ERROR, f"the connection failed: {error!r}")
    return task.result()
