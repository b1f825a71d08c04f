"""When is a dead letter written? When its row is due, for one subscription at a time.

Writing can take long; it never holds up deliveries. What came of it is settled by the next
checkpoint.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence

import msgspec

from switchhook.clock import MINUTE, Clock
from switchhook.grid import dead_letters
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.collections import GIVEN_UP
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.given_up import GivenUp
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Change, Put, PutWaiting, SettleWaiting, WaitingDelivery
from switchhook.grid.route import Router
from switchhook.grid.subscription_queue import SubscriptionQueue

log = logging.getLogger(__name__)


# How many dead letters may gather while others of their subscription are being written, and how
# long those are put off that come then.
MAX_GATHERED = 1000
PUT_OFF = MINUTE

_Group = tuple[str, int]  # the subscription and its version


class DeadLetterWrites:
    """The dead letters that are being written: one group at a time for each subscription."""

    def __init__(
        self,
        *,
        dead_lettering: DeadLettering,
        router: Router,
        checkpoint: Checkpoint,
        clock: Clock,
        observation: Observation,
        speed: Callable[[SubscriptionQueue], int],
        ended: Callable[[], None],
    ) -> None:
        self._dead_lettering = dead_lettering
        self._router = router
        self._checkpoint = checkpoint
        self._clock = clock
        self._observation = observation
        self._speed = speed
        self._ended = ended
        self._due: dict[_Group, list[WaitingDelivery]] = {}
        self._tasks: dict[_Group, asyncio.Task[None]] = {}

    @property
    def in_progress(self) -> int:
        """How many groups of dead letters are being written now."""
        return len(self._tasks)

    def take(self, row: WaitingDelivery) -> None:
        """A row whose dead letter is due."""
        gathered = self._due.setdefault((row.subscription, row.version), [])
        if len(gathered) >= MAX_GATHERED:
            later = msgspec.structs.replace(row, due_at=self._clock.now() + PUT_OFF)
            self._checkpoint.put(later)
            return
        self._checkpoint.owned.add(row.identity)
        gathered.append(row)

    def start(self) -> None:
        """Write what was taken."""
        for group in [each for each in self._due if each not in self._tasks]:
            rows = self._due.pop(group)
            self._tasks[group] = asyncio.create_task(self._write(group, rows))

    async def _write(self, group: _Group, rows: Sequence[WaitingDelivery]) -> None:
        try:
            for change in await self._changes(group, rows):
                self._note(change)
        except Exception:  # the rows stay; they are taken up again
            log.exception("dead_letter.failed", extra={"subscription": group[0]})
            for row in rows:
                self._checkpoint.release_row(row)
        finally:
            del self._tasks[group]
            self.start()
            self._ended()
            self._checkpoint.wake()

    async def _changes(self, group: _Group, rows: Sequence[WaitingDelivery]) -> Sequence[Change]:
        queue = self._router.queues.get(group[0])
        topic = self._router.topic(rows[0].topic)
        if queue is None or topic is None:
            return [SettleWaiting(*row.identity) for row in rows]
        version = queue.version(group[1]) or queue.subscription
        waits = dead_letters.waits(self._speed(queue))
        changes = await self._dead_lettering.write(rows, version, topic, waits)
        self._observation.buried(queue, _letters(changes))
        return changes

    def _note(self, change: Change) -> None:
        match change:
            case PutWaiting(row):
                self._checkpoint.put(row)
            case SettleWaiting(position, subscription, run):
                self._checkpoint.settle((position, subscription, run))
            case _:
                self._checkpoint.keep(change)

    async def forget(self) -> None:
        """End what is in progress and what was taken; their rows are about to go."""
        self._due.clear()
        await self.stop()

    async def stop(self) -> None:
        """End what is in progress; its rows are still there at the next start."""
        self._due.clear()  # the end of a write begins the next one
        for task in tuple(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _letters(changes: Sequence[Change]) -> Iterator[GivenUp]:
    for change in changes:
        if isinstance(change, Put) and change.collection == GIVEN_UP:
            yield msgspec.json.decode(change.value, type=GivenUp)
