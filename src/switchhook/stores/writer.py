"""Which commits share a sync?

One thread writes. The commits of one turn of the event loop are handed to it together, and while it
syncs, the next ones gather. There is no delay to tune: the sync itself is the window in which a
group grows.
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable

from switchhook.errors import StoreError
from switchhook.stores.commit_health import CommitHealth
from switchhook.stores.log_rows import LogBounds
from switchhook.stores.requests import CommitRequest, finish
from switchhook.stores.transactions import Transactions

# A group is a transaction: bounded, so that nobody waits long behind it and it fits the page cache.
GROUP_BYTES = 4 << 20
# A large commit of changes does not hold up the events that were submitted before it.
GROUP_CHANGES = 1_000


class TrimRequest:
    """One transaction of `trim`: what was asked for, and then `removed` or `error`."""

    def __init__(self, before: int, max_rows: int) -> None:
        self.before = before
        self.max_rows = max_rows
        self.future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.removed = 0
        self.error: Exception | None = None


class _Stop:
    """The last thing that the thread is asked for."""


class _Attend:
    """The other thread that copies the write-ahead log has done its part."""


_Request = CommitRequest | TrimRequest | _Attend | _Stop


class Writer:
    """Runs commits and trims on a thread, in the order in which they were submitted.

    `bounds` are those of the log after the last finished commit.
    """

    def __init__(
        self, transactions: Transactions, on_failure: Callable[[BaseException], None]
    ) -> None:
        self.bounds = transactions.bounds
        self.health = CommitHealth()
        self._transactions = transactions
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._turn: list[_Request] = []
        self._handed_over: queue.SimpleQueue[list[_Request]] = queue.SimpleQueue()
        self._backlog: deque[_Request] = deque()
        self._has_reported = False
        self._is_closed = False
        self._stopped = asyncio.Event()
        threading.Thread(target=self._work, name="switchhook-writer", daemon=True).start()

    # --- on the event loop ---

    def submit(self, request: _Request) -> None:
        """Write after everything submitted before, in a group with what this turn submits."""
        if self._is_closed:
            raise StoreError("the store is closed")
        if not self._turn:
            self._loop.call_soon(self._hand_over)
        self._turn.append(request)

    async def close(self) -> None:
        """Finish what was submitted, then close the database."""
        if not self._is_closed:
            self.submit(_Stop())
            self._is_closed = True
        await self._stopped.wait()

    def _hand_over(self) -> None:
        turn, self._turn = self._turn, []
        self._handed_over.put(turn)
        commits = [isinstance(request, CommitRequest) for request in turn].count(True)
        if commits:
            self.health.submitted(commits)

    def _tell(self, group: list[CommitRequest], bounds: LogBounds) -> None:
        self.bounds = bounds
        self.health.finished(group)
        finish(group)

    def _tell_trim(self, request: TrimRequest, bounds: LogBounds) -> None:
        self.bounds = bounds
        if request.future.done():  # the task that awaited it was cancelled
            return
        if request.error is None:
            request.future.set_result(request.removed)
        else:
            request.future.set_exception(request.error)

    def _fail(self, error: BaseException) -> None:
        self.health.has_failed = True
        self._on_failure(error)

    # --- on the thread ---

    def _work(self) -> None:
        while True:
            match self._next():
                case list() as group:
                    self._transactions.commit(group)
                    self._call(self._tell, group, self._transactions.bounds)
                case TrimRequest() as request:
                    self._trim(request)
                    self._call(self._tell_trim, request, self._transactions.bounds)
                case _Attend():
                    pass
                case _Stop():
                    break
            # Only now: nobody whose commit is durable waits for it.
            self._transactions.checkpoint_when_due(self._attend)
            self._report_failure()
        self._transactions.close()
        self._report_failure()
        self._call(self._stopped.set)

    def _attend(self) -> None:
        self._handed_over.put([_Attend()])

    def _next(self) -> list[CommitRequest] | TrimRequest | _Attend | _Stop:
        """The next group, with all that has been handed over meanwhile and fits; waits for one."""
        while not self._backlog or not self._handed_over.empty():
            self._backlog.extend(self._handed_over.get())
        request = self._backlog.popleft()
        if not isinstance(request, CommitRequest):
            return request
        group, size, changes = [request], request.size, len(request.changes)
        while self._backlog and isinstance(following := self._backlog[0], CommitRequest):
            size += following.size
            changes += len(following.changes)
            if size > GROUP_BYTES or changes > GROUP_CHANGES:
                break
            group.append(following)
            self._backlog.popleft()
        return group

    def _trim(self, request: TrimRequest) -> None:
        try:
            request.removed = self._transactions.trim(request.before, request.max_rows)
        except Exception as error:  # noqa: BLE001 - it becomes the error of its caller
            request.error = error

    def _report_failure(self) -> None:
        if self._transactions.failure is not None and not self._has_reported:
            self._has_reported = True
            self._call(self._fail, self._transactions.failure)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(function, *arguments)
