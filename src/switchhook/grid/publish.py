"""Step 1: accept events and make them durable."""

from collections.abc import Sequence
from typing import Protocol

from switchhook.clock import Clock
from switchhook.errors import StoreFullError
from switchhook.grid.events import EventSchema
from switchhook.grid.ports import Appended, Batch, Change, Commit
from switchhook.grid.retention import Retention
from switchhook.grid.route import Router
from switchhook.grid.schemas import event_grid
from switchhook.grid.topics import Topic


class CommitEvents(Protocol):
    """Makes state changes and the events they cause durable together, and routes the events."""

    async def __call__(self, changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        """Answer the position of the first event; the promises and errors are those of `Commit`."""


class Publisher:
    """Takes events from clients and from the Communication Services engines."""

    def __init__(
        self, *, store: Commit, router: Router, retention: Retention, clock: Clock
    ) -> None:
        self._store = store
        self._router = router
        self._retention = retention
        self._clock = clock

    async def publish(self, topic: Topic, body: bytes) -> int:
        """Accept a request's events, all or none; answer how many once they are durable.

        Raises:
            RequestError: the body breaks a rule of the topic's input schema.
            StoreError: the events were not accepted; the client may try again.
        """
        count = event_grid.check(body, topic)
        if count:
            batch = Batch(
                topic=topic.incarnation,
                schema=EventSchema.EVENT_GRID,
                published_at=self._clock.now(),
                body=body,
                count=count,
            )
            await self.commit((), (batch,))
        return count

    async def commit(self, changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        """The `CommitEvents` of this router."""

        def route(first: int) -> None:
            for batch in batches:
                self._router.route(Appended(first, batch))
                first += batch.count

        try:
            return await self._store.commit(changes, batches, route)
        except StoreFullError:
            # Finished events make room first; only what nobody has finished is worth a refusal.
            if not await self._retention.make_room(sum(len(batch.body) for batch in batches)):
                raise
        return await self._store.commit(changes, batches, route)
