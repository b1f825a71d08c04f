"""Pause and resume, the fast profile, and faults on purpose."""

import pytest

from switchhook.clock import MILLISECOND, SECOND
from switchhook.grid.faults import DeliveryFault
from switchhook.grid.subscriptions import DeliverySettings, RetryPolicy, TimeProfile
from tests.flow.conftest import Flow
from tests.scripted_transport import always

PAUSED = DeliverySettings(is_paused=True)
GOING = DeliverySettings()


async def test_paused_subscription_gets_its_events_when_it_is_resumed(flow: Flow) -> None:
    """New events and those that waited for a retry, none twice."""
    await flow.subscribe()
    flow.transport.answer = always(500)
    await flow.publish("tried")
    await flow.engine.quiet()
    flow.transport.answer = always(200)
    flow.engine.router.configure("s1", PAUSED)
    await flow.publish("a", "b")
    await flow.advance(hours=1)

    assert flow.transport.delivered_ids == ["tried"]

    flow.engine.router.configure("s1", GOING)
    await flow.engine.quiet()

    assert sorted(flow.transport.delivered_ids[1:]) == ["a", "b", "tried"]


async def test_time_to_live_runs_while_a_subscription_is_paused(flow: Flow) -> None:
    await flow.subscribe(retry_policy=RetryPolicy(event_time_to_live_in_minutes=1))
    flow.engine.router.configure("s1", PAUSED)
    await flow.publish("old")
    await flow.advance(minutes=2)
    await flow.engine.upkeep()
    await flow.publish("new")
    flow.engine.router.configure("s1", GOING)
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["new"]


async def test_pause_outlasts_a_restart(flow: Flow) -> None:
    """Its events are behind the cursor, its retries in their rows."""
    await flow.subscribe()
    flow.transport.answer = always(500)
    await flow.publish("tried")
    await flow.engine.quiet()
    flow.engine.router.configure("s1", PAUSED)
    await flow.publish("a")
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()

    revived = await flow.restarted()
    revived.engine.router.configure("s1", PAUSED)
    await revived.advance(hours=1)
    assert revived.transport.requests == []

    revived.engine.router.configure("s1", GOING)
    await revived.engine.quiet()

    assert sorted(revived.transport.delivered_ids) == ["a", "tried"]


async def test_attempt_that_fails_after_the_pause_waits_for_the_end_of_it(flow: Flow) -> None:
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    await flow.publish("a")
    flow.engine.router.configure("s1", PAUSED)
    flow.transport.answer = always(200)
    flow.transport.release(always(500)(flow.transport.requests[0]))  # type: ignore[arg-type]
    await flow.advance(hours=1)
    assert len(flow.transport.requests) == 1

    flow.engine.router.configure("s1", GOING)
    await flow.engine.quiet()

    assert len(flow.transport.requests) == 2


async def test_fast_profile_waits_a_thousandth(flow: Flow) -> None:
    """The same steps, in milliseconds."""
    flow.engine.router.configure("s1", DeliverySettings(profile=TimeProfile.FAST))
    await flow.subscribe()
    flow.transport.answer = always(500)
    await flow.publish("a")
    await flow.engine.quiet()
    start = flow.clock.now()

    due = []
    for _ in range(4):
        row = (await flow.waiting())[0]
        due.append((row.due_at - start) // MILLISECOND)
        await flow.clock.advance_to(row.due_at)
    assert due == [10, 40, 100, 400]


async def test_events_expire_under_the_fast_profile_a_thousand_times_earlier(flow: Flow) -> None:
    flow.engine.router.configure("s1", DeliverySettings(profile=TimeProfile.FAST))
    await flow.subscribe()
    flow.transport.answer = always(500)
    await flow.publish("a")
    await flow.advance(minutes=3)

    assert await flow.waiting() == []
    assert len(flow.transport.requests) == 11


# --- faults ---------------------------------------------------------------------------------------


async def test_fault_answers_in_the_place_of_the_webhook(flow: Flow) -> None:
    """The next two fail; the webhook hears of the third attempt only."""
    await flow.subscribe()
    flow.engine.deliverer.faults.put("s1", DeliveryFault(count=2, status=503))
    await flow.publish("a")
    await flow.engine.quiet()
    row = (await flow.waiting())[0]

    assert (row.last_status_code, row.due_at) == (503, flow.clock.now() + 30 * SECOND)

    await flow.advance(minutes=2)

    assert flow.transport.delivered_ids == ["a"]
    assert b"aeg-delivery-count: 2" in flow.transport.requests[0].headers
    assert flow.engine.deliverer.faults.get("s1") is None


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(DeliveryFault(drop_connection=True), "SocketError"), (DeliveryFault(status=404), "NotFound")],
)
async def test_fault_has_the_outcome_of_the_real_thing(
    flow: Flow, fault: DeliveryFault, outcome: str
) -> None:
    await flow.subscribe()
    flow.engine.deliverer.faults.put("s1", fault)
    await flow.publish("a")
    await flow.engine.quiet()

    assert [row.last_outcome for row in await flow.waiting()] == [outcome]


async def test_delayed_delivery_comes_after_its_delay(flow: Flow) -> None:
    await flow.subscribe()
    flow.engine.deliverer.faults.put("s1", DeliveryFault(delay=5 * SECOND))
    await flow.publish("late", "prompt")
    await flow.engine.quiet()
    assert flow.transport.delivered_ids == ["prompt"]

    await flow.advance(seconds=5)

    assert flow.transport.delivered_ids == ["prompt", "late"]


async def test_duplicated_delivery_comes_twice_and_counts_once(flow: Flow) -> None:
    await flow.subscribe()
    flow.engine.deliverer.faults.put("s1", DeliveryFault(duplicate=True))
    await flow.publish("a")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a", "a"]
    assert await flow.waiting() == []


async def test_reordered_delivery_comes_after_the_next(flow: Flow) -> None:
    await flow.subscribe()
    flow.engine.deliverer.faults.put("s1", DeliveryFault(reorder=True, delay=60 * SECOND))
    await flow.publish("first")
    await flow.publish("second")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["second", "first"]


async def test_reordered_delivery_without_a_next_comes_after_the_delay(flow: Flow) -> None:
    await flow.subscribe()
    flow.engine.deliverer.faults.put("s1", DeliveryFault(reorder=True, delay=60 * SECOND))
    await flow.publish("only")
    await flow.advance(seconds=60)

    assert flow.transport.delivered_ids == ["only"]
