"""How does a running router forget all that has happened, and keep what is configured?

Each subscription gets a new queue in place of its old one, of which what is in flight ends unheard.
A crash in between leaves some of it: nothing that is left depends on the rest.
"""

from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.collections import GIVEN_UP, GIVEN_UP_EVENTS
from switchhook.grid.dead_letter_writes import DeadLetterWrites
from switchhook.grid.ports import AttemptHistory, Change, Delete, DropCursor, SettleWaiting, Store
from switchhook.grid.replays import Replays
from switchhook.grid.route import Router

_ROWS_AT_ONCE = 500


class Forgetting:
    """Forgets events, deliveries, dead letters, replays and attempts."""

    def __init__(
        self,
        *,
        store: Store,
        router: Router,
        checkpoint: Checkpoint,
        dead_letters: DeadLetterWrites,
        replays: Replays,
        history: AttemptHistory | None,
    ) -> None:
        self._store = store
        self._router = router
        self._checkpoint = checkpoint
        self._dead_letters = dead_letters
        self._replays = replays
        self._history = history

    async def forget(self) -> None:
        """Forget everything; the caller sees to it that no turn is taken meanwhile.

        Raises:
            StoreError: some of it is still there.
        """
        for replay in self._replays.all():
            await self._replays.delete(replay.run)
        await self._dead_letters.forget()
        async with self._checkpoint.standing():
            # What is published from here on is not forgotten.
            self._router.finish()
            head = self._router.head
            self._router.renew_queues()
            self._checkpoint.start_over()
            await self._empty_store(head)
        if self._history is not None:
            await self._history.forget()

    async def _empty_store(self, head: int) -> None:
        for incarnation in list(self._router.queues):
            while rows := await self._store.waiting(incarnation, limit=_ROWS_AT_ONCE):
                settled = [row for row in rows if row.position < head]
                if not settled:
                    break
                await self._commit([SettleWaiting(*row.identity) for row in settled])
        cursors = await self._store.cursors()
        await self._commit([DropCursor(each.subscription, each.run) for each in cursors])
        for collection in (GIVEN_UP, GIVEN_UP_EVENTS):
            while records := await self._store.scan(collection, limit=_ROWS_AT_ONCE):
                await self._commit([Delete(collection, record.key) for record in records])
        while await self._store.trim(head, _ROWS_AT_ONCE) == _ROWS_AT_ONCE:
            pass

    async def _commit(self, changes: list[Change]) -> None:
        if changes:
            await self._store.commit(changes)
