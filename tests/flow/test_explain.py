"""Why an event did not arrive: what is said in each state of a delivery."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from switchhook.clock import HOUR, MINUTE, SECOND
from switchhook.errors import RequestError
from switchhook.grid.explanations import Stage, Verdict
from switchhook.grid.given_up import Keep
from switchhook.grid.limits import Limits
from switchhook.grid.places import Place
from switchhook.grid.ports import DeadLetterAnswer, WaitingDelivery, WebhookResponse
from switchhook.grid.subscriptions import (
    DeadLetterDestination,
    DeliverySettings,
    Filter,
    RetryPolicy,
)
from switchhook.grid.topics import TopicKind
from tests.builders import a_body, a_topic, an_event
from tests.flow.explaining import Asked, a_new_one
from tests.scripted_transport import always, in_turn

BLOBS = DeadLetterDestination(resource_id="/storage", container="dead")


@pytest.fixture
async def flow() -> Asked:
    return await a_new_one()


# --- matching ------------------------------------------------------------------------------------


async def test_mismatch_names_the_clause_and_the_values(flow: Asked) -> None:
    """Of a subscription that did not want the event it says which clause failed, and on what."""
    await flow.subscribe(filter=Filter(subject_begins_with="invoices/"))
    await flow.publish("e1", subject="orders/17")

    told = await flow.told("e1")

    assert told.verdict is Verdict.NOT_MATCHED
    assert told.deliveries == ()
    assert told.mismatch is not None
    assert (told.mismatch.clause, told.mismatch.wanted) == ("subjectBeginsWith", ("invoices/",))
    assert told.text == (
        'subjectBeginsWith: the subject "orders/17" does not begin with "invoices/".'
    )


async def test_subscription_that_came_later_says_so(flow: Asked) -> None:
    """Events from before a subscription are not its events, whatever its filter says."""
    await flow.publish("e1")
    await flow.subscribe()

    told = await flow.told("e1")

    assert (told.verdict, told.from_position, told.deliveries) == (Verdict.CREATED_LATER, 1, ())


async def test_old_version_is_asked_for_old_events(flow: Asked) -> None:
    """A changed filter does not change what was said of events before the change."""
    first = await flow.subscribe(filter=Filter(included_event_types=("Other",)))
    await flow.publish("old")
    await flow.put(msgspec.structs.replace(first, version=2, filter=Filter()))
    await flow.publish("new")
    await flow.advance(seconds=1)

    old, new = await flow.told("old"), await flow.told("new")

    assert (old.verdict, old.version, old.is_current) == (Verdict.NOT_MATCHED, 1, False)
    assert (new.verdict, new.version, new.is_current) == (Verdict.MATCHED, 2, True)


async def test_domain_topic_narrows_whom_is_asked() -> None:
    """In a domain, its own subscriptions and those of the event's topic are asked, no others."""
    flow = await a_new_one(kind=TopicKind.DOMAIN)
    for name, topic in (("all", ""), ("tills", "tills"), ("shops", "shops")):
        await flow.subscribe(incarnation=name, name=name, domain_topic=topic)
    await flow.publish("e1", topic="tills")

    explanation = await flow.explain("e1")

    assert explanation.domain_topic == "tills"
    assert [each.name for each in explanation.subscriptions] == ["all", "tills"]


async def test_duplicate_is_matched_but_left_out(flow: Asked) -> None:
    """Under deduplication a repeated event is explained as one."""
    await flow.subscribe()
    flow.engine.router.configure("s1", DeliverySettings(deduplication_window=HOUR))
    await flow.engine.quiet()
    await flow.publish("e1")
    await flow.publish("e1")
    await flow.advance(seconds=1)

    second, first = (await flow.explainer.by_id("e1")).items

    assert [each.subscriptions[0].deliveries[0].stage for each in (first, second)] == [
        Stage.DELIVERED,
        Stage.DUPLICATE,
    ]


# --- deliveries ----------------------------------------------------------------------------------


async def test_delivered_with_every_attempt(flow: Asked) -> None:
    """What failed before is told with status, duration, excerpt and the next try."""
    await flow.subscribe()
    answers = [
        WebhookResponse(status=503, body=b"try later", duration=12_000_000),
        WebhookResponse(status=200, duration=4_000_000),
    ]
    flow.transport.answer = lambda _: answers.pop(0)
    await flow.publish("e1")
    await flow.advance(minutes=1)

    delivery = await flow.delivery("e1")

    first, second = delivery.attempts
    assert (first.status, first.outcome, first.excerpt) == (503, "Busy", "try later")
    assert first.next_at == first.started_at + 30 * SECOND
    assert (second.number, second.status, second.duration) == (2, 200, 4_000_000)
    assert delivery.stage is Stage.DELIVERED
    assert delivery.text == "Delivered at 2026-01-01T00:00:30.004Z, at attempt 2."


async def test_delivered_without_a_history() -> None:
    """Where the attempts are not kept, an event that is neither waiting nor given up arrived."""
    flow = await a_new_one(keeps_attempts=False)
    await flow.subscribe()
    await flow.publish("e1")
    await flow.advance(seconds=1)

    delivery = await flow.delivery("e1")

    assert delivery.stage is Stage.DELIVERED
    assert delivery.text == "Delivered; the attempts are no longer in the history."


async def test_old_event_without_traces_is_not_said_to_be_delivered() -> None:
    """After a week a record of giving it up would be gone: both ends are possible."""
    flow = await a_new_one(Limits(max_age=30 * 24 * HOUR), keeps_attempts=False)
    await flow.subscribe()
    await flow.publish("e1")
    await flow.advance(hours=8 * 24)

    assert (await flow.delivery("e1")).stage is Stage.FINISHED


async def test_dropped_event_without_its_record_is_not_said_to_be_delivered() -> None:
    """Where fewer records are kept than events were given up, nothing is taken for granted."""
    flow = await a_new_one(Limits(given_up=Keep(newest=1)), keeps_attempts=False)
    await flow.subscribe()
    flow.transport.answer = always(400)
    for name in ("e1", "e2"):
        await flow.publish(name)
        await flow.advance(seconds=1)
        await flow.engine.checkpoint.write()
    await flow.engine.upkeep()

    assert [(await flow.delivery(name)).stage for name in ("e1", "e2")] == [
        Stage.FINISHED,
        Stage.DROPPED,
    ]


async def test_in_flight(flow: Asked) -> None:
    """While the webhook has the request."""
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    await flow.publish("e1")

    delivery = await flow.delivery("e1")

    assert (delivery.stage, delivery.text) == (Stage.IN_FLIGHT, "Attempt 1 is under way.")


@pytest.mark.parametrize("is_written", [True, False])
async def test_waiting_for_a_retry(flow: Asked, is_written: bool) -> None:
    """Next try, attempts and last answer, whether the row is in the store yet or not."""
    await flow.subscribe()
    flow.transport.answer = always(503)
    await flow.publish("e1")
    await flow.engine.quiet()
    if is_written:
        await flow.engine.checkpoint.write()

    delivery = await flow.delivery("e1")

    assert delivery.stage is Stage.WAITING_FOR_RETRY
    assert delivery.next_attempt_at == flow.clock.now() + 30 * SECOND
    assert (delivery.attempts_made, delivery.last_outcome, delivery.last_status_code) == (
        1,
        "Busy",
        503,
    )
    assert delivery.text == (
        "The next attempt is due at 2026-01-01T00:00:30.000Z. So far: 1 attempt, the last one "
        "Busy 503."
    )


async def test_queued_behind_others() -> None:
    """With as many requests under way as there may be, an event waits in memory."""
    flow = await a_new_one(Limits(in_flight=1))
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    await flow.publish("e1", "e2")

    delivery = await flow.delivery("e2")

    assert delivery.stage is Stage.QUEUED
    assert delivery.text == "It waits for its first attempt in a queue of 1."


async def test_behind_the_log() -> None:
    """A subscription whose queue was full reads the log, where the event is."""
    flow = await a_new_one(Limits(in_flight=1, queue_length=1))
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    await flow.publish("e1", "e2", "e3", "e4")

    delivery = await flow.delivery("e4")

    assert delivery.stage is Stage.QUEUED
    assert delivery.text == (
        "It was not attempted yet: the subscription has still to read it from the log."
    )


async def test_paused(flow: Asked) -> None:
    """What waits for a resume says so, before its first attempt and after it."""
    await flow.subscribe()
    flow.transport.answer = always(503)
    await flow.publish("e1")
    await flow.engine.quiet()
    flow.engine.router.configure("s1", DeliverySettings(is_paused=True))
    await flow.publish("e2")
    await flow.advance(minutes=5)

    tried, untried = await flow.delivery("e1"), await flow.delivery("e2")

    assert tried.text == (
        "It waits until the subscription is resumed: it is paused. So far: 1 attempt, the last "
        "one Busy 503."
    )
    assert tried.next_attempt_at is None
    assert untried.text == (
        "It waits until the subscription is resumed: it is paused. It was not attempted yet."
    )


async def test_parked(flow: Asked) -> None:
    """An endpoint that is left alone is named as the reason, with the time."""
    await flow.subscribe()
    flow.transport.answer = always(404)
    await flow.publish(*(f"e{number}" for number in range(10)))
    await flow.engine.quiet()
    await flow.publish("late")

    delivery = await flow.delivery("late")

    assert delivery.stage is Stage.QUEUED
    assert "left alone until 2026-01-01T00:05:00.000Z" in delivery.text


async def test_blocked_behind_an_earlier_event_of_its_key(flow: Asked) -> None:
    """In order, the second event of a key waits for the first."""
    await flow.subscribe()
    flow.engine.router.configure("s1", DeliverySettings(ordered_by="subject"))
    await flow.engine.quiet()
    flow.transport.answer = always(503)
    await flow.publish("e1", "e2")
    await flow.engine.quiet()

    delivery = await flow.delivery("e2")

    assert delivery.stage is Stage.QUEUED
    assert "an earlier event with the same subject is not finished" in delivery.text


@pytest.mark.parametrize("is_written", [True, False])
async def test_dropped(flow: Asked, is_written: bool) -> None:
    """An event that was given up without a dead-letter destination."""
    await flow.subscribe()
    flow.transport.answer = always(400)
    await flow.publish("e1")
    await flow.engine.quiet()
    if is_written:
        await flow.engine.checkpoint.write()

    delivery = await flow.delivery("e1")

    assert (delivery.stage, delivery.reason) == (Stage.DROPPED, "NotRetriable")
    assert delivery.text == (
        "Given up (NotRetriable) at 2026-01-01T00:00:00.000Z, after 1 attempt. It was dropped: "
        "the event subscription has no dead-letter destination."
    )
    assert [attempt.status for attempt in delivery.attempts] == [400]


async def test_dead_letter_before_and_after_it_is_written(flow: Asked) -> None:
    """First the time at which it is due, then the blob."""
    await flow.subscribe(dead_letter_destination=BLOBS)
    flow.transport.answer = always(400)
    await flow.publish("e1")
    await flow.engine.quiet()
    before = await flow.delivery("e1")
    await flow.advance(minutes=10)
    after = await flow.delivery("e1")

    assert (before.stage, before.reason) == (Stage.WAITING_FOR_DEAD_LETTER, "NotRetriable")
    assert "Its dead letter is due at 2026-01-01T00:05:00.000Z." in before.text
    assert after.stage is Stage.DEAD_LETTERED
    assert [f"dead/{after.where}"] == list(flow.dead_letters.blobs)
    assert after.text.endswith(f"Its dead letter is {after.where}.")


async def test_unavailable_container_keeps_it_waiting(flow: Asked) -> None:
    """A dead letter that cannot be written yet is not called one."""
    await flow.subscribe(dead_letter_destination=BLOBS)
    flow.transport.answer = always(400)
    flow.dead_letters.answer = DeadLetterAnswer.UNAVAILABLE
    await flow.publish("e1")
    await flow.advance(minutes=10)

    assert (await flow.delivery("e1")).stage is Stage.WAITING_FOR_DEAD_LETTER


async def test_time_to_live_that_ended_without_an_attempt(flow: Asked) -> None:
    """The reason is named where nothing was ever sent."""
    await flow.subscribe(retry_policy=RetryPolicy(event_time_to_live_in_minutes=1))
    flow.engine.router.configure("s1", DeliverySettings(is_paused=True))
    await flow.publish("e1")
    await flow.advance(minutes=3)
    await flow.engine.upkeep()

    delivery = await flow.delivery("e1")

    assert (delivery.stage, delivery.reason) == (Stage.DROPPED, "TimeToLiveExceeded")
    assert "without an attempt" in delivery.text


async def test_replay_is_told_apart(flow: Asked) -> None:
    """A replay is a delivery of its own beside the one that publishing caused."""
    await flow.subscribe()
    await flow.publish("e1")
    await flow.advance(seconds=1)
    row = WaitingDelivery(
        position=0,
        subscription="s1",
        run=7,
        version=1,
        topic="t1",
        schema=flow.topic.input_schema,
        published_at=flow.clock.now(),
        body=a_body(an_event(id="e1")),
        attempts=0,
        due_at=flow.clock.now() + MINUTE,
    )
    flow.engine.checkpoint.put(row, is_first=True)

    (told,) = (await flow.explain("e1")).subscriptions

    assert [(each.run, each.stage) for each in told.deliveries] == [
        (0, Stage.DELIVERED),
        (7, Stage.QUEUED),
    ]


async def test_deleted_subscription_is_told_by_its_attempts(flow: Asked) -> None:
    """What it got is in the history, although it is gone."""
    await flow.subscribe()
    await flow.publish("e1")
    await flow.advance(seconds=1)
    await flow.unsubscribe("s1")

    (told,) = (await flow.explain("e1")).subscriptions

    assert (told.verdict, told.incarnation) == (Verdict.UNKNOWN, "s1")
    assert [each.stage for each in told.deliveries] == [Stage.DELIVERED]


# --- events that the log has forgotten -----------------------------------------------------------


async def _a_forgotten_one(**members: Any) -> Asked:
    """An event whose delivery is not finished, past the retention of an hour."""
    flow = await a_new_one(Limits(max_age=HOUR))
    await flow.subscribe(**members)
    flow.transport.answer = always(503)
    await flow.publish("e1", subject="orders/17")
    await flow.advance(minutes=10)
    await flow.advance(hours=3)
    await flow.engine.checkpoint.write()
    await flow.engine.upkeep()
    assert flow.explainer.extent().size == 0
    return flow


async def test_event_that_waits_is_told_from_its_row() -> None:
    """By its id and by its position: its subject, its attempts, and the next one."""
    flow = await _a_forgotten_one()

    by_id, at = await flow.explain("e1"), await flow.explainer.at(0)
    (told,) = by_id.subscriptions
    (delivery,) = told.deliveries

    assert at == by_id
    assert not by_id.is_in_log
    assert by_id.event is not None
    assert by_id.event.subject == "orders/17"
    assert (told.verdict, delivery.stage) == (Verdict.MATCHED, Stage.WAITING_FOR_RETRY)
    assert delivery.attempts_made == len(delivery.attempts) > 1


async def test_event_that_waits_for_its_dead_letter_is_told_from_its_row() -> None:
    """With the time at which the dead letter is due."""
    flow = await _a_forgotten_one(
        dead_letter_destination=BLOBS, retry_policy=RetryPolicy(event_time_to_live_in_minutes=30)
    )
    flow.dead_letters.answer = DeadLetterAnswer.UNAVAILABLE
    await flow.publish("e2")
    await flow.advance(hours=3)
    await flow.engine.checkpoint.write()
    await flow.engine.upkeep()

    delivery = await flow.delivery("e2")

    assert delivery.stage is Stage.WAITING_FOR_DEAD_LETTER
    assert "Its dead letter is due at" in delivery.text
    assert (await flow.delivery("e1")).stage is Stage.DEAD_LETTERED


async def test_event_that_waits_is_searched_where_the_question_says() -> None:
    """Another id, another position and another topic have nothing of it."""
    flow = await _a_forgotten_one()
    place = Place(topic=a_topic(incarnation="t2"))

    assert (await flow.explainer.by_id("e2")).items == ()
    assert (await flow.explainer.by_id("e1", place=place)).items == ()
    assert await flow.explainer.at(1) is None


async def test_other_subscription_of_a_forgotten_event_is_told_too() -> None:
    """One that waits and one that gave it up are parts of one explanation."""
    flow = await a_new_one(Limits(max_age=HOUR))
    await flow.subscribe()
    await flow.subscribe(
        incarnation="s2", name="second", retry_policy=RetryPolicy(max_delivery_attempts=1)
    )
    flow.transport.answer = always(503)
    await flow.publish("e1")
    await flow.advance(hours=3)
    await flow.engine.checkpoint.write()
    await flow.engine.upkeep()

    told = {
        each.name: each.deliveries[0].stage for each in (await flow.explain("e1")).subscriptions
    }

    assert flow.explainer.extent().size == 0
    assert told == {"hook": Stage.WAITING_FOR_RETRY, "second": Stage.DROPPED}


async def test_forgotten_version_is_not_said_to_have_come_later() -> None:
    """With the log goes the version that was in force: what it wanted is unknown then."""
    flow = await a_new_one(Limits(max_age=HOUR))
    await flow.subscribe()
    changed = await flow.subscribe(
        incarnation="s2", name="second", filter=Filter(included_event_types=("Other",))
    )
    flow.transport.answer = always(503)
    await flow.publish("e1")
    await flow.put(msgspec.structs.replace(changed, version=2, filter=Filter()))
    await flow.advance(hours=3)
    await flow.engine.checkpoint.write()
    await flow.engine.upkeep()

    assert (await flow.told("e1", "second")).verdict is Verdict.UNKNOWN


# --- restarts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "stage"),
    [
        (always(200), Stage.DELIVERED),
        (always(503), Stage.WAITING_FOR_RETRY),
        (always(400), Stage.DROPPED),
    ],
)
async def test_restart_changes_nothing_of_what_is_said(
    flow: Asked, answer: Callable[..., WebhookResponse], stage: Stage
) -> None:
    """State and attempts outlive the process."""
    await flow.subscribe()
    flow.transport.answer = answer
    await flow.publish("e1")
    await flow.engine.quiet()
    before = await flow.delivery("e1")
    flow = await flow.again(clean=True)

    assert before.stage is stage
    assert await flow.delivery("e1") == before


async def test_killed_server_attempts_again(flow: Asked) -> None:
    """A failed attempt that no checkpoint has seen is made again, and said to be."""
    await flow.subscribe()
    flow.transport.answer = always(503)
    await flow.publish("e1")
    await flow.engine.quiet()
    flow = await flow.again()

    delivery = await flow.delivery("e1")

    assert delivery.stage is Stage.QUEUED
    assert "will be attempted again" in delivery.text
    assert delivery.attempts_made == 1


# --- finding -------------------------------------------------------------------------------------


async def test_id_that_was_published_again(flow: Asked) -> None:
    """The same id is told for each time, the newest first, in pages."""
    for _ in range(3):
        await flow.publish("e1")
        await flow.advance(seconds=1)

    first = await flow.explainer.by_id("e1", limit=2)
    rest = await flow.explainer.by_id("e1", limit=2, before=first.before)

    assert [each.position for each in first.items] == [2, 1]
    assert ([each.position for each in rest.items], rest.before) == ([0], None)


async def test_topic_narrows_the_search(flow: Asked) -> None:
    """The same id in another topic is another event."""
    await flow.publish("e1")
    other = a_topic(incarnation="t2", name="other")

    assert len((await flow.explainer.by_id("e1", place=Place(topic=flow.topic))).items) == 1
    assert (await flow.explainer.by_id("e1", place=Place(topic=other))).items == ()


async def test_unknown_event(flow: Asked) -> None:
    """An id that was not published is not found, nor a position that is not there."""
    await flow.publish("e1")

    assert (await flow.explainer.by_id("e2")).items == ()
    assert await flow.explainer.at(1) is None
    assert await flow.explainer.at(-1) is None


async def test_event_is_found_by_its_position(flow: Asked) -> None:
    """For events that have no id of their own."""
    await flow.publish("e1", "e2")

    explanation = await flow.explainer.at(1)

    assert explanation is not None
    assert explanation.event_id == "e2"


async def test_trimmed_event_is_found_in_what_was_given_up(flow: Asked) -> None:
    """The log has forgotten it; its record has not."""
    await flow.subscribe()
    flow.transport.answer = always(400)
    await flow.publish("e1")
    await flow.publish("e2")
    await flow.advance(seconds=1)
    await flow.engine.checkpoint.write()
    await flow.store.trim(1)

    explanation = await flow.explain("e1")
    (told,) = explanation.subscriptions

    assert (explanation.event, explanation.position) == (None, 0)
    assert (told.name, told.verdict) == ("hook", Verdict.UNKNOWN)
    assert [each.stage for each in told.deliveries] == [Stage.DROPPED]
    assert await flow.explainer.at(0) == explanation


# --- rehearsal -----------------------------------------------------------------------------------


async def test_rehearsal_publishes_nothing(flow: Asked) -> None:
    """The match report of an event that is only shown."""
    await flow.subscribe(filter=Filter(included_event_types=("Other",)))
    event = msgspec.json.encode(an_event(id="e1"))

    explanation = flow.explainer.rehearse(flow.topic, event)
    await flow.advance(seconds=1)

    assert [each.verdict for each in explanation.subscriptions] == [Verdict.NOT_MATCHED]
    assert (explanation.position, flow.store.extent().end) == (None, 0)
    assert flow.transport.requests == []


async def test_rehearsal_refuses_what_publishing_refuses(flow: Asked) -> None:
    """An event that the topic would not take is refused in the same words."""
    with pytest.raises(RequestError, match="eventType"):
        flow.explainer.rehearse(flow.topic, b'{"id": "e1", "subject": "s"}')


async def test_asking_changes_nothing(flow: Asked) -> None:
    """What is delivered does not depend on questions."""
    await flow.subscribe()
    flow.transport.answer = in_turn(503, 503)
    await flow.publish("e1")
    for _ in range(3):
        await flow.explain("e1")
        await flow.advance(minutes=1)

    assert flow.transport.delivered_ids == ["e1"] * 3
    assert await flow.waiting() == []


async def test_topic_deleted_since_leaves_no_event(flow: Asked) -> None:
    """Events of a deleted topic cannot be read any more: they are not found."""
    await flow.publish("e1")
    flow.engine.router.remove_topic("t1")

    assert (await flow.explainer.by_id("e1")).items == ()
