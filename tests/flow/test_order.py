"""In order per key: what waits behind a failing delivery, and what does not?"""

import msgspec
import pytest

from switchhook.grid.limits import Limits
from switchhook.grid.ports import WebhookRequest, WebhookResponse
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.subscriptions import DeadLetterDestination, DeliverySettings, RetryPolicy
from tests.builders import a_body, a_subscription, an_event
from tests.flow.conftest import Flow
from tests.scripted_transport import Answer, always, events_of

BY_SUBJECT = DeliverySettings(ordered_by="subject")


async def _ordered(flow: Flow, settings: DeliverySettings = BY_SUBJECT, **members: object) -> None:
    flow.engine.router.configure("s1", settings)
    await flow.subscribe(**members)
    await flow.engine.quiet()


def _fails(*ids: str) -> Answer:
    def answer(request: WebhookRequest) -> WebhookResponse:
        failing = events_of(request)[0]["id"] in ids
        return WebhookResponse(status=500 if failing else 200)

    return answer


async def test_failing_delivery_holds_up_its_own_key_only(flow: Flow) -> None:
    await _ordered(flow)
    flow.transport.answer = _fails("a1")
    for name in ("a1", "a2", "b1", "a3", "b2"):
        await flow.publish(name, subject=name[0])
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a1", "b1", "b2"]

    flow.transport.answer = always(200)
    await flow.advance(seconds=10)

    assert flow.transport.delivered_ids == ["a1", "b1", "b2", "a1", "a2", "a3"]


async def test_one_event_of_a_key_is_in_flight_at_a_time(flow: Flow) -> None:
    await _ordered(flow)
    flow.transport.answer = lambda _: None
    await flow.publish("a1", "a2", "a3", subject="a")

    sent = []
    for _ in range(3):
        sent.append(list(flow.transport.delivered_ids))
        flow.transport.release(WebhookResponse(status=200))

    assert sent == [["a1"], ["a1", "a2"], ["a1", "a2", "a3"]]


async def test_order_by_a_value_in_the_data(flow: Flow) -> None:
    await _ordered(flow, DeliverySettings(ordered_by="data.order"))
    flow.transport.answer = _fails("a1")
    await flow.publish("a1", data={"order": 1}, subject="x")
    await flow.publish("b1", data={"order": 2}, subject="x")
    await flow.publish("a2", data={"order": 1}, subject="y")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a1", "b1"]


async def test_giving_up_frees_the_key(flow: Flow) -> None:
    """A dead letter is waited for by nobody."""
    await _ordered(
        flow,
        retry_policy=RetryPolicy(max_delivery_attempts=1),
        dead_letter_destination=DeadLetterDestination(resource_id="/a", container="c"),
    )
    flow.transport.answer = _fails("a1")
    await flow.publish("a1", "a2", subject="a")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a1", "a2"]


async def test_blocked_deliveries_are_bounded_and_none_comes_twice(flow: Flow) -> None:
    """Then the cursor stops: what follows is read from the log when there is room again."""
    flow = await flow.restarted(limits=Limits(queue_length=4))
    await _ordered(flow)
    flow.transport.answer = _fails("a0")
    for number in range(20):
        await flow.publish(f"a{number}", f"b{number}", subject="a")
    await flow.publish("other", subject="b")
    await flow.engine.quiet()
    queue = flow.engine.router.queues["s1"]

    assert queue.waiting_count <= 4
    assert queue.is_behind

    flow.transport.answer = always(200)
    await flow.advance(hours=1)

    expected = [f"{letter}{number}" for number in range(20) for letter in "ab"]
    delivered = flow.transport.delivered_ids
    assert [each for each in delivered[1:] if each != "other"] == expected
    assert delivered.count("other") == 1


async def test_key_is_held_again_after_a_restart(flow: Flow) -> None:
    """A delivery that waits for its retry stands in its row; those behind it are in the log."""
    await _ordered(flow)
    flow.transport.answer = _fails("a1")
    await flow.publish("a1", "a2", subject="a")
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()

    revived = await flow.restarted()
    revived.engine.router.configure("s1", BY_SUBJECT)
    await revived.engine.quiet()

    assert revived.transport.delivered_ids == []

    await revived.advance(seconds=10)

    assert revived.transport.delivered_ids == ["a1", "a2"]


async def test_order_can_be_switched_on_and_off_while_events_wait(flow: Flow) -> None:
    """Nothing is lost; what was blocked is delivered when there is no order any more."""
    await _ordered(flow)
    flow.transport.answer = _fails("a1")
    await flow.publish("a1", "a2", "a3", subject="a")
    await flow.engine.quiet()
    unordered = msgspec.structs.replace(BY_SUBJECT, ordered_by="")

    flow.engine.router.configure("s1", unordered)
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a1", "a2", "a3"]


async def test_change_of_the_order_repeats_nothing(flow: Flow) -> None:
    """What was delivered after a blocked event is not read from the log again."""
    await _ordered(flow)
    flow.transport.answer = _fails("a1")
    for name in ("a1", "a2", "b1", "a3", "b2"):
        await flow.publish(name, subject=name[0])
    await flow.engine.quiet()
    flow.transport.answer = always(200)
    flow.engine.router.configure("s1", DeliverySettings())
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a1", "b1", "b2", "a2", "a3"]


async def test_full_queue_goes_on_when_it_is_resumed(flow: Flow) -> None:
    """What stayed in memory is sent, although nothing is read from the log for want of room."""
    flow = await flow.restarted(limits=Limits(in_flight=1, queue_length=4))
    await _ordered(flow)
    flow.transport.answer = lambda _: None
    ids = [f"{letter}1" for letter in "abcdef"]
    for name in ids:
        await flow.publish(name, subject=name)
    paused = msgspec.structs.replace(BY_SUBJECT, is_paused=True)
    flow.engine.router.configure("s1", paused)
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a1"]

    flow.engine.router.configure("s1", BY_SUBJECT)
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ids


async def test_event_that_expires_unread_frees_no_key(flow: Flow) -> None:
    """Its key is held by an earlier event, which a third one waits for."""
    await _ordered(flow)
    flow.transport.answer = always(404)
    await flow.publish("a0", "a1", subject="a")
    for number in range(9):
        await flow.publish(f"other-{number}", subject=f"{number}")
    await flow.engine.quiet()
    shorter = RetryPolicy(event_time_to_live_in_minutes=1)
    await flow.put(a_subscription(version=2, retry_policy=shorter))
    await flow.publish("a2", subject="a")
    await flow.advance(minutes=2)
    await flow.engine.upkeep()
    asked = len(flow.transport.requests)
    flow.transport.answer = always(200)
    await flow.advance(minutes=10)

    delivered = flow.transport.delivered_ids[asked:]
    assert [each for each in delivered if each.startswith("a")] == ["a0", "a1"]


@pytest.mark.parametrize("value", [b"1e999", b"[" * 300 + b"]" * 300, b"-0.0"])
async def test_any_value_can_be_ordered_by(flow: Flow, value: bytes) -> None:
    """Publishing leaves the data unread; the events behind a strange one are none the worse."""
    await _ordered(flow, DeliverySettings(ordered_by="data.order"))
    events = [an_event(id="a", data={"order": "?"}), an_event(id="b", data={"order": 2})]
    body = a_body(*events).replace(b'"?"', value)
    await flow.engine.publisher.publish(flow.topic, PublishRequest(body))
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a", "b"]


async def test_event_that_expires_while_paused_frees_no_key(flow: Flow) -> None:
    """It never held one: the event that waits for a retry goes on holding it."""
    await _ordered(flow)
    first = await flow.subscribe(retry_policy=RetryPolicy(event_time_to_live_in_minutes=60))
    flow.transport.answer = always(500)
    await flow.publish("a1", subject="a")
    await flow.engine.quiet()
    flow.engine.router.configure("s1", DeliverySettings(ordered_by="subject", is_paused=True))
    short = RetryPolicy(event_time_to_live_in_minutes=1)
    await flow.put(msgspec.structs.replace(first, version=2, retry_policy=short))
    await flow.publish("a2", subject="a")
    await flow.advance(minutes=2)
    await flow.engine.upkeep()
    await flow.publish("a3", "a4", subject="a")
    flow.engine.router.configure("s1", BY_SUBJECT)
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a1", "a1"]
