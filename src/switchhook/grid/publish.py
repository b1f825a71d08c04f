"""Step 1: accept events and make them durable."""

from collections.abc import Sequence
from typing import Protocol

from switchhook.clock import Clock
from switchhook.errors import StoreFullError
from switchhook.grid.ports import Appended, Batch, Change, Commit, hash_of_id
from switchhook.grid.retention import Retention
from switchhook.grid.route import Router
from switchhook.grid.schemas.accept import PublishRequest, accept
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

    async def publish(self, topic: Topic, request: PublishRequest) -> int:
        """Accept a request's events, all or none; answer how many once they are durable.

        Raises:
            RequestError: the request breaks a rule of the topic's input schema.
            StoreError: the events were not accepted; the client may try again.
        """
        accepted = accept(request, topic)
        if accepted.count:
            batch = Batch(
                topic=topic.incarnation,
                schema=topic.input_schema,
                published_at=self._clock.now(),
                body=accepted.body,
                count=accepted.count,
                id_hashes=b"".join(map(hash_of_id, accepted.ids)),
            )
            await self.commit((), (batch,))
        return accepted.count

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
