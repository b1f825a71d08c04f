"""Step 1: accept events and make them durable."""

import time
from collections.abc import Sequence
from typing import Protocol

import msgspec

from switchhook.clock import Clock
from switchhook.errors import RequestError, StoreError, StoreFullError
from switchhook.grid.events import EventSchema
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Appended, Batch, Change, Commit, hash_of_id
from switchhook.grid.retention import Retention
from switchhook.grid.route import Router
from switchhook.grid.schemas.accept import Accepted, PublishRequest, accept
from switchhook.grid.schemas.read import read
from switchhook.grid.topics import Topic, TopicKind


class CommitEvents(Protocol):
    """Makes state changes and the events they cause durable together, and routes the events."""

    async def __call__(self, changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        """Answer the position of the first event; the promises and errors are those of `Commit`."""


class Publisher:
    """Takes events from clients and from the Communication Services engines."""

    def __init__(
        self,
        *,
        store: Commit,
        router: Router,
        retention: Retention,
        clock: Clock,
        observation: Observation,
    ) -> None:
        self._store = store
        self._router = router
        self._retention = retention
        self._clock = clock
        self.observation = observation

    async def publish(self, topic: Topic, request: PublishRequest, traceparent: str = "") -> int:
        """Accept a request's events, all or none; answer how many once they are durable.

        Raises:
            RequestError: the request breaks a rule of the topic's input schema.
            StoreError: the events were not accepted; the client may try again.
        """
        start = time.perf_counter_ns()
        try:
            accepted = accept(request, topic)
            if accepted.count:
                batch = self._batch(topic, accepted, traceparent)
                await self.commit((), (batch,))
                names = _domain_topics(topic, batch)
                self.observation.published(topic, names, time.perf_counter_ns() - start)
        except (RequestError, StoreError) as error:
            self.observation.refused(topic, error)
            raise
        return accepted.count

    def _batch(self, topic: Topic, accepted: Accepted, traceparent: str) -> Batch:
        return Batch(
            topic=topic.incarnation,
            schema=topic.input_schema,
            published_at=self._clock.now(),
            body=accepted.body,
            count=accepted.count,
            id_hashes=b"".join(map(hash_of_id, accepted.ids)),
            traceparent=traceparent,
        )

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


class _Id(msgspec.Struct):
    id: str


_decode_ids = msgspec.json.Decoder(list[_Id]).decode


def batch_of(topic: str, events: Sequence[bytes], now: int) -> Batch:
    """Events in the Event Grid schema that a service of ours publishes together.

    `topic` is the incarnation of its system topic.
    """
    body = b"[" + b",".join(events) + b"]"
    return Batch(
        topic=topic,
        schema=EventSchema.EVENT_GRID,
        published_at=now,
        body=body,
        count=len(events),
        id_hashes=b"".join(hash_of_id(event.id) for event in _decode_ids(body)),
    )


def _domain_topics(topic: Topic, batch: Batch) -> Sequence[str]:
    """The domain topic of each event, "" for events of any other topic."""
    if topic.kind is not TopicKind.DOMAIN:
        return ("",) * batch.count
    events = read(batch.body, batch.schema, topic, first=0, published_at=batch.published_at)
    return [event.domain_topic for event in events]
