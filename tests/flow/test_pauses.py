"""What does a pause keep, over crashes too?"""

import asyncio

from switchhook.grid.collections import GIVEN_UP
from switchhook.grid.limits import Limits
from switchhook.grid.ports import DeadLetterAnswer, WebhookResponse
from switchhook.grid.subscriptions import DeliverySettings, RetryPolicy
from tests.flow.conftest import Flow
from tests.flow.test_dead_letters import DESTINATION
from tests.scripted_transport import always

PAUSED, RUNNING = DeliverySettings(is_paused=True), DeliverySettings()


async def _paused_while_an_event_waits(flow: Flow) -> None:
    await flow.subscribe()
    flow.transport.answer = always(500)
    await flow.publish("a")
    await flow.engine.quiet()
    flow.engine.router.configure("s1", PAUSED)
    await flow.advance(minutes=1)
    await flow.engine.checkpoint.write()


async def test_crash_after_the_resumption_leaves_nothing_paused(flow: Flow) -> None:
    """It was durable that the subscription is resumed, and not yet that its rows are."""
    await _paused_while_an_event_waits(flow)
    flow.engine.router.configure("s1", RUNNING)

    revived = await flow.restarted()
    revived.engine.router.configure("s1", RUNNING)
    await revived.engine.quiet()

    assert revived.transport.delivered_ids == ["a"]


async def test_restart_resumes_nothing_that_is_paused(flow: Flow) -> None:
    """However much time has passed."""
    await _paused_while_an_event_waits(flow)

    revived = await flow.restarted()
    revived.engine.router.configure("s1", PAUSED)
    await revived.advance(hours=1)

    assert revived.transport.requests == []
    assert len(await revived.store.due(1 << 62, 10)) == 1


async def _parked(flow: Flow, status: int) -> None:
    await flow.subscribe()
    flow.transport.answer = always(status)
    await flow.publish(*(f"first-{n}" for n in range(10)))
    await flow.engine.quiet()


async def test_probation_may_end_during_a_pause(flow: Flow) -> None:
    """The router falls quiet all the same, and finds out about the endpoint afterwards."""
    await _parked(flow, 500)
    flow.engine.router.configure("s1", PAUSED)
    await flow.publish("later")
    await asyncio.wait_for(flow.advance(minutes=1), 10)
    asked = len(flow.transport.requests)
    flow.transport.answer = always(200)
    flow.engine.router.configure("s1", RUNNING)
    await flow.engine.quiet()

    assert asked == 10
    assert len(set(flow.transport.delivered_ids[asked:])) == 11


async def test_pause_after_a_probation_does_not_leave_it_parked(flow: Flow) -> None:
    """Nothing waits that could find out about the endpoint; the next event does."""
    await _parked(flow, 400)
    await flow.advance(seconds=10)
    flow.engine.router.configure("s1", PAUSED)
    await flow.engine.quiet()
    flow.transport.answer = always(200)
    flow.engine.router.configure("s1", RUNNING)
    await flow.publish("later-1", "later-2")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids[10:] == ["later-1", "later-2"]


async def test_dead_letters_are_written_during_a_pause(flow: Flow) -> None:
    """The pause is of the webhook."""
    await flow.subscribe(dead_letter_destination=DESTINATION)
    flow.transport.answer = always(400)
    flow.dead_letters.answer = DeadLetterAnswer.WRITTEN
    await flow.publish("a")
    await flow.engine.quiet()
    flow.engine.router.configure("s1", PAUSED)
    await flow.advance(minutes=5)

    assert [event["id"] for event in flow.dead_letters.events] == ["a"]


async def test_event_stays_in_the_log_until_it_is_known_that_it_was_dropped(flow: Flow) -> None:
    """A pause outlives its time to live; the log is trimmed in the same upkeep."""
    limits = Limits(max_age=1)
    flow = await flow.restarted(limits=limits)
    await flow.subscribe(retry_policy=RetryPolicy(event_time_to_live_in_minutes=1))
    flow.engine.router.configure("s1", PAUSED)
    await flow.publish("a")
    await flow.engine.checkpoint.write()
    await flow.advance(minutes=2)
    await flow.engine.upkeep()

    revived = await flow.restarted(limits=limits)
    revived.engine.router.configure("s1", PAUSED)
    await revived.engine.upkeep()
    await revived.engine.checkpoint.write()

    assert len(await revived.store.scan(GIVEN_UP)) == 1


async def test_pause_after_a_restart_reads_nothing_twice(flow: Flow) -> None:
    """An event that waits for a retry stands behind others that were not tried yet."""
    by_subject = DeliverySettings(ordered_by="subject")
    flow.engine.router.configure("s1", by_subject)
    await flow.subscribe()
    await flow.engine.quiet()
    flow.transport.answer = always(500)
    for name in ("a1", "a2", "a3", "b1"):
        await flow.publish(name, subject=name[0])
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()
    flow = await flow.restarted(limits=Limits(in_flight=1))
    flow.transport.answer = lambda _: None
    await flow.engine.turn()  # "a2" is on its way, "a3" waits for it

    flow.engine.router.configure("s1", PAUSED)
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    flow.engine.router.configure("s1", RUNNING)
    await flow.advance(minutes=1)

    assert sorted(flow.transport.delivered_ids) == ["a1", "a2", "a3", "b1"]
