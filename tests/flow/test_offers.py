"""A queue is handed all that it wants of a batch at once: what it takes, and what becomes of the
rest."""

import asyncio
import gc
from collections.abc import Sequence

import pytest

from switchhook.grid.delivery import InFlight
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.faults import DeliveryFault
from switchhook.grid.hand_over import HandOver
from switchhook.grid.laggards import MAX_QUEUE_BYTES
from switchhook.grid.limits import Limits
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Batch, WebhookRequest, WebhookResponse
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import WebHookDestination
from switchhook.grid.topic_route import Share
from tests.builders import a_subscription, a_topic
from tests.flow.conftest import Flow
from tests.scripted_transport import always

BATCHES = WebHookDestination(endpoint_url="https://shop.example/hook", max_events_per_batch=5)


def some_events(count: int, size: int = 10) -> list[tuple[int, Event]]:
    """Events with their positions, of so many bytes each."""
    return [(n, Event(str(n), "T", "s", "1", b"x" * size)) for n in range(count)]


async def _hanging(flow: Flow, limits: Limits) -> tuple[Flow, SubscriptionQueue]:
    """A subscription whose webhook does not answer."""
    flow = await flow.restarted(limits=limits)
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    return flow, flow.engine.router.queues["s1"]


async def test_queue_sends_and_keeps_as_many_as_it_may(flow: Flow) -> None:
    """So many at a time are sent, and so many wait; the other limit has no part in it."""
    flow, queue = await _hanging(flow, Limits(in_flight=2, queue_length=3))
    flow.engine.deliverer.offer_all(queue, some_events(5), flow.clock.now())

    assert len(queue.in_flight) == 2
    assert [each.position for each in queue.first_attempts] == [2, 3, 4]
    assert not queue.is_behind


async def test_queue_reads_from_the_log_what_it_has_no_room_for(flow: Flow) -> None:
    """With what waits in memory, which is read again: none of it was tried."""
    flow, queue = await _hanging(flow, Limits(in_flight=2, queue_length=3))
    flow.engine.deliverer.offer_all(queue, some_events(6), flow.clock.now())

    assert len(queue.in_flight) == 2
    assert (len(queue.first_attempts), queue.waiting_bytes, queue.read_position) == (0, 0, 2)


@pytest.mark.parametrize("more", [0, 1])
async def test_events_of_a_batch_are_too_large_together(flow: Flow, more: int) -> None:
    """One event may exceed the limit, as the one that reaches it."""
    flow, queue = await _hanging(flow, Limits(in_flight=1))
    size = MAX_QUEUE_BYTES // 2 + 1
    flow.engine.deliverer.offer_all(queue, some_events(3 + more, size), flow.clock.now())

    assert len(queue.in_flight) == 1
    assert queue.is_behind == bool(more)
    assert queue.waiting_bytes == (0 if more else 2 * size)


async def test_batches_of_a_destination_wait_for_the_rest(flow: Flow) -> None:
    """Nothing is sent before all that became durable together is there."""
    await flow.subscribe(destination=BATCHES)
    queue = flow.engine.router.queues["s1"]
    for first in (0, 4):
        flow.engine.deliverer.offer_all(
            queue, [(first + n, event) for n, event in some_events(4, 2)], flow.clock.now()
        )
        assert not flow.transport.requests
    await asyncio.sleep(0)

    assert [len(request.deliveries) for request in queue.in_flight] == [5, 3]


async def test_queue_that_is_behind_takes_nothing(flow: Flow) -> None:
    """It will find the events in the log."""
    await flow.subscribe()
    queue = flow.engine.router.queues["s1"]
    flow.engine.deliverer.fall_behind(queue, 0)
    flow.engine.deliverer.offer_all(queue, some_events(3), flow.clock.now())

    assert (queue.read_position, len(queue.in_flight), queue.waiting_count) == (0, 0, 0)


@pytest.mark.parametrize("taken", [0, 2, 3])
def test_queue_that_fails_reads_on_after_what_it_got(taken: int) -> None:
    """Another one has all of them."""
    wanting, failing = (
        SubscriptionQueue(a_subscription(incarnation=i, name=i)) for i in ("s1", "s2")
    )
    behind: dict[SubscriptionQueue, int] = {}

    def offer(
        queue: SubscriptionQueue, events: Sequence[tuple[int, Event]], at: int, trace: str
    ) -> None:
        queue.accept_all(events[:taken] if queue is failing else events, at, trace, 1 << 20)
        if queue is failing:
            raise ValueError("no more")

    hand = HandOver(
        offer,
        fall_behind=behind.__setitem__,
        is_duplicate=lambda *_: False,
        observation=Observation(),
    )
    events = some_events(3)
    batch = Batch(topic="t1", schema=EventSchema.EVENT_GRID, published_at=1, body=b"", count=3)
    hand.hand_over(a_topic(), batch, Share({failing: events, wanting: events}))

    assert behind == ({failing: taken} if taken < 3 else {})
    assert wanting.waiting_count == 3
    assert wanting.counters is not None
    assert wanting.counters.matched == 3


async def test_batch_whose_handing_over_fails_is_read_again(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its first event on: none is lost, though one may come twice."""
    await flow.subscribe()
    router, queue = flow.engine.router, flow.engine.router.queues["s1"]
    fall_behind = router._fall_behind
    behind: list[int] = []

    def fail_once(queue: SubscriptionQueue, position: int) -> None:
        behind.append(position)
        if len(behind) == 1:
            raise RuntimeError("a bug of the queue's")
        fall_behind(queue, position)

    def fail(_: WebhookRequest) -> None:
        flow.transport.answer = always(200)
        raise RuntimeError("a bug of the transport's")

    monkeypatch.setattr(router, "_fall_behind", fail_once)
    monkeypatch.setattr(router._hand_over, "_fall_behind", fail_once)
    flow.transport.answer = fail
    await flow.publish("a", "b")
    assert (behind, router.head, queue.read_position) == ([1, 0], 2, 0)

    revived = await flow.restarted()
    await revived.engine.quiet()
    assert set(revived.transport.delivered_ids) == {"a", "b"}


async def test_event_that_could_not_be_sent_is_sent_after_a_restart(flow: Flow) -> None:
    """No checkpoint passes it, though the queue failed with it in hand."""
    await flow.subscribe()
    await flow.engine.checkpoint.write()

    def fail(_: WebhookRequest) -> None:
        raise RuntimeError("a bug of the transport's")

    flow.transport.answer = fail
    await flow.publish("a")
    await flow.engine.checkpoint.write()
    restarted = await flow.restarted()
    await restarted.engine.quiet()

    assert restarted.transport.delivered_ids == ["a"]


def _requests() -> list[InFlight]:
    """All that are in memory, those of other tests with them."""
    return [each for each in gc.get_objects() if isinstance(each, InFlight)]


async def test_request_that_was_answered_is_forgotten_at_once(flow: Flow) -> None:
    """Nothing of it waits for the garbage collector, with the bodies that it holds."""
    await flow.subscribe()
    await flow.publish("a")
    await flow.engine.quiet()
    flow.transport.answer = lambda _: WebhookResponse(status=200)
    gc.collect()
    gc.disable()
    others = _requests()
    try:
        await flow.publish(*(f"event-{n}" for n in range(100)))
        await flow.engine.quiet()
        flow.transport.requests.clear()
        left = [each for each in _requests() if not any(each is other for other in others)]
    finally:
        gc.enable()

    assert left == []


async def test_repeated_request_is_heard_once_for_each(flow: Flow) -> None:
    """A request that a fault duplicates is told of its own answer alone."""
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    flow.engine.deliverer.faults.put("s1", DeliveryFault(duplicate=True))
    await flow.publish("a")
    first, second = flow.transport.requests
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()

    assert first is not second
    assert (first.body, first.headers, first.url) == (second.body, second.headers, second.url)
    assert flow.engine.deliverer.in_flight == 0
