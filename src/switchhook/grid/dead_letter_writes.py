"""When is a dead letter written? When its row is due, for one subscription at a time.

Writing can take long; it never holds up deliveries. What came of it is settled by the next
checkpoint.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.ports import Change, PutWaiting, SettleWaiting, WaitingDelivery
from switchhook.grid.route import Router

log = logging.getLogger(__name__)


class DeadLetterWrites:
    """The dead letters that are being written."""

    def __init__(
        self,
        *,
        dead_lettering: DeadLettering,
        router: Router,
        checkpoint: Checkpoint,
        ended: Callable[[], None],
    ) -> None:
        self._dead_lettering = dead_lettering
        self._router = router
        self._checkpoint = checkpoint
        self._ended = ended
        self._due: dict[str, list[WaitingDelivery]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def in_progress(self) -> int:
        """How many subscriptions' dead letters are being written now."""
        return len(self._tasks)

    def take(self, row: WaitingDelivery) -> None:
        """A row whose dead letter is due."""
        self._checkpoint.owned.add(row.identity)
        self._due.setdefault(row.subscription, []).append(row)

    def start(self) -> None:
        """Write what was taken."""
        for subscription in [each for each in self._due if each not in self._tasks]:
            rows = self._due.pop(subscription)
            self._tasks[subscription] = asyncio.create_task(self._write(subscription, rows))

    async def _write(self, subscription: str, rows: Sequence[WaitingDelivery]) -> None:
        try:
            for change in await self._changes(subscription, rows):
                self._note(change)
        except Exception:  # the rows stay; they are taken up again
            log.exception("dead_letter.failed", extra={"subscription": subscription})
            for row in rows:
                self._checkpoint.owned.discard(row.identity)
            self._checkpoint.read_mark = None
        finally:
            del self._tasks[subscription]
            self.start()
            self._ended()
            self._checkpoint.wake()

    async def _changes(
        self, subscription: str, rows: Sequence[WaitingDelivery]
    ) -> Sequence[Change]:
        queue = self._router.queues.get(subscription)
        topic = self._router.topic(rows[0].topic)
        if queue is None or topic is None:
            return [SettleWaiting(*row.identity) for row in rows]
        return await self._dead_lettering.write(rows, queue.subscription, topic)

    def _note(self, change: Change) -> None:
        match change:
            case PutWaiting(row):
                self._checkpoint.put(row)
            case SettleWaiting(position, subscription, run):
                self._checkpoint.settle((position, subscription, run))
            case _:
                self._checkpoint.keep(change)

    async def stop(self) -> None:
        """End what is in progress; its rows are still there at the next start."""
        for task in tuple(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
