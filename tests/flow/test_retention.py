"""How long are events kept, and what happens when there is no more room?"""

import asyncio
import contextlib
import logging
from pathlib import Path

import msgspec
import pytest

from switchhook.clock import HOUR, MINUTE, VirtualClock
from switchhook.errors import CommitUnknownError, StoreFullError
from switchhook.grid.collections import TOPICS
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.events import EventSchema
from switchhook.grid.limits import Limits
from switchhook.grid.ports import Appended, Batch, Failure, Put, WebhookResponse
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.subscriptions import RetryPolicy, WebHookDestination
from switchhook.stores.memory import MemoryStore
from switchhook.stores.sqlite import SqliteStore
from tests.builders import a_body, a_topic, an_event
from tests.flow.conftest import Flow, start
from tests.scripted_dead_letters import ScriptedDeadLetterStore
from tests.scripted_transport import ScriptedTransport, always, events_of, in_turn

CAP = 20_000  # bytes: room for the bodies of some 90 events


async def _flow(*, drops_unfinished: bool = False, in_flight: int = 64) -> Flow:
    """A router whose log is small, with queues that fall behind soon."""
    store, topic = MemoryStore(max_bytes=CAP), a_topic()
    await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
    limits = Limits(
        max_bytes=CAP, drops_unfinished=drops_unfinished, in_flight=in_flight, queue_length=5
    )
    return await start(store, VirtualClock(), topic, limits)


async def _publish_until_full(flow: Flow) -> list[str]:
    """Publish one by one until it is refused; the ids that were accepted."""
    accepted: list[str] = []
    with contextlib.suppress(StoreFullError):
        for name in (f"event-{n}" for n in range(1000)):
            await flow.publish(name)
            accepted.append(name)
    assert len(accepted) < 1000
    return accepted


def _first(flow: Flow) -> int:
    return flow.store.extent().first


# --- by size -----------------------------------------------------------------------------------


async def test_finished_events_make_room_for_new_ones() -> None:
    """A log at its cap accepts as long as its oldest events are delivered."""
    flow = await _flow()
    await flow.subscribe()
    ids = [f"event-{n}" for n in range(300)]

    for name in ids:
        await flow.publish(name)
        await flow.engine.quiet()

    assert flow.transport.delivered_ids == ids
    assert flow.store.extent().size <= CAP
    assert _first(flow) > 100


async def test_more_room_is_made_than_one_publication_needs() -> None:
    """So that not every publication of a full log has to trim it."""
    flow = await _flow()

    while _first(flow) == 0:
        await flow.publish("a")
    trimmed = _first(flow)
    await flow.publish("a")
    await flow.publish("a")

    assert _first(flow) == trimmed


@pytest.mark.parametrize("cap", [64 << 20, 4 << 20, 1 << 20])
async def test_many_who_publish_to_a_full_log_at_once_find_room(tmp_path: Path, cap: int) -> None:
    """Also when together they need more than is made in one step, or for all but a few of them."""
    topic, clock = a_topic(), VirtualClock()
    request = PublishRequest(a_body(an_event(data={"note": "x" * 150_000})))
    async with SqliteStore.open(tmp_path, max_bytes=cap) as store:
        await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
        engine = Engine(
            store=store,
            transport=ScriptedTransport(),
            clock=clock,
            random=lambda: 0.0,
            dead_lettering=DeadLettering(ScriptedDeadLetterStore(), clock),
            limits=Limits(max_bytes=cap),
        )
        await engine.start()

        async def publish() -> None:
            for _ in range(25):
                await engine.publisher.publish(topic, request)

        await asyncio.gather(*(publish() for _ in range(20)))

        assert store.extent().end == 500


async def test_events_that_nobody_wants_make_room() -> None:
    """Unmatched is finished."""
    flow = await _flow()

    for _ in range(300):
        await flow.publish("a")

    assert flow.store.extent().size <= CAP


async def test_full_log_of_unfinished_events_refuses_new_ones() -> None:
    """None of those that it accepted is lost."""
    flow = await _flow(in_flight=1)
    await flow.subscribe()
    flow.transport.answer = lambda _: None

    accepted = await _publish_until_full(flow)
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()

    assert len(accepted) > 50
    assert flow.transport.delivered_ids == accepted


async def test_refused_publication_is_accepted_once_there_is_room() -> None:
    """The client's repetition succeeds."""
    flow = await _flow(in_flight=1)
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    await _publish_until_full(flow)

    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()
    await flow.publish("again")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids[-1] == "again"


async def test_publication_larger_than_the_cap_is_refused() -> None:
    """Trimming everything would not help; what came before is gone, being finished."""
    flow = await _flow()
    await flow.publish("a")

    with pytest.raises(StoreFullError):
        await flow.publish("b", data="x" * CAP)


async def test_one_lagging_subscription_keeps_what_others_have_finished() -> None:
    """The slowest decides."""
    flow = await _flow(in_flight=1)
    slow = WebHookDestination(endpoint_url="http://127.0.0.1:9/slow")
    await flow.subscribe(incarnation="slow", destination=slow)
    await flow.subscribe(incarnation="fast")
    flow.transport.answer = lambda request: (
        None if request.url == slow.endpoint_url else WebhookResponse(status=200)
    )

    accepted = await _publish_until_full(flow)
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()

    by_url: dict[str, list[str]] = {}
    for request in flow.transport.requests:
        by_url.setdefault(request.url, []).extend(e["id"] for e in events_of(request))
    assert list(by_url.values()) == [accepted, accepted]


async def test_waiting_deliveries_do_not_keep_the_log() -> None:
    """Their rows carry their own copy of the event, which is delivered at last."""
    flow = await _flow()
    await flow.subscribe()
    await flow.subscribe(
        incarnation="other", destination=WebHookDestination(endpoint_url="http://127.0.0.1:9/ok")
    )
    flow.transport.answer = lambda request: WebhookResponse(
        status=500 if request.url.endswith("hook") and b'"waits"' in request.body else 200
    )
    await flow.publish("waits")
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()
    for _ in range(200):
        await flow.publish("a")
        await flow.engine.quiet()

    trimmed = _first(flow)
    flow.transport.answer = always(200)
    await flow.advance(seconds=10)

    assert trimmed > 0
    assert flow.transport.delivered_ids[-1] == "waits"
    assert await flow.waiting() == []


async def test_event_whose_row_is_not_written_yet_keeps_its_place_in_the_log() -> None:
    """A kill between the trimming and the next checkpoint must not lose it."""
    flow = await _flow()
    await flow.subscribe()
    flow.transport.answer = in_turn(500)
    await flow.publish("waits")
    await flow.engine.quiet()

    await _publish_until_full(flow)
    revived = await flow.restarted()
    await revived.engine.quiet()

    assert "waits" in revived.transport.delivered_ids


class _StuckLog(MemoryStore):
    """Full, and nobody learns what could be trimmed."""

    async def read_from(self, position: int, max_bytes: int = 1 << 20) -> list[Appended]:
        await asyncio.Event().wait()
        return []


async def test_publisher_that_waits_for_room_hears_of_the_end() -> None:
    """Whoever would get an answer gets one; it is none that says that the events are there."""
    store, topic = _StuckLog(max_bytes=CAP), a_topic()
    await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
    flow = await start(store, VirtualClock(), topic, Limits(max_bytes=CAP))
    body = a_body(an_event(id="x" * (CAP - 500)))
    await flow.engine.publisher.publish(topic, PublishRequest(body))
    publishing = asyncio.create_task(flow.engine.publisher.publish(topic, PublishRequest(body)))
    for _ in range(3):
        await asyncio.sleep(0)

    await flow.engine.publisher.close()

    with pytest.raises(CommitUnknownError):
        await asyncio.wait_for(publishing, 10)


async def test_dropping_mode_skips_the_oldest_events_of_a_dead_endpoint(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Publishing goes on; who reads the log misses the oldest, and a line says so."""
    flow = await _flow(drops_unfinished=True)
    await flow.subscribe(name="laggard")
    flow.transport.answer = always(404)
    await flow.publish(*(f"first-{n}" for n in range(10)))
    await flow.waiting()
    ids = [f"event-{n}" for n in range(300)]

    with caplog.at_level(logging.WARNING):
        for name in ids:
            await flow.publish(name)
    flow.transport.answer = always(200)
    await flow.advance(minutes=10)

    delivered = [name for name in flow.transport.delivered_ids if name.startswith("event")]
    line = next(r for r in caplog.records if r.getMessage() == "deliveries.abandoned")
    assert (vars(line)["subscription"], vars(line)["reason"]) == ("laggard", "LogFull")
    assert 0 < len(delivered) < len(ids)
    assert delivered == ids[-len(delivered) :]


async def test_dropping_mode_keeps_what_is_being_sent(caplog: pytest.LogCaptureFixture) -> None:
    """An attempt that hangs is written down; what is queued behind it may be skipped."""
    flow = await _flow(drops_unfinished=True, in_flight=1)
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    accepted = await _publish_until_full(flow)
    await flow.engine.turn()
    await _write_hung_attempts_down(flow)

    with caplog.at_level(logging.WARNING):
        await flow.publish("new")
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(failure=Failure.TIMED_OUT))
    await flow.advance(minutes=1)

    assert "deliveries.abandoned" in caplog.messages
    assert flow.transport.delivered_ids[-1] == accepted[0]
    assert "new" in flow.transport.delivered_ids


async def _write_hung_attempts_down(flow: Flow) -> None:
    """Let the attempts in flight look two seconds old to the next checkpoint."""
    for queue in flow.engine.router.queues.values():
        for request in queue.in_flight:
            request.began -= 2
    await flow.engine.checkpoint.write()


# --- by age ------------------------------------------------------------------------------------


async def test_finished_events_are_kept_for_their_time_and_no_longer(flow: Flow) -> None:
    """The younger ones stay."""
    await flow.subscribe()
    await flow.publish("old-1")
    await flow.publish("old-2")
    await flow.advance(hours=20)
    await flow.publish("young")
    await flow.engine.quiet()

    await flow.advance(hours=4)
    await flow.engine.upkeep()
    at_the_limit = _first(flow)
    await flow.advance(minutes=1)
    await flow.engine.upkeep()

    assert at_the_limit == 0
    assert _first(flow) == 2
    assert flow.store.extent().end == 3


async def test_large_aged_log_is_trimmed_whole(flow: Flow) -> None:
    """However many rows and reads it takes."""
    for n in range(450):
        await flow.publish(f"event-{n}", data="x" * 5000)

    await flow.advance(hours=25)
    await flow.engine.upkeep()

    assert flow.store.extent().first == flow.store.extent().end == 450


async def test_age_does_not_pass_an_event_that_is_unfinished(flow: Flow) -> None:
    """Retention shorter than the time to live: what is not finished stays."""
    flow = await flow.restarted(limits=Limits(max_age=HOUR, in_flight=1, queue_length=1))
    await flow.subscribe()
    await _publish_aged(flow, "finished")
    await flow.engine.quiet()
    flow.transport.answer = lambda _: None
    for name in ("hangs", "queued", "behind"):
        await _publish_aged(flow, name)

    await flow.engine.upkeep()
    kept = _first(flow)
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()
    await flow.engine.upkeep()

    assert kept == 1
    assert flow.transport.delivered_ids == ["finished", "hangs", "queued", "behind"]
    assert flow.store.extent().first == flow.store.extent().end


async def _publish_aged(flow: Flow, name: str) -> None:
    """An event that was accepted two hours ago."""
    batch = Batch(
        topic=flow.topic.incarnation,
        schema=EventSchema.EVENT_GRID,
        published_at=flow.clock.now() - 2 * HOUR,
        body=a_body(an_event(id=name)),
        count=1,
    )
    await flow.engine.publisher.commit((), (batch,))


async def test_age_does_not_pass_a_parked_subscription(flow: Flow) -> None:
    """Its backlog is in the log alone."""
    flow = await flow.restarted(limits=Limits(max_age=MINUTE))
    await flow.subscribe(retry_policy=RetryPolicy(event_time_to_live_in_minutes=60))
    flow.transport.answer = always(404)
    await flow.publish(*(f"first-{n}" for n in range(10)))
    await flow.engine.quiet()
    await flow.publish("later")

    await flow.advance(minutes=3)
    await flow.engine.upkeep()
    flow.transport.answer = always(200)
    await flow.advance(minutes=30)

    assert "later" in flow.transport.delivered_ids


async def test_positions_go_on_after_everything_was_trimmed(flow: Flow) -> None:
    """A restart over an empty log begins where it ended."""
    await flow.publish("a")
    await flow.advance(hours=25)
    await flow.engine.upkeep()
    await flow.engine.checkpoint.write()

    revived = await flow.restarted()
    await revived.subscribe()
    await revived.publish("b")
    await revived.engine.quiet()

    assert revived.transport.delivered_ids == ["b"]
    assert revived.engine.router.head == 2
