"""Step 1: accept events and make them durable."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from switchhook.background import Background
from switchhook.clock import Clock
from switchhook.errors import CommitUnknownError, RequestError, StoreError, StoreFullError
from switchhook.grid.events import EventSchema
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Appended, Batch, Change, Commit, hashes_of_ids
from switchhook.grid.retention import Retention
from switchhook.grid.route import Router
from switchhook.grid.schemas import event_grid
from switchhook.grid.schemas.accept import PublishRequest, accept
from switchhook.grid.schemas.event_grid import AcceptedEvent, ServiceEvent
from switchhook.grid.schemas.read import read
from switchhook.grid.topics import Topic, TopicKind

_DOMAIN = TopicKind.DOMAIN

# How often room is made for who finds that others, who came later, have taken it.
_TRIES = 10

# Told how something has ended: by an error, or well.
Ended = Callable[[Exception | None], None]


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
        self.router = router
        self._retention = retention
        self._clock = clock
        self._background = Background()
        self.observation = observation

    async def publish(self, topic: Topic, request: PublishRequest, traceparent: str = "") -> None:
        """Accept a request's events, all or none; return once they are durable.

        Raises:
            RequestError: the request breaks a rule of the topic's input schema.
            StoreError: the events were not accepted; the client may try again.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ended(error: Exception | None) -> None:
            if done.done():  # the task that awaits it was cancelled
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        self.submit(topic, request, traceparent, ended)
        try:
            await done
        except Exception:
            del done  # whose error leads to here
            raise

    def submit(self, topic: Topic, request: PublishRequest, traceparent: str, ended: Ended) -> None:
        """As `publish`, for who has nobody to wait: `ended` is called instead, once, at once or
        later, with the error that `publish` would raise, or None."""
        start = time.perf_counter_ns()
        try:
            accepted = accept(request, topic)
        except RequestError as error:
            self.observation.refused(topic, error)
            ended(error)
            return
        if not accepted.count:
            ended(None)
            return
        batch = Batch(
            topic=topic.incarnation,
            schema=topic.input_schema,
            published_at=self._clock.now(),
            body=accepted.body,
            count=accepted.count,
            id_hashes=hashes_of_ids(accepted.ids),
            traceparent=traceparent,
            checked=accepted.checked if self.router.is_read(topic.incarnation) else None,
        )
        submission = _Submission(self, topic, batch, start, ended)
        try:
            self._store.submit((), (batch,), submission.route, submission.ended)
        except StoreError as error:
            submission.is_last = True
            submission.ended(error)

    def submit_again(self, submission: "_Submission") -> None:
        """Finished events make room first; only what nobody has finished is worth a refusal."""
        self._background.spawn(self._submit_again(submission))

    async def _submit_again(self, submission: "_Submission") -> None:
        submission.is_last = True
        try:
            await self._commit_with_room((), (submission.batch,), submission.route)
        except asyncio.CancelledError:  # perhaps in mid-commit
            submission.ended(CommitUnknownError("the server ends"))
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            submission.ended(error)
        else:
            submission.ended(None)

    async def close(self) -> None:
        """Give up what waits for room."""
        await self._background.close()

    async def commit(self, changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        """The `CommitEvents` of this router."""

        def route(first: int) -> None:
            for batch in batches:
                self.router.route(Appended(first, batch))
                first += batch.count

        try:
            return await self._store.commit(changes, batches, route)
        except StoreFullError:
            return await self._commit_with_room(changes, batches, route)

    async def _commit_with_room(
        self,
        changes: Sequence[Change],
        batches: Sequence[Batch],
        route: Callable[[int], None],
    ) -> int:
        """Commit once finished events have made room, which others may take meanwhile."""
        needed = sum(len(batch.body) for batch in batches)
        async with self._retention.turn:
            for _ in range(_TRIES - 1):
                await self._retention.make_room(needed)
                try:
                    return await self._store.commit(changes, batches, route)
                except StoreFullError:
                    if self._retention.has_room(needed):
                        raise  # it is the disk that is full
            await self._retention.make_room(needed)
            return await self._store.commit(changes, batches, route)


class _Submission(msgspec.Struct, eq=False):
    """Events that are on their way into the log, and who waits for that."""

    publisher: Publisher
    topic: Topic
    batch: Batch
    start: int
    told: Ended
    is_last: bool = False

    def route(self, first: int) -> None:
        """They are durable."""
        self.publisher.router.route(Appended(first, self.batch))

    def ended(self, error: Exception | None) -> None:
        """A commit has ended; where the store is full another one follows, unless it `is_last`."""
        if error is None:
            nanoseconds = time.perf_counter_ns() - self.start
            if self.topic.kind is _DOMAIN:
                self._count_in_domain(nanoseconds)
            else:
                self.publisher.observation.published(self.topic, self.batch.count, nanoseconds)
        elif isinstance(error, StoreFullError) and not self.is_last:
            self.publisher.submit_again(self)
            return
        elif isinstance(error, StoreError):
            self.publisher.observation.refused(self.topic, error)
        self.told(error)

    def _count_in_domain(self, nanoseconds: int) -> None:
        topic, batch = self.topic, self.batch
        events = read(batch.body, batch.schema, topic, first=0, published_at=batch.published_at)
        names = [event.domain_topic for event in events]
        self.publisher.observation.published_in_domain(topic, names, nanoseconds)


def batch_of(topic: str, events: Sequence[bytes], now: int) -> Batch:
    """Events in the Event Grid schema that a service of ours publishes together.

    `topic` is the incarnation of its system topic.
    """
    body = _array(events)
    return _batch(topic, body, event_grid.envelopes(body), now)


def batch_of_read(topic: str, events: Sequence[ServiceEvent], now: int) -> Batch:
    """As `batch_of`, for events of which nothing has to be read again."""
    return _batch(topic, _array([event.text for event in events]), events, now)


def _array(events: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(events) + b"]"


def _batch(topic: str, body: bytes, events: Sequence[AcceptedEvent], now: int) -> Batch:
    return Batch(
        topic=topic,
        schema=EventSchema.EVENT_GRID,
        published_at=now,
        body=body,
        count=len(events),
        id_hashes=hashes_of_ids([event.id for event in events]),
        checked=events,
    )
