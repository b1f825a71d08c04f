"""What does a replay deliver, when, and what does it leave alone?"""

import contextlib
from typing import Any

import msgspec
import pytest

from switchhook.clock import HOUR, MINUTE, SECOND, VirtualClock
from switchhook.errors import RequestError, StoreFullError
from switchhook.grid.collections import TOPICS
from switchhook.grid.limits import Limits
from switchhook.grid.ports import Put, WebhookRequest, WebhookResponse
from switchhook.grid.replay import MAX_OUTSTANDING, Replay, ReplaySource, ReplayState, Selection
from switchhook.grid.replays import MAX_RUNNING
from switchhook.grid.subscriptions import (
    DeadLetterDestination,
    DeliverySettings,
    Filter,
    RetryPolicy,
)
from switchhook.stores.memory import MemoryStore
from tests.builders import a_subscription, a_topic
from tests.flow.conftest import Flow, start
from tests.scripted_transport import always, in_turn


async def _replay(flow: Flow, **members: Any) -> Replay:
    fields = {"subscription": "s1", "source": ReplaySource.LOG} | members
    return await flow.engine.replays.begin(**fields)


async def _replayed(flow: Flow, **members: Any) -> list[str]:
    """What a replay of everything delivers, when there is time enough."""
    flow.transport.requests.clear()
    await _replay(flow, **members)
    await flow.advance(minutes=1)
    return flow.transport.delivered_ids


def _state(flow: Flow, name: str = "replay-1") -> Replay:
    replay = flow.engine.replays.find(name)
    assert replay is not None
    return replay


def _headers(request: WebhookRequest) -> dict[str, str]:
    lines = request.headers.decode().strip().split("\r\n")
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


# --- which events ------------------------------------------------------------------------------


async def test_events_of_the_log_are_delivered_again(flow: Flow) -> None:
    """In their order, those of before the subscription too, and then it is over."""
    await flow.publish("before")
    await flow.subscribe()
    await flow.publish("a", "b")
    await flow.engine.quiet()

    assert await _replayed(flow) == ["before", "a", "b"]
    assert (_state(flow).state, _state(flow).queued) == (ReplayState.SUCCEEDED, 3)
    assert await flow.waiting() == []
    assert await flow.store.cursors() == []


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(filter=Filter(subject_begins_with="a/")), ["a1"]),
        (Selection(filter=Filter(subject_ends_with="/2")), ["b2"]),
        (Selection(filter=Filter(included_event_types=("Late",))), ["late"]),
        (Selection(filter=Filter(subject_begins_with="none")), []),
    ],
)
async def test_subject_and_type_select(
    flow: Flow, selection: Selection, expected: list[str]
) -> None:
    await flow.subscribe()
    await flow.publish("a1", subject="a/1")
    await flow.publish("b2", subject="b/2")
    await flow.publish("late", eventType="Late")
    await flow.engine.quiet()

    assert await _replayed(flow, selection=selection) == expected


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (0, None, ["0", "1", "2", "3"]),
        (10, None, ["1", "2", "3"]),
        (10, 30, ["1", "2"]),
        (11, 20, []),
        (30, 31, ["3"]),
    ],
)
async def test_time_of_publication_selects(
    flow: Flow, since: int, until: int | None, expected: list[str]
) -> None:
    """From an instant on, and before another."""
    await flow.subscribe()
    begin = flow.clock.now()
    for name in ("0", "1", "2", "3"):
        await flow.publish(name)
        await flow.advance(minutes=10)

    selection = Selection(
        since=begin + since * MINUTE if since else 0,
        until=None if until is None else begin + until * MINUTE,
    )
    assert await _replayed(flow, selection=selection) == expected


async def test_filter_of_today_decides(flow: Flow) -> None:
    """What was delivered by an older version is not wanted now, and the other way round."""
    await flow.subscribe(filter=Filter(subject_begins_with="a/"))
    await flow.publish("a", subject="a/1")
    await flow.publish("b", subject="b/1")
    await flow.engine.quiet()
    await flow.put(a_subscription(version=2, filter=Filter(subject_begins_with="b/")))

    assert await _replayed(flow) == ["b"]


async def test_events_that_come_during_a_replay_are_not_part_of_it(flow: Flow) -> None:
    await flow.subscribe()
    await flow.publish("a", "b")
    await flow.engine.quiet()
    await _replay(flow, rate=1)
    await flow.engine.quiet()
    await flow.publish("new")
    await flow.advance(minutes=1)

    assert sorted(flow.transport.delivered_ids) == ["a", "a", "b", "b", "new"]


async def test_deduplicated_subscription_gets_what_it_had_before(flow: Flow) -> None:
    """And what it did not get, being a duplicate."""
    flow.engine.router.configure("s1", DeliverySettings(deduplication_window=HOUR))
    await flow.subscribe()
    await flow.engine.quiet()
    await flow.publish("a", "a", "b")
    await flow.engine.quiet()

    assert await _replayed(flow) == ["a", "a", "b"]


# --- how ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "count", "expected"),
    [
        (1, 3, [0, 1_000, 2_000]),
        (4, 4, [0, 250, 500, 750]),
        (10, 3, [0, 100, 200]),
        (50, 12, [0, *[100] * 5, *[200] * 5, 300]),
        (10_000, 3, [0, 100, 100]),
    ],
)
async def test_rate_says_when(flow: Flow, rate: int, count: int, expected: list[int]) -> None:
    """Milliseconds since the start; beyond ten a second, in steps of a tenth."""
    await flow.subscribe()
    await flow.publish(*(f"e{n}" for n in range(count)))
    await flow.engine.quiet()
    start = flow.clock.now()
    instants: list[int] = []

    def note(_: WebhookRequest) -> WebhookResponse:
        instants.append((flow.clock.now() - start) * 1000 // SECOND)
        return WebhookResponse(status=200)

    flow.transport.answer = note
    await _replay(flow, rate=rate)
    await flow.advance(seconds=5)

    assert instants == expected


@pytest.mark.parametrize("marks", [True, False])
async def test_header_marks_deliveries_unless_it_is_switched_off(flow: Flow, marks: bool) -> None:
    flow.engine.router.configure("s1", DeliverySettings(marks_replays=marks))
    await flow.subscribe()
    await flow.publish("a")
    await flow.engine.quiet()
    await _replayed(flow)

    expected = "1" if marks else None
    assert [_headers(each).get("switchhook-replay") for each in flow.transport.requests] == [
        expected
    ]


async def test_time_to_live_and_attempts_start_anew(flow: Flow) -> None:
    """The event's own time is long over, and its attempts are used up."""
    await flow.subscribe(
        retry_policy=RetryPolicy(max_delivery_attempts=2, event_time_to_live_in_minutes=5)
    )
    flow.transport.answer = always(500)
    await flow.publish("a")
    await flow.advance(hours=2)
    first = len(flow.transport.requests)
    flow.transport.answer = in_turn(500)

    assert await _replayed(flow) == ["a", "a"]
    assert first == 2
    assert [_headers(each)["aeg-delivery-count"] for each in flow.transport.requests] == ["0", "1"]


async def test_replayed_event_is_dead_lettered_as_any_other(flow: Flow) -> None:
    destination = DeadLetterDestination(resource_id="/storage", container="letters")
    await flow.subscribe(dead_letter_destination=destination)
    await flow.publish("a")
    await flow.engine.quiet()
    flow.transport.answer = always(400)
    await _replayed(flow)
    before = _state(flow).state
    await flow.advance(minutes=5)

    assert [each["id"] for each in flow.dead_letters.events] == ["a"]
    assert (before, _state(flow).state) == (ReplayState.RUNNING, ReplayState.SUCCEEDED)


async def test_what_waits_bounds_what_is_taken_from_the_log(flow: Flow) -> None:
    """A paused subscription gets no more rows than that; the rest comes when it is resumed."""
    await flow.subscribe()
    total = MAX_OUTSTANDING + 200
    await flow.publish(*(f"e{n}" for n in range(total)))
    await flow.engine.quiet()
    flow.transport.requests.clear()
    flow.engine.router.configure("s1", DeliverySettings(is_paused=True))
    await _replay(flow, rate=10_000)
    await flow.advance(minutes=1)
    waiting = len(await flow.store.waiting("s1", limit=None))
    held = flow.engine.replays.outstanding(1)
    reading = flow.engine.replays.reading()

    flow.engine.router.configure("s1", DeliverySettings())
    await flow.advance(minutes=1)

    assert waiting == held == MAX_OUTSTANDING
    assert reading == []
    assert sorted(flow.transport.delivered_ids) == sorted(f"e{n}" for n in range(total))
    assert _state(flow).state is ReplayState.SUCCEEDED


async def test_replay_reads_until_the_last_event_is_handed_over(flow: Flow) -> None:
    """Quiet in between is not its end; a delivery that waits for a retry is not part of it."""
    await flow.subscribe()
    await flow.publish("a", "b", "c")
    await flow.engine.quiet()
    flow.transport.answer = always(503)
    await _replay(flow, rate=1)
    reading = []
    for _ in range(4):
        await flow.engine.quiet()
        reading.append(list(flow.engine.replays.reading()))
        await flow.advance(seconds=1)

    assert reading[0] == reading[1] == ["replay-1"]
    assert reading[-1] == []
    assert _state(flow).state is ReplayState.RUNNING


# --- resuming, pinning, ending -------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 1, 2, 3, 4])
async def test_killed_replay_goes_on_where_it_was(flow: Flow, seconds: int) -> None:
    """No event is left out; none comes twice that the last checkpoint knew of."""
    await flow.subscribe()
    await flow.publish("a", "b", "c", "d")
    await flow.engine.quiet()
    flow.transport.requests.clear()
    await _replay(flow, rate=1)
    await flow.advance(seconds=seconds)
    await flow.engine.checkpoint.write()
    before = flow.transport.delivered_ids

    revived = await flow.restarted()
    await revived.advance(seconds=10)

    assert before + revived.transport.delivered_ids == ["a", "b", "c", "d"]
    assert _state(revived).state is ReplayState.SUCCEEDED
    assert _state(revived).queued == 4
    assert await revived.waiting() == []


async def test_kill_before_a_checkpoint_repeats_what_was_sent_since_the_last(flow: Flow) -> None:
    """Rows and cursor are one commit: nothing else is doubled."""
    await flow.subscribe()
    await flow.publish("a", "b", "c", "d")
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()
    await _replay(flow, rate=1)
    flow.transport.requests.clear()
    await flow.advance(seconds=1)
    before = flow.transport.delivered_ids

    revived = await flow.restarted()
    await revived.advance(seconds=10)

    assert before == ["a", "b"]
    assert revived.transport.delivered_ids == ["b", "c", "d"]


async def test_log_is_kept_for_a_replay_and_no_longer(flow: Flow) -> None:
    """Over a restart, too: its cursor is durable."""
    limits = Limits(max_age=SECOND)
    await flow.subscribe()
    for name in ("a", "b", "c"):
        await flow.publish(name)
    await flow.advance(seconds=5)
    await flow.engine.checkpoint.write()
    await _replay(flow, rate=1)
    await flow.engine.quiet()

    revived = await flow.restarted(limits=limits)
    await revived.engine.upkeep()
    kept = revived.store.extent().first
    await revived.advance(seconds=10)
    await revived.engine.upkeep()

    assert kept == 1
    assert revived.store.extent().first == 3
    assert sorted(revived.transport.delivered_ids) == ["a", "b", "c"]


async def test_canceled_replay_delivers_no_more(flow: Flow) -> None:
    """Neither from the log nor what waits already; the log is free again."""
    await flow.subscribe()
    await flow.publish("a", "b", "c")
    await flow.engine.quiet()
    flow.transport.requests.clear()
    flow.transport.answer = always(500)
    await _replay(flow, rate=1)
    await flow.advance(seconds=1)
    await flow.engine.replays.cancel(1)
    flow.transport.answer = always(200)
    flow.transport.requests.clear()
    await flow.advance(hours=1)

    assert flow.transport.requests == []
    assert _state(flow).state is ReplayState.CANCELED
    assert await flow.waiting() == []
    assert await flow.store.cursors() == []


@pytest.mark.parametrize("restarts", [False, True])
async def test_delivery_under_way_is_not_tried_again_after_a_cancel(
    flow: Flow, restarts: bool
) -> None:
    """It may end, whatever comes of it."""
    await flow.subscribe()
    await flow.publish("a")
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()
    flow.transport.answer = lambda _: None
    await _replay(flow)
    for _ in range(3):
        await flow.engine.turn()
    await flow.engine.replays.cancel(1)
    if restarts:
        flow = await flow.restarted()
    flow.transport.release(WebhookResponse(status=500))
    flow.transport.requests.clear()
    flow.transport.answer = always(200)
    await flow.advance(hours=1)

    assert flow.transport.requests == []
    assert await flow.waiting() == []


async def test_deleted_subscription_ends_its_replays(flow: Flow) -> None:
    await flow.subscribe()
    await flow.publish("a", "b", "c")
    await flow.engine.quiet()
    await _replay(flow, rate=1)
    await flow.engine.quiet()
    await flow.unsubscribe("s1")
    flow.transport.requests.clear()
    await flow.advance(minutes=1)

    assert flow.transport.requests == []
    assert flow.engine.replays.all() == ()
    assert await flow.store.cursors() == []
    assert list(flow.engine.replays.pins()) == []


@pytest.mark.parametrize("drops", [True, False])
async def test_full_log_waits_for_a_replay_unless_the_oldest_may_go(drops: bool) -> None:
    """Where they may, publishing goes on and the replay misses what had to go."""
    flow = await _small(drops_unfinished=drops)
    await flow.subscribe()
    await flow.publish("first", "second", "third")
    await flow.engine.quiet()
    await _replay(flow, rate=1)
    await flow.engine.quiet()
    published = 0
    with contextlib.suppress(StoreFullError):
        for published in range(200):
            await flow.publish(f"e{published}")
            await flow.engine.quiet()

    assert (published == 199) is drops
    assert (flow.store.extent().first > 0) is drops
    flow.transport.requests.clear()
    await flow.advance(seconds=10)
    assert flow.transport.delivered_ids == ([] if drops else ["second", "third"])
    assert _state(flow).state is ReplayState.SUCCEEDED


async def _small(**limits: Any) -> Flow:
    """A router whose log has room for some 90 events."""
    store, topic = MemoryStore(max_bytes=20_000), a_topic()
    await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
    return await start(store, VirtualClock(), topic, Limits(max_bytes=20_000, **limits))


async def test_name_is_taken_once(flow: Flow) -> None:
    await flow.subscribe()
    await _replay(flow, name="again")

    with pytest.raises(RequestError, match="'AGAIN' already"):
        await _replay(flow, name="AGAIN")


async def test_name_that_is_given_by_itself_is_free(flow: Flow) -> None:
    await flow.subscribe()
    await _replay(flow, name="replay-2")

    assert (await _replay(flow)).name == "replay-3"


async def test_only_so_many_replays_run_at_a_time(flow: Flow) -> None:
    """And none for a subscription that is not in force."""
    await flow.subscribe()
    await flow.publish("a", "b")
    with pytest.raises(RequestError, match="not in force"):
        await _replay(flow, subscription="s2")
    for _ in range(MAX_RUNNING):
        await _replay(flow)

    with pytest.raises(RequestError, match="20 replays are running"):
        await _replay(flow)


async def test_runs_are_numbered_on_after_a_restart(flow: Flow) -> None:
    """A number is never used again, even when its replay was deleted."""
    await flow.subscribe()
    await _replay(flow)
    await flow.engine.replays.delete(1)
    revived = await flow.restarted()

    assert revived.engine.replays.all() == ()
    assert (await _replay(revived)).run == 2


async def test_row_of_a_replay_does_not_hide_that_another_needs_an_older_version(
    flow: Flow,
) -> None:
    """What waits for its retry keeps the policy that it was matched by."""
    limits = Limits(max_age=SECOND)
    flow = await flow.restarted(limits=limits)
    await flow.subscribe(retry_policy=RetryPolicy(max_delivery_attempts=2))
    await flow.publish("first")
    await flow.engine.quiet()
    flow.transport.answer = always(500)
    await flow.publish("waits")
    await flow.engine.quiet()
    await flow.put(a_subscription(version=2))
    await _replay(flow, rate=1)
    await flow.advance(seconds=2)
    await flow.engine.checkpoint.write()
    await flow.engine.upkeep()
    assert flow.store.extent().first == 2
    await flow.advance(hours=1)

    waits = [each for each in flow.transport.requests if b'"waits"' in each.body]
    regular = [each for each in waits if "switchhook-replay" not in _headers(each)]
    assert len(regular) == 2
