"""How are events put into one request, and what becomes of each when it fails?"""

from typing import Any

from switchhook.clock import MINUTE, SECOND
from switchhook.grid.limits import Limits
from switchhook.grid.ports import WebhookResponse
from switchhook.grid.subscriptions import RetryPolicy, WebHookDestination
from tests.flow.conftest import Flow
from tests.scripted_transport import always, events_of, in_turn

ONE_AT_A_TIME = Limits(in_flight=1)


def _webhook(**members: Any) -> WebHookDestination:
    return WebHookDestination(endpoint_url="http://127.0.0.1:9/hook", **members)


def _sizes(flow: Flow) -> list[int]:
    return [len(events_of(request)) for request in flow.transport.requests]


async def test_event_goes_alone_unless_batches_are_asked_for(flow: Flow) -> None:
    await flow.subscribe()
    await flow.publish("a", "b", "c")
    await flow.engine.quiet()

    assert _sizes(flow) == [1, 1, 1]


async def test_events_of_one_request_go_together_up_to_the_largest_number(flow: Flow) -> None:
    await flow.subscribe(destination=_webhook(max_events_per_batch=4))
    await flow.publish(*(f"event-{n}" for n in range(10)))
    await flow.engine.quiet()

    assert _sizes(flow) == [4, 4, 2]
    assert flow.transport.delivered_ids == [f"event-{n}" for n in range(10)]


async def test_nothing_waits_for_a_batch_to_fill(flow: Flow) -> None:
    """An event that comes alone goes alone; what comes while a request is under way goes next."""
    flow = await flow.restarted(limits=ONE_AT_A_TIME)
    await flow.subscribe(destination=_webhook(max_events_per_batch=4))
    flow.transport.answer = lambda _: None
    await flow.publish("alone")
    await flow.publish("a")
    await flow.publish("b")
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()

    assert _sizes(flow) == [1, 2]


async def test_batch_keeps_to_the_preferred_size(flow: Flow) -> None:
    """Only an event alone may exceed it."""
    flow = await flow.restarted(limits=ONE_AT_A_TIME)
    webhook = _webhook(max_events_per_batch=100, preferred_batch_size_in_kilobytes=2)
    await flow.subscribe(destination=webhook)
    flow.transport.answer = lambda _: None
    await flow.publish("hangs")
    await flow.publish("large", data="x" * 3000)
    await flow.publish(*(f"event-{n}" for n in range(4)), data="x" * 500)
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()

    assert _sizes(flow) == [1, 1, 2, 2]


async def test_failed_batch_is_counted_per_event_and_goes_together_again(flow: Flow) -> None:
    flow = await flow.restarted(limits=ONE_AT_A_TIME)
    flow.transport.answer = in_turn(500)
    await flow.subscribe(destination=_webhook(max_events_per_batch=10))
    await flow.publish("a", "b", "c")
    await flow.engine.quiet()

    assert [row.attempts for row in await flow.waiting()] == [1, 1, 1]

    await flow.advance(seconds=10)

    assert _sizes(flow) == [3, 3]
    assert b"aeg-delivery-count: 1" in flow.transport.requests[-1].headers
    assert await flow.waiting() == []


async def test_events_with_different_accounts_do_not_share_a_request(flow: Flow) -> None:
    """The header `aeg-delivery-count` speaks for the whole request."""
    flow.transport.answer = in_turn(500)
    await flow.subscribe(destination=_webhook(max_events_per_batch=10))
    await flow.publish("tried")
    await flow.engine.quiet()
    flow = await flow.restarted(clean=True, limits=ONE_AT_A_TIME)
    flow.transport.answer = lambda _: None
    await flow.publish("hangs")
    await flow.engine.turn()
    await flow.publish("new")
    flow.clock._now += 10 * SECOND
    await flow.engine.turn()
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()

    assert [len(events_of(request)) for request in flow.transport.requests] == [1, 1, 1]


async def test_only_the_expired_events_of_a_batch_are_given_up(flow: Flow) -> None:
    """Time to live is checked per event, when the request is made."""
    flow = await flow.restarted(limits=ONE_AT_A_TIME)
    await flow.subscribe(
        destination=_webhook(max_events_per_batch=10),
        retry_policy=RetryPolicy(event_time_to_live_in_minutes=1),
    )
    flow.transport.answer = lambda _: None
    await flow.publish("hangs")
    await flow.engine.turn()
    await flow.publish("old")
    flow.clock._now += MINUTE
    await flow.publish("new")
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["hangs", "new"]


async def test_rejected_batch_ends_every_event_in_it(flow: Flow) -> None:
    flow = await flow.restarted(limits=ONE_AT_A_TIME)
    flow.transport.answer = in_turn(413)
    await flow.subscribe(destination=_webhook(max_events_per_batch=10))
    await flow.publish("a", "b")
    await flow.engine.quiet()
    flow.transport.answer = always(200)
    await flow.advance(hours=1)

    assert _sizes(flow) == [2]
    assert await flow.waiting() == []
