"""What has the router to tidy up from time to time?"""

import asyncio
import logging

from switchhook.clock import MINUTE, Clock
from switchhook.errors import StoreError
from switchhook.grid.catch_up import CatchUp
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS, version_key
from switchhook.grid.given_up import Keep
from switchhook.grid.ports import Delete, Store
from switchhook.grid.replays import Replays
from switchhook.grid.retention import Retention
from switchhook.grid.route import Router
from switchhook.grid.subscription_queue import SubscriptionQueue

log = logging.getLogger(__name__)

_INTERVAL = MINUTE


class Upkeep:
    """Asks for itself once a minute; whoever holds `turn` keeps it from beginning."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        router: Router,
        checkpoint: Checkpoint,
        catch_up: CatchUp,
        retention: Retention,
        replays: Replays,
        keep: Keep,
    ) -> None:
        """`keep` says how much of what was given up stays."""
        self._store = store
        self._clock = clock
        self._router = router
        self._checkpoint = checkpoint
        self._catch_up = catch_up
        self._retention = retention
        self._replays = replays
        self._keep = keep
        self._asked = asyncio.Event()
        self.turn = asyncio.Lock()

    def start(self) -> None:
        """Ask for it in a minute, and every minute from then on."""
        self._clock.call_at(self._clock.now() + _INTERVAL, self._ask)

    def _ask(self) -> None:
        self._asked.set()
        self.start()

    @property
    def is_busy(self) -> bool:
        """Whether it is asked for or under way."""
        return self._asked.is_set() or self.turn.locked()

    async def run(self) -> None:
        """Tidy up whenever it is asked for, until cancelled."""
        while True:
            await self._asked.wait()
            await self.if_asked()

    async def if_asked(self) -> bool:
        """Tidy up if that is asked for; whether it was."""
        async with self.turn:
            asked = self._asked.is_set()
            self._asked.clear()
            try:
                if asked:
                    await self.now()
            except StoreError as problem:
                log.warning("upkeep.failed", extra={"reason": str(problem)})
            return asked

    async def now(self) -> None:
        """Give up what has expired unread, trim the log, forget versions that nothing needs."""
        await self._catch_up.expire(self._clock.now())
        await self._retention.trim_aged()
        first = self._store.extent().first
        self._router.forget_duplicates(before=first)
        for queue in self._router.rest():
            await self._forget_old_versions(queue)
        await self._replays.upkeep(self._keep)

    async def _forget_old_versions(self, queue: SubscriptionQueue) -> None:
        newest = queue.subscription
        # While the log has events of theirs, they explain who was sent which.
        needed_from = min(queue.cursor(self._router.head), self._store.extent().first)
        if needed_from < newest.from_position:
            return
        if any(identity[1] == newest.incarnation for identity in self._checkpoint.unwritten):
            return
        if await self._version_of_first_row(newest.incarnation) not in (None, newest.version):
            return
        old = [each.version for each in queue.versions if each.version != newest.version]
        await self._store.commit(
            [Delete(SUBSCRIPTION_VERSIONS, version_key(newest.incarnation, n)) for n in old]
        )
        queue.forget_versions(old)

    async def _version_of_first_row(self, incarnation: str) -> int | None:
        """The oldest version that a row needs; replays go by the newest."""
        start = 0
        while rows := await self._store.waiting(incarnation, start=start):
            own = next((row for row in rows if not row.run), None)
            if own is not None:
                return own.version
            start = rows[-1].position + 1
        return None
