"""What goes wrong inside the router costs one event its time, and none its delivery."""

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from switchhook.clock import HOUR, VirtualClock
from switchhook.errors import StoreError, StoreFullError
from switchhook.grid.collections import TOPICS
from switchhook.grid.delivery import Delivery
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.limits import Limits
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Appended, Batch, Change, Put, PutWaiting, WebhookResponse
from switchhook.grid.replay import ReplaySource, ReplayState
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import DeliverySettings, RetryPolicy, WebHookDestination
from switchhook.grid.topics import Topic
from switchhook.stores.memory import MemoryStore
from tests.builders import a_body, a_subscription, a_topic, an_event
from tests.flow.conftest import Flow, start
from tests.scripted_transport import always

CLOUD_TOPIC = a_topic(input_schema=EventSchema.CLOUD_EVENTS)
BATCHES = WebHookDestination(endpoint_url="http://127.0.0.1:9/hook", max_events_per_batch=10)


class _FailingStore(MemoryStore):
    """Refuses while the test wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False
        self.fails_to_read = False

    async def commit(
        self, changes: Sequence[Change] = (), batches: Sequence[Batch] = (), on_durable: Any = None
    ) -> int:
        if self.is_full:
            raise StoreFullError("the disk is full")
        return await super().commit(changes, batches, on_durable)

    async def read_from(self, position: int, max_bytes: int = 1 << 20) -> list[Appended]:
        if self.fails_to_read:
            raise StoreError("the disk does not answer")
        return await super().read_from(position, max_bytes)


async def _start(store: MemoryStore, observation: Observation | None = None) -> Flow:
    topic = a_topic()
    await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
    return await start(store, VirtualClock(), topic, observation=observation)


async def _not_renderable(flow: Flow, **members: Any) -> None:
    """A subscription that asks for a schema which CloudEvents cannot have, and one that can."""
    flow.engine.router.add_topic(CLOUD_TOPIC)
    wrong = EventSchema.EVENT_GRID
    await flow.subscribe(incarnation="wrong", event_delivery_schema=wrong, **members)
    right = WebHookDestination(endpoint_url="http://127.0.0.1:9/right")
    await flow.subscribe(
        incarnation="right",
        destination=right,
        event_delivery_schema=EventSchema.CLOUD_EVENTS,
    )


async def _publish_cloud_events(flow: Flow, *ids: str) -> None:
    events = [{"specversion": "1.0", "type": "t", "source": "/s", "id": name} for name in ids]
    request = PublishRequest(a_body(*events), "application/cloudevents-batch+json")
    await flow.engine.publisher.publish(CLOUD_TOPIC, request)


async def test_event_that_cannot_be_sent_costs_nobody_else_theirs(flow: Flow) -> None:
    """Neither the other subscriptions nor the events that were published with it."""
    await _not_renderable(flow)
    await _publish_cloud_events(flow, "a", "b")
    await flow.engine.quiet()

    assert [request.url[-5:] for request in flow.transport.requests] == ["right"] * 2
    assert flow.engine.deliverer.in_flight == 0


async def test_event_that_cannot_be_sent_waits_and_is_given_up(flow: Flow) -> None:
    """It has attempts and an end like any other that fails."""
    await _not_renderable(flow, retry_policy=RetryPolicy(max_delivery_attempts=2))
    await _publish_cloud_events(flow, "a")
    await flow.engine.quiet()
    (row,) = await flow.waiting()

    assert (row.subscription, row.attempts, row.last_outcome) == ("wrong", 1, "Aborted")

    await flow.advance(seconds=10)

    assert await flow.waiting() == []


class _FailingObservation(Observation):
    """Fails where the test wants it."""

    fails_at = ""

    def matched(
        self, topic: Topic, queue: SubscriptionQueue, events: Sequence[tuple[int, Event]]
    ) -> None:
        self._fail("matched")

    def ended(self, deliveries: Sequence[Delivery], response: WebhookResponse) -> None:
        self._fail("ended")

    def answered(
        self, queue: SubscriptionQueue, deliveries: Sequence[Delivery], response: WebhookResponse
    ) -> None:
        self._fail("answered")

    def _fail(self, where: str) -> None:
        if self.fails_at == where:
            self.fails_at = ""
            raise ValueError("no room for a number")


@pytest.mark.parametrize("where", ["matched", "ended", "answered"])
async def test_failure_to_tell_of_a_delivery_costs_time_at_most(where: str) -> None:
    """The events of a failed step come again; the others are not concerned."""
    observation = _FailingObservation()
    flow = await _start(MemoryStore(), observation)
    await flow.subscribe(destination=BATCHES)
    flow.transport.answer = lambda _: None
    await flow.publish("a")
    await flow.publish("b", "c")
    observation.fails_at = where
    await flow.publish("d")
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()
    await flow.advance(minutes=1)

    assert set(flow.transport.delivered_ids) == {"a", "b", "c", "d"}
    assert (await flow.waiting(), await flow.store.cursors()) == ([], [])
    assert flow.engine.deliverer.in_flight == 0


async def test_event_that_cannot_be_matched_stays_in_the_log(flow: Flow) -> None:
    """With those behind it, which wait for it and are not lost; those before it are delivered."""
    await flow.subscribe()
    router = flow.engine.router
    body = a_body(an_event(id="a"), an_event(id="b"))
    bad = Batch(topic="t1", schema=EventSchema.EVENT_GRID, published_at=1, body=body, count=2)
    broken = msgspec.structs.replace(bad, body=body.replace(b'"id": "b"', b'"id": 7'))
    await flow.store.commit((), [broken], lambda first: router.route(Appended(first, broken)))
    await flow.publish("c")
    for _ in range(3):
        with pytest.raises(msgspec.ValidationError):
            await flow.engine.turn()
    await flow.engine.checkpoint.write()

    assert flow.transport.delivered_ids in ([], ["a"])
    (cursor,) = await flow.store.cursors()
    assert cursor.position < 2


class _Damage(MemoryStore):
    """A store of which one event cannot be read until it is repaired."""

    is_repaired = False

    async def read_from(self, position: int, max_bytes: int = 1 << 20) -> list[Appended]:
        found = await super().read_from(position, max_bytes)
        return found if self.is_repaired else [self.damage(each) for each in found]

    @staticmethod
    def damage(appended: Appended) -> Appended:
        """What is read instead."""
        body = appended.batch.body.replace(b'"id": "bad"', b'"id": 7')
        return Appended(appended.first, msgspec.structs.replace(appended.batch, body=body))


async def test_event_that_can_be_read_again_is_delivered_with_all_behind_it() -> None:
    """Each event once, also where the damage is met in the middle of many that wait for a turn."""
    store, topic = _Damage(), a_topic()
    await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
    flow = await start(store, VirtualClock(), topic, Limits(routed_in_a_turn=4))
    await flow.subscribe()
    names = [*(f"before-{n}" for n in range(9)), "bad", *(f"behind-{n}" for n in range(9))]
    batches = [
        Batch(
            topic="t1",
            schema=EventSchema.EVENT_GRID,
            published_at=flow.clock.now(),
            body=a_body(*(an_event(id=name) for name in names[first : first + 4])),
            count=len(names[first : first + 4]),
        )
        for first in range(0, len(names), 4)
    ]

    def route(first: int) -> None:
        for batch in batches:
            flow.engine.router.route(store.damage(Appended(first, batch)))
            first += batch.count

    await store.commit((), batches, route)
    for _ in range(8):
        with contextlib.suppress(msgspec.ValidationError):
            await flow.engine.quiet()
    before = list(flow.transport.delivered_ids)
    store.is_repaired = True
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()

    assert before == [name for name in names[:8] if name.startswith("before")]
    assert flow.transport.delivered_ids == names
    assert await store.cursors() == []


async def _commit_broken(flow: Flow) -> None:
    """Make a batch durable that cannot be read."""
    route = flow.engine.router.route
    body = a_body(an_event(id="a")).replace(b'"id": "a"', b'"id": 7')
    broken = Batch(topic="t1", schema=EventSchema.EVENT_GRID, published_at=1, body=body, count=1)
    await flow.store.commit((), [broken], lambda first: route(Appended(first, broken)))


async def test_event_that_cannot_be_matched_holds_up_no_other_topic(flow: Flow) -> None:
    """Not even one whose events lie so far behind it that they are not read together."""
    other = msgspec.structs.replace(flow.topic, incarnation="t2", name="t2", resource_id="/t2")
    flow.engine.router.add_topic(other)
    await flow.subscribe()
    await flow.put(a_subscription(incarnation="s2", topic="t2"))
    for incarnation in ("s1", "s2"):
        flow.engine.router.configure(incarnation, DeliverySettings(is_paused=True))
    await _commit_broken(flow)
    await flow.engine.publisher.publish(other, PublishRequest(a_body(an_event(id="b" * 900_000))))
    await flow.engine.publisher.publish(other, PublishRequest(a_body(an_event(id="c" * 900_000))))
    for incarnation in ("s1", "s2"):
        flow.engine.router.configure(incarnation, DeliverySettings())
    for _ in range(4):
        with contextlib.suppress(msgspec.ValidationError):
            await flow.engine.quiet()

    assert [each[0] for each in flow.transport.delivered_ids] == ["b", "c"]


async def test_event_that_cannot_be_read_does_not_expire(flow: Flow) -> None:
    """It stays for its paused subscription; upkeep goes on, and others' events expire."""
    other = msgspec.structs.replace(flow.topic, incarnation="t2", name="t2", resource_id="/t2")
    flow.engine.router.add_topic(other)
    await flow.subscribe()
    await flow.put(a_subscription(incarnation="s2", topic="t2"))
    for incarnation in ("s1", "s2"):
        flow.engine.router.configure(incarnation, DeliverySettings(is_paused=True))
    await _commit_broken(flow)
    await flow.engine.publisher.publish(other, PublishRequest(a_body(an_event(id="b"))))

    await flow.advance(hours=30)
    await flow.engine.checkpoint.write()

    assert [cursor.subscription for cursor in await flow.store.cursors()] == ["s1"]
    assert flow.store.extent().first == 0


async def test_log_that_cannot_be_read_holds_up_the_preparation_of_no_other_topic(
    flow: Flow,
) -> None:
    """Who looks for duplicates there waits; who looks elsewhere is ready."""
    other = msgspec.structs.replace(flow.topic, incarnation="t2", name="t2", resource_id="/t2")
    flow.engine.router.add_topic(other)
    await flow.subscribe()
    await flow.put(a_subscription(incarnation="s2", topic="t2"))
    await _commit_broken(flow)
    for incarnation in ("s1", "s2"):
        flow.engine.router.configure(incarnation, DeliverySettings(deduplication_window=HOUR))
    await flow.engine.publisher.publish(other, PublishRequest(a_body(an_event(id="b"))))
    for _ in range(3):
        with contextlib.suppress(msgspec.ValidationError):
            await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["b"]


async def test_row_that_cannot_be_read_holds_up_no_other(flow: Flow) -> None:
    """It stays where it is; those behind it are taken up, and it is as well when it can be."""
    await flow.subscribe()
    flow.transport.answer = always(503)
    await flow.publish("a")
    await flow.publish("b")
    await flow.engine.quiet()
    first, _ = await flow.waiting()
    asked = len(flow.transport.requests)
    broken = msgspec.structs.replace(first, body=first.body.replace(b'"id": "a"', b'"id": 7'))
    await flow.store.commit([PutWaiting(broken)])
    flow.transport.answer = always(200)

    await flow.advance(minutes=1)
    (left,) = await flow.waiting()
    await flow.store.commit([PutWaiting(first)])
    revived = await flow.restarted()
    await revived.advance(minutes=1)

    assert flow.transport.delivered_ids[asked:] == ["b"]
    assert left == broken
    assert revived.transport.delivered_ids == ["a"]


# --- the store ---------------------------------------------------------------------------------


async def test_replay_that_cannot_end_on_a_full_disk_holds_up_nobody() -> None:
    store = _FailingStore()
    flow = await _start(store)
    await flow.subscribe()
    await flow.publish("a")
    await flow.engine.quiet()
    replay = await flow.engine.replays.begin(subscription="s1", source=ReplaySource.LOG)
    await flow.engine.quiet()
    flow.engine.router.configure("s1", DeliverySettings(is_paused=True))
    await flow.publish("b")
    await flow.engine.checkpoint.write()
    store.is_full = True
    await flow.advance(seconds=1)
    flow.engine.router.configure("s1", DeliverySettings())
    with contextlib.suppress(StoreFullError):
        await flow.engine.turn()
    await flow.attempt_ended()

    assert flow.transport.delivered_ids == ["a", "a", "b"]

    store.is_full = False
    await flow.advance(seconds=10)
    ended = flow.engine.replays.find(replay.name)
    assert ended is not None
    assert ended.state is ReplayState.SUCCEEDED


async def test_duplicates_are_learned_after_all_when_the_log_could_not_be_read() -> None:
    store = _FailingStore()
    flow = await _start(store)
    await flow.publish("a")
    flow.engine.router.configure("s1", DeliverySettings(deduplication_window=HOUR))
    await flow.subscribe()
    store.fails_to_read = True
    with pytest.raises(StoreError):
        await flow.engine.turn()
    store.fails_to_read = False
    await flow.engine.quiet()
    await flow.publish("a", "b")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["b"]
