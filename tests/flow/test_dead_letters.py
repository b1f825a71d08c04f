"""When is an event dead-lettered, with what, and when is it dropped after all?"""

import asyncio

import pytest

from switchhook.grid.collections import GIVEN_UP
from switchhook.grid.dead_letter_writes import DeadLetterWrites
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.ports import DeadLetterAnswer
from switchhook.grid.subscriptions import DeadLetterDestination, RetryPolicy
from tests.builders import a_body, an_event
from tests.contract.values import a_delivery
from tests.flow.conftest import Flow
from tests.scripted_dead_letters import ScriptedDeadLetterStore
from tests.scripted_transport import always

DESTINATION = DeadLetterDestination(resource_id="/storage", container="letters")


async def _given_up(flow: Flow) -> list[bytes]:
    await flow.engine.checkpoint.write()
    return [record.value for record in await flow.store.scan(GIVEN_UP)]


@pytest.mark.parametrize(
    ("status", "policy", "hours", "reason", "attempts"),
    [
        (400, RetryPolicy(), 1, "NotRetriable", 1),
        (500, RetryPolicy(max_delivery_attempts=3), 1, "MaxDeliveryAttemptsExceeded", 3),
        (500, RetryPolicy(event_time_to_live_in_minutes=5), 1, "TimeToLiveExceeded", 4),
        (500, RetryPolicy(max_delivery_attempts=30), 48, "TimeToLiveExceeded", 11),
    ],
)
async def test_event_is_dead_lettered_with_its_reason(
    flow: Flow, status: int, policy: RetryPolicy, hours: int, reason: str, attempts: int
) -> None:
    """Attempts and time to live, each alone and together with the other's default."""
    await flow.subscribe(retry_policy=policy, dead_letter_destination=DESTINATION)
    flow.transport.answer = always(status)
    await flow.publish("a")
    await flow.advance(hours=hours)

    letters = flow.dead_letters.events
    assert [(each["id"], each["deadLetterReason"]) for each in letters] == [("a", reason)]
    assert letters[0]["deliveryAttempts"] == attempts
    assert await flow.waiting() == []


async def test_dead_letter_is_written_five_minutes_after_the_end(flow: Flow) -> None:
    await flow.subscribe(dead_letter_destination=DESTINATION)
    flow.transport.answer = always(400)
    await flow.publish("a")
    await flow.advance(seconds=299)

    assert flow.dead_letters.blobs == {}

    await flow.publish("b")
    await flow.advance(seconds=1)

    assert [event["id"] for event in flow.dead_letters.events] == ["a"]


async def test_letters_that_are_due_together_share_a_blob(flow: Flow) -> None:
    await flow.subscribe(name="hook", dead_letter_destination=DESTINATION)
    flow.transport.answer = always(400)
    await flow.publish("a", "b", "c")
    await flow.advance(minutes=5)

    assert len(flow.dead_letters.blobs) == 1
    assert len(flow.dead_letters.events) == 3


async def test_event_without_a_destination_is_dropped_and_kept_for_a_look(flow: Flow) -> None:
    await flow.subscribe()
    flow.transport.answer = always(400)
    await flow.publish("a")
    await flow.advance(minutes=6)

    assert flow.dead_letters.calls == 0
    assert [b'"dropped"' in each for each in await _given_up(flow)] == [True]


async def test_unavailable_container_is_tried_for_four_hours(flow: Flow) -> None:
    """Every five minutes; what is written at last has its first name."""
    await flow.subscribe(dead_letter_destination=DESTINATION)
    flow.transport.answer = always(400)
    flow.dead_letters.answer = DeadLetterAnswer.UNAVAILABLE
    await flow.publish("a")
    await flow.advance(hours=3)
    flow.dead_letters.answer = DeadLetterAnswer.WRITTEN
    await flow.advance(minutes=5)

    assert [event["id"] for event in flow.dead_letters.events] == ["a"]


async def test_event_is_dropped_when_the_container_stays_unavailable(flow: Flow) -> None:
    await flow.subscribe(dead_letter_destination=DESTINATION)
    flow.transport.answer = always(400)
    flow.dead_letters.answer = DeadLetterAnswer.UNAVAILABLE
    await flow.publish("a")
    await flow.advance(hours=5)
    flow.dead_letters.answer = DeadLetterAnswer.WRITTEN
    await flow.advance(hours=1)

    assert flow.dead_letters.events == []
    assert await flow.waiting() == []
    assert [b'"dropped"' in each for each in await _given_up(flow)] == [True]


async def test_missing_container_drops_at_once(flow: Flow) -> None:
    await flow.subscribe(dead_letter_destination=DESTINATION)
    flow.transport.answer = always(400)
    flow.dead_letters.answer = DeadLetterAnswer.NO_CONTAINER
    await flow.publish("a")
    await flow.advance(minutes=5)

    assert await flow.waiting() == []
    assert flow.dead_letters.calls == 1


async def test_killed_server_writes_the_dead_letter_that_it_owed(flow: Flow) -> None:
    await flow.subscribe(dead_letter_destination=DESTINATION)
    flow.transport.answer = always(400)
    await flow.publish("a")
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()

    revived = await flow.restarted()
    await revived.advance(minutes=5)

    assert [event["id"] for event in revived.dead_letters.events] == ["a"]
    assert revived.transport.requests == []


async def test_events_whose_time_runs_out_unread_are_dead_lettered(flow: Flow) -> None:
    """The backlog of a parked endpoint costs no row until its time to live is over."""
    await flow.subscribe(
        retry_policy=RetryPolicy(event_time_to_live_in_minutes=1),
        dead_letter_destination=DESTINATION,
    )
    flow.transport.answer = always(404)
    await flow.publish(*(f"event-{n}" for n in range(12)))
    await flow.engine.quiet()
    await flow.publish(*(f"late-{n}" for n in range(30)))
    await flow.advance(hours=1)

    assert sorted(event["id"] for event in flow.dead_letters.events) == sorted(
        [f"event-{n}" for n in range(12)] + [f"late-{n}" for n in range(30)]
    )


async def test_event_that_expires_on_probation_says_so(flow: Flow) -> None:
    """It was never attempted; those that were keep the outcome of their last attempt."""
    await flow.subscribe(
        retry_policy=RetryPolicy(event_time_to_live_in_minutes=1),
        dead_letter_destination=DESTINATION,
    )
    flow.transport.answer = always(404)
    await flow.publish(*(f"event-{n}" for n in range(10)))
    await flow.engine.quiet()
    await flow.publish("late")
    await flow.advance(hours=1)

    letters = {event["id"]: event for event in flow.dead_letters.events}
    assert letters["event-0"]["lastDeliveryOutcome"] == "NotFound"
    assert letters["late"]["lastDeliveryOutcome"] == "Probation"
    assert letters["late"]["deliveryAttempts"] == 0
    assert "lastDeliveryAttemptTime" not in letters["late"]


class _HangingStore(ScriptedDeadLetterStore):
    async def write(
        self, destination: DeadLetterDestination, name: str, body: bytes
    ) -> tuple[DeadLetterAnswer, str]:
        self.calls += 1
        return await asyncio.Future()


async def test_stopped_server_begins_no_further_write(flow: Flow) -> None:
    """What came due while others of its subscription were written waits for the next start."""
    await flow.subscribe(dead_letter_destination=DESTINATION)
    store = _HangingStore()
    writes = DeadLetterWrites(
        dead_lettering=DeadLettering(store, flow.clock),
        router=flow.engine.router,
        checkpoint=flow.engine.checkpoint,
        clock=flow.clock,
        observation=flow.observation,
        speed=flow.engine.deliverer.speed,
        ended=lambda: None,
    )
    body = a_body(an_event())
    for position in (1, 2):
        writes.take(a_delivery(position, body=body, dead_letter_reason="NotRetriable"))
        writes.start()
        await asyncio.sleep(0)
    await writes.stop()
    await asyncio.sleep(0)

    assert (store.calls, writes.in_progress) == (1, 0)
