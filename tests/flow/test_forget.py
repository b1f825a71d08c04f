"""A router that forgets all that has happened goes on as if it had just started."""

import pytest

from switchhook.clock import HOUR
from switchhook.grid.collections import GIVEN_UP, GIVEN_UP_EVENTS, REPLAYS
from switchhook.grid.ports import WebhookResponse
from switchhook.grid.replay import ReplaySource
from switchhook.grid.subscriptions import DeadLetterDestination, DeliverySettings
from tests.flow.conftest import Flow
from tests.scripted_transport import always, in_turn


async def delivered_after(flow: Flow, *ids: str) -> list[str]:
    """What comes of a forgetful router within two days, with these new events."""
    await flow.engine.forget()
    flow.transport.requests.clear()
    flow.transport.answer = always(200)
    if ids:
        await flow.publish(*ids)
    await flow.advance(hours=48)
    return flow.transport.delivered_ids


async def test_retries_are_forgotten(flow: Flow) -> None:
    """In memory and in the store; the log is empty, and positions go on."""
    await flow.subscribe()
    flow.transport.answer = always(500)
    await flow.publish("a", "b")
    await flow.engine.quiet()
    head = flow.engine.router.head
    await flow.engine.forget()
    rows, extent = await flow.waiting(), flow.store.extent()

    assert await delivered_after(flow, "c") == ["c"]
    assert rows == []
    assert (extent.first, extent.end, extent.size) == (head, head, 0)


async def test_what_was_written_down_before_is_forgotten(flow: Flow) -> None:
    """Rows that a checkpoint has made durable."""
    await flow.subscribe()
    flow.transport.answer = always(500)
    await flow.publish("a")
    await flow.engine.quiet()
    before = len(await flow.waiting())

    assert before == 1
    assert await delivered_after(flow) == []
    again = await flow.restarted()
    await again.advance(hours=48)
    assert again.transport.requests == []


async def test_request_in_flight_ends_unheard(flow: Flow) -> None:
    """Its failure is not tried again."""
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    await flow.publish("a")
    await flow.engine.turn()
    await flow.engine.forget()
    flow.transport.release(WebhookResponse(status=500))
    flow.transport.requests.clear()
    await flow.advance(hours=24)

    assert flow.transport.requests == []
    assert flow.engine.deliverer.in_flight == 0


async def test_dead_letters_that_wait_are_forgotten(flow: Flow) -> None:
    """And so are the records of what was given up, and of replays."""
    destination = DeadLetterDestination(resource_id="/storage", container="letters")
    await flow.subscribe(dead_letter_destination=destination)
    flow.transport.answer = always(400)
    await flow.publish("a")
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()
    await flow.engine.replays.begin(subscription="s1", source=ReplaySource.LOG)
    delivered = await delivered_after(flow)
    left = [len(await flow.store.scan(name)) for name in (GIVEN_UP, GIVEN_UP_EVENTS, REPLAYS)]

    assert delivered == []
    assert flow.dead_letters.blobs == {}
    assert left == [0, 0, 0]


async def test_parked_subscription_is_tried_again(flow: Flow) -> None:
    """Its failures are forgotten too."""
    await flow.subscribe()
    flow.transport.answer = always(503)
    await flow.publish(*(f"old-{number}" for number in range(12)))
    await flow.engine.quiet()
    await flow.engine.forget()
    flow.transport.requests.clear()
    flow.transport.answer = always(200)
    await flow.publish("new")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["new"]


async def test_attempts_are_forgotten(flow: Flow) -> None:
    """The history answers nothing about the events of before."""
    await flow.subscribe()
    await flow.publish("a")
    await flow.engine.quiet()
    history = flow.observation.history
    assert history is not None
    before = await history.of(0)
    await flow.engine.forget()

    assert len(before) == 1
    assert await history.of(0) == []


async def test_settings_and_versions_stay(flow: Flow) -> None:
    """A paused subscription is paused, and gets what came since when it is resumed."""
    subscription = await flow.subscribe()
    incarnation = subscription.incarnation
    flow.engine.router.configure(incarnation, DeliverySettings(is_paused=True))
    await flow.publish("old")
    await flow.engine.quiet()

    assert await delivered_after(flow, "new") == []
    flow.engine.router.configure(incarnation, DeliverySettings())
    await flow.advance(hours=1)
    assert flow.transport.delivered_ids == []  # its time to live of a day is over

    await flow.publish("newer")
    await flow.engine.quiet()
    assert flow.transport.delivered_ids == ["newer"]


async def test_known_duplicates_are_forgotten(flow: Flow) -> None:
    """An id that was used before the reset is a new event."""
    subscription = await flow.subscribe()
    settings = DeliverySettings(deduplication_window=HOUR)
    flow.engine.router.configure(subscription.incarnation, settings)
    await flow.publish("a")
    await flow.publish("a")
    await flow.engine.quiet()
    before = list(flow.transport.delivered_ids)
    await flow.engine.forget()
    await flow.publish("a")
    await flow.publish("a")
    await flow.engine.quiet()

    assert before == ["a"]
    assert flow.transport.delivered_ids == ["a", "a"]


@pytest.mark.parametrize("clean", [True, False])
async def test_restart_after_it_delivers_nothing_twice(flow: Flow, clean: bool) -> None:
    """Cursors of before are gone: a new event is delivered once."""
    await flow.subscribe()
    flow.transport.answer = in_turn(500)
    await flow.publish("a")
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()
    await flow.engine.forget()
    await flow.publish("b")
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()
    again = await flow.restarted(clean=clean)
    await again.advance(hours=24)

    assert again.transport.requests == []
