"""Which connection carries the next request to an endpoint?"""

import asyncio
from collections import deque
from time import monotonic_ns

from switchhook.clock import SECOND
from switchhook.grid.ports import Failure
from switchhook.webhook.connect import Connector, Unreachable
from switchhook.webhook.connection import Connection
from switchhook.webhook.exchange import Exchange

MAX_HANDSHAKES = 8  # at a time: each costs a millisecond of computing on both sides
KEEP_IDLE = 55 * SECOND


class Pool:
    """The connections to one endpoint, and the requests that wait for one, first come first served.

    Nothing here is shared between endpoints, so that a slow one delays only itself.
    """

    def __init__(self, connector: Connector, *, is_tls: bool, limit: int) -> None:
        self._connector = connector
        self._limit = limit
        self._max_attempts = MAX_HANDSHAKES if is_tls else limit
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []  # the one used last at the end; it is taken first
        self._attempts: dict[asyncio.Task[Connection | Unreachable], Exchange] = {}
        self._waiting: deque[Exchange] = deque()
        self._repeats: deque[Exchange] = deque()  # begun already; for a fresh connection only
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

    def submit(self, exchange: Exchange) -> None:
        """Send the request as soon as a connection is free."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closing():
                connection.start(exchange, monotonic_ns())
                return
        self._waiting.append(exchange)
        if len(self._connections) < self._limit:
            self._fill()

    def sweep(self, now: int) -> None:
        """Expire what is over its deadline, and close what has been idle for long."""
        # Lists, because `done` may send the next request and so change the sets.
        late = [c for c in self._connections if c.exchange and c.exchange.is_late(now)]
        for exchange in [c.abandon() for c in late]:
            if exchange is not None:
                exchange.expire()
        for task, exchange in [(t, e) for t, e in self._attempts.items() if e.is_late(now)]:
            task.cancel()
            exchange.expire()
        for exchange in [e for e in self._repeats if e.is_late(now)]:
            self._repeats.remove(exchange)
            exchange.expire()
        while self._idle and self._idle[0].idle_since <= now - KEEP_IDLE:
            self._idle.pop(0).abandon()

    async def close(self) -> None:
        """Abort everything, and wait until every connection is closed."""
        self._connector.close()
        unfinished = [*self._attempts.values(), *self._repeats, *self._waiting]
        unfinished += [e for c in self._connections if (e := c.abandon())]
        self._repeats.clear()
        self._waiting.clear()
        self._limit = 0
        for exchange in unfinished:
            exchange.fail(Failure.ABORTED, "the webhook client was closed")
        attempts = list(self._attempts)
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

    def lost(self, connection: Connection, unanswered: Exchange | None) -> None:
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

    def _open(self, exchange: Exchange) -> None:
        exchange.started = exchange.started or monotonic_ns()
        task = asyncio.get_running_loop().create_task(
            self._connector.connect(lambda: Connection(self), exchange.request.timeout)
        )
        self._attempts[task] = exchange
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[Connection | Unreachable]) -> None:
        exchange = self._attempts.pop(task)
        outcome = _outcome(task)
        if isinstance(outcome, Unreachable):
            exchange.fail(outcome.failure, outcome.detail)
        elif outcome.is_closing():
            detail = f"{exchange.target.origin}: {outcome.why_unusable()}"
            exchange.fail(Failure.SOCKET_ERROR, detail)
        else:
            self._connections.add(outcome)
            if exchange.is_finished:
                self.released(outcome, monotonic_ns())
            else:
                outcome.start(exchange, monotonic_ns())
        self._fill()


def _outcome(task: asyncio.Task[Connection | Unreachable]) -> Connection | Unreachable:
    if task.cancelled():
        return Unreachable(Failure.ABORTED, "the attempt to connect was cancelled")
    error = task.exception()
    if error is not None:
        return Unreachable(Failure.SOCKET_ERROR, f"the connection failed: {error!r}")
    return task.result()
