"""What do the counters, the history and the traces say of what happened?"""

from typing import Any

import pytest

from switchhook.errors import RequestError
from switchhook.grid.observation import Observation
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.subscriptions import (
    AdvancedFilter,
    DeadLetterDestination,
    DeliverySettings,
    Filter,
    FilterOperator,
    RetryPolicy,
    WebHookDestination,
)
from switchhook.grid.topics import TopicKind
from tests.builders import a_topic
from tests.flow.conftest import Flow, start
from tests.scripted_transport import always, in_turn


def _topic(flow: Flow) -> Any:
    return flow.observation.metrics.topic(flow.topic)


def _subscription(flow: Flow, incarnation: str = "s1") -> Any:
    counters = flow.engine.router.queues[incarnation].counters
    assert counters is not None
    return counters


async def test_published_matched_unmatched_and_delivered_events_are_counted(flow: Flow) -> None:
    await flow.subscribe(filter=Filter(subject_begins_with="a"))
    await flow.publish("1", "2", subject="a")
    await flow.publish("3", subject="b")
    await flow.engine.quiet()

    topic, own = _topic(flow), _subscription(flow)
    assert (topic.published, topic.unmatched) == (3, 1)
    assert (own.matched, own.delivered) == (2, 2)


async def test_event_that_two_subscriptions_want_is_matched_twice(flow: Flow) -> None:
    await flow.subscribe()
    await flow.subscribe(incarnation="s2", name="other")
    await flow.publish("1")

    assert [_subscription(flow, name).matched for name in ("s1", "s2")] == [1, 1]


async def test_refused_request_is_counted_by_its_error(flow: Flow) -> None:
    with pytest.raises(RequestError):
        await flow.engine.publisher.publish(flow.topic, PublishRequest(body=b"[{}]"))

    assert _topic(flow).failures == {("InputJsonInvalid", "BadRequest"): 1}


async def test_failed_attempt_counts_once_for_a_batch(flow: Flow) -> None:
    """`DeliveryAttemptFailCount` rises once per failed attempt, not per event."""
    webhook = WebHookDestination(endpoint_url="http://127.0.0.1:9/h", max_events_per_batch=10)
    flow.transport.answer = in_turn(503)
    await flow.subscribe(destination=webhook)
    flow.engine.router.configure("s1", DeliverySettings(is_paused=True))
    await flow.publish("1", "2", "3")
    flow.engine.router.configure("s1", DeliverySettings())
    await flow.engine.quiet()

    assert len(flow.transport.requests) == 1

    assert sum(_subscription(flow).failures.values()) == 1

    await flow.advance(seconds=33)

    assert _subscription(flow).delivered == 3


async def test_dropped_and_dead_lettered_events_are_counted_by_reason(flow: Flow) -> None:
    """A dead letter counts when it is written."""
    letters = DeadLetterDestination(resource_id="/a", container="c")
    await flow.subscribe()
    await flow.subscribe(incarnation="s2", name="other", dead_letter_destination=letters)
    flow.transport.answer = always(400)
    await flow.publish("1", "2")
    await flow.engine.quiet()

    assert _subscription(flow).dropped == {"NotRetriable": 2}
    assert _subscription(flow, "s2").dead_lettered == {}

    await flow.advance(minutes=5)

    assert _subscription(flow, "s2").dead_lettered == {"NotRetriable": 2}


async def test_advanced_filters_of_matched_events_are_counted(flow: Flow) -> None:
    wanted = AdvancedFilter(operator=FilterOperator.IS_NOT_NULL, key="data")
    await flow.subscribe(filter=Filter(advanced=(wanted, wanted)))
    await flow.publish("1")

    assert _subscription(flow).advanced_filter_evaluations == 2


async def test_counters_go_with_their_topic_and_subscription(flow: Flow) -> None:
    await flow.subscribe()
    await flow.publish("1")
    await flow.unsubscribe("s1")
    flow.engine.router.remove_topic(flow.topic.incarnation)

    assert flow.observation.metrics.subscriptions() == []
    assert flow.observation.metrics.topics() == []


async def test_history_has_every_attempt_of_a_delivery(flow: Flow) -> None:
    """What failed, when, and what was decided."""
    await flow.subscribe(retry_policy=RetryPolicy(max_delivery_attempts=3))
    flow.transport.answer = in_turn(500, 404)
    await flow.publish("1")
    await flow.advance(minutes=2)

    assert flow.observation.history is not None
    attempts = await flow.observation.history.of(0)
    assert [(each.number, each.status, each.outcome) for each in attempts] == [
        (1, 500, "GenericError"),
        (2, 404, "NotFound"),
        (3, 200, ""),
    ]
    assert [each.next_step for each in attempts] == ["RetryAt", "RetryAt", "Delivered"]
    assert attempts[0].next_at == attempts[1].started_at


async def test_domain_topics_are_counted_apart(flow: Flow) -> None:
    domain = a_topic(
        incarnation="d1",
        kind=TopicKind.DOMAIN,
        name="shop",
        resource_id=flow.topic.resource_id.replace("topics/orders", "domains/shop"),
    )
    flow.engine.router.add_topic(domain)
    body = (
        b'[{"id":"1","subject":"s","eventType":"t","eventTime":"2026-01-01","topic":"Tills"},'
        b'{"id":"2","subject":"s","eventType":"t","eventTime":"2026-01-01","topic":"doors"}]'
    )
    await flow.engine.publisher.publish(domain, PublishRequest(body=body))

    counters = flow.observation.metrics.topic(domain)
    assert [counters.of(name).published for name in ("tills", "doors")] == [1, 1]


async def test_without_a_history_everything_else_goes_on(flow: Flow) -> None:
    """`attempt_history_bytes = 0` keeps none; counters and retries are as ever."""
    plain = await start(flow.store, flow.clock, flow.topic, observation=Observation())
    await plain.subscribe()
    plain.transport.answer = in_turn(500)
    await plain.publish("1")
    await plain.advance(seconds=11)

    assert plain.transport.delivered_ids == ["1", "1"]
    assert _subscription(plain).delivered == 1
