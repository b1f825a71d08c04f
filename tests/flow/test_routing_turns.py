"""Much that becomes durable at once is routed in several turns of the event loop, in order."""

import asyncio
import itertools

import msgspec

from switchhook.grid.collections import TOPICS
from switchhook.grid.events import EventSchema
from switchhook.grid.limits import Limits
from switchhook.grid.ports import Appended, Batch, Put
from switchhook.grid.subscriptions import DeliverySettings, Filter
from switchhook.grid.tail import Accepted, Tails, Wanted
from switchhook.grid.unrouted import MAX_BYTES
from switchhook.stores.memory import MemoryStore
from tests.builders import a_body, an_event
from tests.flow.conftest import Flow, start
from tests.scripted_transport import always

TEN = Limits(routed_in_a_turn=20)  # ten events that one subscription wants


async def _commit(flow: Flow, *sizes: int, heads: list[int] | None = None) -> list[str]:
    """Make batches durable in one commit; answer the ids of their events in order.

    `heads` is given how far they are routed at that moment.
    """
    ids = [f"event-{n}" for n in range(sum(sizes))]
    left = iter(ids)
    batches = [
        Batch(
            topic=flow.topic.incarnation,
            schema=EventSchema.EVENT_GRID,
            published_at=flow.clock.now(),
            body=a_body(*(an_event(id=next(left)) for _ in range(size))),
            count=size,
        )
        for size in sizes
    ]

    def route(first: int) -> None:
        for batch in batches:
            flow.engine.router.route(Appended(first, batch))
            first += batch.count
        if heads is not None:
            heads.append(flow.engine.router.head)

    await flow.store.commit((), batches, route)
    return ids


async def test_one_turn_routes_a_bounded_number_of_events(flow: Flow) -> None:
    """However many batches a commit has, and events each."""
    flow = await flow.restarted(limits=TEN)
    await flow.subscribe()
    heads = [0]

    def look() -> None:
        heads.append(flow.engine.router.head)
        if flow.engine.router.is_routing:
            asyncio.get_running_loop().call_soon(look)

    asyncio.get_running_loop().call_soon(look)
    ids = await _commit(flow, 1, 25, 1, 33, heads=heads)
    look()
    await flow.engine.quiet()

    steps = [after - before for before, after in itertools.pairwise(heads)]
    assert max(steps) == 10
    assert heads[-1] == 60
    assert flow.transport.delivered_ids == ids


async def test_quiet_waits_for_what_nobody_wants(flow: Flow) -> None:
    """An event that is not routed yet is work, whoever may want it."""
    flow = await flow.restarted(limits=TEN)
    await flow.subscribe(incarnation="other", filter=Filter(included_event_types=("Other.Type",)))

    await _commit(flow, 100)
    assert flow.engine.is_busy
    await flow.engine.quiet()

    assert flow.engine.router.head == 100
    assert not flow.engine.is_busy


async def test_new_subscription_gets_nothing_from_before(flow: Flow) -> None:
    """What came before it is routed first, to those that were there."""
    flow = await flow.restarted(limits=TEN)
    await flow.subscribe()
    ids = await _commit(flow, 50)
    asked = len(flow.transport.delivered_ids)
    await flow.subscribe(incarnation="s2")
    await flow.publish("after")
    await flow.engine.quiet()

    assert asked < 50
    assert sorted(flow.transport.delivered_ids) == sorted([*ids, "after", "after"])


async def test_queue_that_fills_up_within_a_batch_reads_on_from_there(flow: Flow) -> None:
    """It reads as far as is routed, and is handed the rest: each event once, in order."""
    limits = Limits(routed_in_a_turn=20, queue_length=3, in_flight=1)
    flow = await flow.restarted(limits=limits)
    await flow.subscribe()
    running = asyncio.create_task(flow.engine.run())

    ids = await _commit(flow, 200)
    await flow.engine.quiet()
    running.cancel()

    assert flow.transport.delivered_ids == ids
    assert await flow.waiting() == []
    assert await flow.store.cursors() == []


async def test_killed_server_routes_the_rest_at_its_next_start(flow: Flow) -> None:
    """The watermark is never beyond what is routed."""
    flow = await flow.restarted(limits=TEN)
    await flow.subscribe()
    ids = await _commit(flow, 100)
    await flow.engine.checkpoint.write()
    watermark = await flow.store.watermark()

    revived = await flow.restarted()
    await revived.engine.quiet()

    assert watermark < 100
    assert set(flow.transport.delivered_ids) | set(revived.transport.delivered_ids) == set(ids)
    assert revived.transport.delivered_ids[-1] == ids[-1]


async def test_forgetting_forgets_what_is_not_routed_yet(flow: Flow) -> None:
    """It was published before."""
    flow = await flow.restarted(limits=TEN)
    await flow.subscribe()
    flow.transport.answer = always(503)
    await _commit(flow, 100)

    await flow.engine.forget()
    flow.transport.answer = always(200)
    before = len(flow.transport.requests)
    await flow.publish("after")
    await flow.advance(hours=1)

    assert [*flow.transport.delivered_ids][before:] == ["after"]


async def test_duplicates_are_found_within_a_batch_that_takes_turns(flow: Flow) -> None:
    """Also by a subscription that begins to look for them meanwhile."""
    flow = await flow.restarted(limits=TEN)
    await flow.subscribe()
    body = a_body(*(an_event(id=f"event-{n % 50}") for n in range(100)))
    batch = Batch(
        topic=flow.topic.incarnation,
        schema=EventSchema.EVENT_GRID,
        published_at=flow.clock.now(),
        body=body,
        count=100,
    )
    await flow.store.commit(
        (), [batch], lambda first: flow.engine.router.route(Appended(first, batch))
    )
    flow.engine.router.configure("s1", DeliverySettings(deduplication_window=10**12))
    await flow.engine.quiet()

    assert sorted(flow.transport.delivered_ids) == sorted(f"event-{n}" for n in range(50))


async def test_too_much_to_hold_is_routed_at_once(flow: Flow) -> None:
    """Memory stays bounded: who publishes more than can be routed waits."""
    flow = await flow.restarted(limits=TEN)
    await flow.subscribe()
    body = a_body(an_event(data="x" * (1 << 20)))
    now, topic = flow.clock.now(), flow.topic.incarnation
    schema = EventSchema.EVENT_GRID
    large = Batch(topic=topic, schema=schema, published_at=now, body=body, count=1)
    for first in range(40):
        flow.engine.router.route(Appended(first, large))

    assert 40 - flow.engine.router.head == MAX_BYTES // len(body)


async def test_tail_shows_what_is_not_routed_yet(flow: Flow) -> None:
    """It was accepted, and is in the log: a list of what there is has it."""
    flow = await flow.restarted(limits=TEN)
    await flow.subscribe()
    ids = await _commit(flow, 5, 30, 5)
    tails = Tails(log=flow.store, router=flow.engine.router)

    shown = [
        each.envelope.event.id
        async for found in tails.watch(0, Wanted(), follow=False)
        for each in found
        if isinstance(each, Accepted)
    ]

    assert flow.engine.router.is_routing or flow.engine.router.head == 40
    assert shown == ids


async def test_full_log_costs_nobody_what_is_not_routed_yet(flow: Flow) -> None:
    """Only what a laggard could have read before is skipped to make room."""
    size = len(a_body(an_event(id="event-10")))
    store = MemoryStore(max_bytes=60 * size)
    value = msgspec.json.encode(flow.topic)
    await store.commit([Put(TOPICS, flow.topic.incarnation, value)])
    limits = Limits(routed_in_a_turn=2, max_bytes=60 * size, drops_unfinished=True)
    flow = await start(store, flow.clock, flow.topic, limits)
    await flow.subscribe()
    flow.engine.router.configure("s1", DeliverySettings(is_paused=True))
    ids = await _commit(flow, *[1] * 60)

    await flow.publish("new")
    routed = flow.engine.router.head
    flow.engine.router.configure("s1", DeliverySettings(is_paused=False))
    await flow.advance(minutes=1)

    assert routed < 60
    assert set(flow.transport.delivered_ids) >= {*ids[routed:], "new"}
    assert flow.transport.delivered_ids[0] != ids[0]
