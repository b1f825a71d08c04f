"""What becomes of events that were given up, when somebody asks for them again?"""

from typing import Any

import pytest

from switchhook.clock import HOUR, MINUTE
from switchhook.grid.given_up import GivenUp, GivenUpState, Keep, list_given_up
from switchhook.grid.limits import Limits
from switchhook.grid.replay import Replay, ReplaySource, ReplayState, Selection
from switchhook.grid.subscriptions import (
    DeadLetterDestination,
    DeliverySettings,
    Filter,
    RetryPolicy,
    WebHookDestination,
)
from tests.builders import a_subscription
from tests.flow.conftest import Flow
from tests.scripted_transport import always

DESTINATION = DeadLetterDestination(resource_id="/storage", container="letters")


async def _redrive(flow: Flow, **members: Any) -> Replay:
    """Begin a re-drive of the only subscription, and let it end; webhooks answer 200."""
    flow.transport.answer = always(200)
    flow.transport.requests.clear()
    fields = {"subscription": "s1", "source": ReplaySource.DEAD_LETTERS} | members
    begun = await flow.engine.replays.begin(**fields)
    await flow.advance(minutes=1)
    ended = flow.engine.replays.find(begun.name)
    assert ended is not None
    return ended


async def _kept(flow: Flow) -> dict[str, GivenUp]:
    """What was given up, by the event's id."""
    await flow.engine.checkpoint.write()
    page = await list_given_up(flow.store)
    return {kept.event_id: kept for kept in page.items}


async def _give_up(flow: Flow, *names: str, status: int = 400) -> None:
    flow.transport.answer = always(status)
    await flow.publish(*names)
    await flow.advance(minutes=6)


@pytest.mark.parametrize("destination", [DESTINATION, None])
async def test_given_up_events_are_delivered_again_after_the_log_was_trimmed(
    flow: Flow, destination: DeadLetterDestination | None
) -> None:
    """Dead-lettered or dropped; a list shows by which run."""
    flow = await flow.restarted(limits=Limits(max_age=MINUTE))
    await flow.subscribe(dead_letter_destination=destination)
    await _give_up(flow, "a", "b")
    await flow.engine.checkpoint.write()
    await flow.engine.upkeep()
    trimmed = flow.store.extent().first

    ended = await _redrive(flow)

    assert trimmed == 2
    assert flow.transport.delivered_ids == ["a", "b"]
    assert (ended.state, ended.queued, ended.skipped) == (ReplayState.SUCCEEDED, 2, 0)
    assert [kept.redriven_by for kept in (await _kept(flow)).values()] == [1, 1]


async def test_second_redrive_leaves_out_what_the_first_took(flow: Flow) -> None:
    """Unless it is asked for by its key."""
    await flow.subscribe()
    await _give_up(flow, "a")
    await _redrive(flow)
    again = await _redrive(flow)
    by_key = await _redrive(flow, selection=Selection(keys=((await _kept(flow))["a"].key,)))

    assert (again.queued, by_key.queued) == (0, 1)
    assert flow.transport.delivered_ids == ["a"]


async def test_reason_selects(flow: Flow) -> None:
    await flow.subscribe(retry_policy=RetryPolicy(max_delivery_attempts=1))
    await _give_up(flow, "refused", status=400)
    await _give_up(flow, "tried", status=500)
    await _redrive(flow, selection=Selection(reason="MaxDeliveryAttemptsExceeded"))

    assert flow.transport.delivered_ids == ["tried"]


async def test_time_selects(flow: Flow) -> None:
    """When they were given up, not when they were published."""
    await flow.subscribe()
    await _give_up(flow, "early")
    between = flow.clock.now()
    await _give_up(flow, "late")
    await _redrive(flow, selection=Selection(since=between))
    late = flow.transport.delivered_ids
    await _redrive(flow, selection=Selection(until=between))

    assert (late, flow.transport.delivered_ids) == (["late"], ["early"])


async def test_state_selects(flow: Flow) -> None:
    await flow.subscribe()
    await _give_up(flow, "dropped")
    await flow.put(a_subscription(version=2, dead_letter_destination=DESTINATION))
    await _give_up(flow, "written")
    await _redrive(flow, selection=Selection(state=GivenUpState.DROPPED))

    assert flow.transport.delivered_ids == ["dropped"]


async def test_subscription_selects_or_all(flow: Flow) -> None:
    """Each event goes to whoever it was meant for; those of a deleted one to nobody."""
    for name in ("s1", "s2", "s3"):
        url = f"http://127.0.0.1:9/{name}"
        await flow.subscribe(incarnation=name, destination=WebHookDestination(endpoint_url=url))
    await _give_up(flow, "a")
    await flow.unsubscribe("s3")
    await _redrive(flow, subscription="s2")
    one = [request.url for request in flow.transport.requests]
    everywhere = await _redrive(flow, subscription="")

    assert one == ["http://127.0.0.1:9/s2"]
    assert [each.url for each in flow.transport.requests] == ["http://127.0.0.1:9/s1"]
    assert (everywhere.queued, everywhere.skipped) == (1, 1)


async def test_filter_of_today_decides(flow: Flow) -> None:
    await flow.subscribe()
    await _give_up(flow, "a")
    await flow.put(a_subscription(version=2, filter=Filter(subject_begins_with="other")))
    ended = await _redrive(flow)

    assert (flow.transport.requests, ended.skipped) == ([], 1)


async def test_event_whose_dead_letter_is_still_to_be_written_is_left_alone(flow: Flow) -> None:
    await flow.subscribe(dead_letter_destination=DESTINATION)
    flow.transport.answer = always(400)
    await flow.publish("a")
    await flow.advance(seconds=1)
    ended = await _redrive(flow)
    await flow.advance(minutes=5)

    assert ended.queued == 0
    assert [each["id"] for each in flow.dead_letters.events] == ["a"]


async def test_redriven_event_that_is_given_up_again_is_kept_again(flow: Flow) -> None:
    """It is not part of the run that gave it up."""
    await flow.subscribe()
    await _give_up(flow, "a")
    flow.transport.answer = always(400)
    await flow.engine.replays.begin(subscription="s1", source=ReplaySource.DEAD_LETTERS)
    await flow.advance(minutes=10)
    await flow.engine.checkpoint.write()

    items = (await list_given_up(flow.store)).items
    assert [(kept.run, kept.redriven_by) for kept in items] == [(0, 1), (1, 0)]


async def test_killed_redrive_goes_on_where_it_was(flow: Flow) -> None:
    flow.engine.router.configure("s1", DeliverySettings())
    await flow.subscribe()
    await _give_up(flow, "a", "b", "c")
    await flow.engine.checkpoint.write()
    flow.transport.answer = always(200)
    flow.transport.requests.clear()
    await flow.engine.replays.begin(subscription="", source=ReplaySource.DEAD_LETTERS, rate=1)
    await flow.advance(seconds=1)
    await flow.engine.checkpoint.write()
    before = flow.transport.delivered_ids

    revived = await flow.restarted()
    await revived.advance(seconds=10)

    assert before == ["a", "b"]
    assert revived.transport.delivered_ids == ["c"]


async def test_upkeep_forgets_what_was_given_up_long_ago(flow: Flow) -> None:
    """By number and by age, whatever was re-driven."""
    flow = await flow.restarted(limits=Limits(given_up=Keep(newest=2, age=HOUR)))
    await flow.subscribe()
    for name in ("a", "b", "c"):
        await _give_up(flow, name)
    await flow.engine.checkpoint.write()
    await flow.engine.upkeep()
    newest = list(await _kept(flow))
    await flow.advance(hours=2)
    await flow.engine.upkeep()

    assert newest == ["b", "c"]
    assert await _kept(flow) == {}


async def test_redrive_of_all_ends_though_a_subscription_is_deleted(flow: Flow) -> None:
    """What waits for it went with it."""
    await flow.subscribe(retry_policy=RetryPolicy(max_delivery_attempts=1))
    flow.transport.answer = always(500)
    await flow.publish("a")
    await flow.engine.quiet()
    flow.engine.router.configure("s1", DeliverySettings(is_paused=True))
    run = await flow.engine.replays.begin(subscription="", source=ReplaySource.DEAD_LETTERS)
    await flow.advance(seconds=5)
    assert flow.engine.replays.outstanding(run.run) == 1

    await flow.unsubscribe("s1")
    await flow.engine.quiet()

    ended = flow.engine.replays.find(run.name)
    assert ended is not None
    assert ended.state is ReplayState.SUCCEEDED
