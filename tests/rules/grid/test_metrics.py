"""Counters: what rises, for whom, and what happens when there are too many of them."""

from typing import Any

import pytest

from switchhook.errors import CommitUnknownError, RequestError, StoreError, StoreFullError
from switchhook.grid.counters import (
    BUCKETS_IN_MS,
    MAX_ERRORS,
    Histogram,
    SubscriptionCounters,
    TopicCounters,
    publish_failure,
)
from switchhook.grid.metrics import Metrics
from switchhook.grid.ports import Failure, WebhookResponse
from switchhook.grid.topics import TopicKind
from tests.builders import a_subscription, a_topic

MS = 1_000_000
DOMAIN = a_topic(name="shop", kind=TopicKind.DOMAIN)
NOBODY = {"resource": "other"}


@pytest.mark.parametrize(
    ("nanoseconds", "bucket"),
    [(0, 0), (MS, 0), (MS + 1, 1), (30_000 * MS, 13), (30_000 * MS + 1, 14), (10**15, 14)],
)
def test_duration_is_in_the_first_bucket_that_reaches_it(nanoseconds: int, bucket: int) -> None:
    """A bound belongs to its bucket; the last bucket takes everything else."""
    histogram = Histogram()
    histogram.observe(nanoseconds)

    assert [place for place, count in enumerate(histogram.counts) if count] == [bucket]
    assert len(histogram.counts) == len(BUCKETS_IN_MS) + 1
    assert histogram.total == nanoseconds


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (RequestError(401, "Unauthorized", "m"), ("Unauthorized", "Unauthorized")),
        (RequestError(403, "Forbidden", "m"), ("Forbidden", "Forbidden")),
        (
            RequestError(400, "BadRequest", "m", details_code="InputJsonInvalid"),
            ("InputJsonInvalid", "BadRequest"),
        ),
        (
            RequestError(413, "RequestEntityTooLarge", "m", details_code="PayloadTooLarge"),
            ("PayloadTooLarge", "RequestEntityTooLarge"),
        ),
        (RequestError(415, "C", "m"), ("C", "BadRequest")),
        (RequestError(503, "C", "m"), ("C", "InternalServerError")),
        (StoreFullError(), ("StorageFull", "InternalServerError")),
        (CommitUnknownError(), ("CommitUnknown", "InternalServerError")),
        (StoreError(), ("StorageUnavailable", "InternalServerError")),
    ],
)
def test_refused_request_is_counted_by_its_error(
    error: RequestError | StoreError, failure: tuple[str, str]
) -> None:
    """`Error` has the detail code, `ErrorType` one of Azure's results of an operation."""
    counters = Metrics().topic(a_topic())
    counters.refused(error)

    assert publish_failure(error) == failure
    assert counters.failures == {failure: 1}


@pytest.mark.parametrize(
    ("response", "failure"),
    [
        (WebhookResponse(status=400), ("BadRequest", "ClientError")),
        (WebhookResponse(status=418), ("GenericError", "ClientError")),
        (WebhookResponse(status=503), ("Busy", "ServerError")),
        (WebhookResponse(status=302), ("GenericError", "UnexpectedStatus")),
        (WebhookResponse(failure=Failure.TIMED_OUT), ("TimedOut", "NoAnswer")),
        (WebhookResponse(failure=Failure.SOCKET_ERROR), ("SocketError", "NoAnswer")),
    ],
)
def test_failed_attempt_counts_once_by_its_outcome(
    response: WebhookResponse, failure: tuple[str, str]
) -> None:
    """However many events the request held, it is one attempt; none of them is delivered."""
    counters = Metrics().subscription(a_topic(), a_subscription())
    counters.attempted(response, 7)

    assert counters.failures == {failure: 1}
    assert counters.delivered == 0


@pytest.mark.parametrize(
    ("response", "observed"),
    [
        (WebhookResponse(status=200), 1),
        (WebhookResponse(status=500), 1),
        (WebhookResponse(failure=Failure.TIMED_OUT), 1),
        (WebhookResponse(failure=Failure.RESOLUTION_ERROR), 0),
        (WebhookResponse(failure=Failure.SOCKET_ERROR), 0),
    ],
)
def test_processing_takes_time_only_where_there_is_an_endpoint(
    response: WebhookResponse, observed: int
) -> None:
    """An endpoint that cannot be reached does not improve the average."""
    counters = Metrics().subscription(a_topic(), a_subscription())
    counters.attempted(response)

    assert sum(counters.durations.counts) == observed


def test_successful_attempt_counts_its_events() -> None:
    """A batch of three is three events delivered, and one duration."""
    counters = Metrics().subscription(a_topic(), a_subscription())
    counters.attempted(WebhookResponse(status=200, duration=3 * MS), 3)

    assert (counters.delivered, sum(counters.durations.counts)) == (3, 1)
    assert counters.failures == {}


def test_given_up_events_are_counted_by_reason() -> None:
    """Apart for those whose dead letter was written."""
    counters = Metrics().subscription(a_topic(), a_subscription())
    counters.gave_up("TimeToLiveExceeded")
    counters.gave_up("TimeToLiveExceeded", events=2)
    counters.gave_up("MaxDeliveryAttemptsExceeded", is_dead_lettered=True)

    assert counters.dropped == {"TimeToLiveExceeded": 3}
    assert counters.dead_lettered == {"MaxDeliveryAttemptsExceeded": 1}


def test_errors_of_one_topic_are_bounded() -> None:
    """Whatever codes there are, the rest is counted together."""
    counters = Metrics().topic(a_topic())
    for number in range(MAX_ERRORS + 5):
        counters.refused(RequestError(400, f"Code{number}", "m"))

    assert len(counters.failures) == MAX_ERRORS + 1
    assert counters.failures["other", "other"] == 5


@pytest.mark.parametrize(
    ("kind", "domain_topic", "labels"),
    [
        (TopicKind.CUSTOM, "", {"EventSubscriptionName": "hook"}),
        (TopicKind.SYSTEM, "", {"EventSubscriptionName": "hook"}),
        (TopicKind.DOMAIN, "eu", {"EventSubscriptionName": "hook", "Topic": "eu"}),
        (TopicKind.DOMAIN, "", {"DomainEventSubscriptionName": "hook"}),
    ],
)
def test_subscription_has_the_dimensions_of_its_source(
    kind: TopicKind, domain_topic: str, labels: dict[str, str]
) -> None:
    """A whole domain's subscription has its name in another dimension than a domain topic's."""
    topic = a_topic(kind=kind)
    counters = Metrics().subscription(topic, a_subscription(domain_topic=domain_topic))

    assert counters.labels == {"kind": kind.value, "resource": "orders"} | labels


def test_subscription_of_a_whole_domain_is_counted_by_domain_topic() -> None:
    """Each topic has its own numbers; outside of a domain `of` changes nothing."""
    metrics = Metrics()
    whole = metrics.subscription(DOMAIN, a_subscription())
    narrow = metrics.subscription(DOMAIN, a_subscription(domain_topic="eu"))
    whole.of("eu").matched += 2
    whole.of("us").matched += 1

    counts = {each.labels["Topic"]: each.matched for each in (whole.of("eu"), whole.of("us"))}
    assert counts == {"eu": 2, "us": 1}
    assert narrow.of("eu") is narrow
    assert whole.matched == narrow.matched == 0


def test_domain_shares_one_histogram_among_its_topics() -> None:
    """Azure splits what was published by topic, and its latency not."""
    domain = Metrics().topic(DOMAIN)
    domain.accepted_in_domain(["eu", "us", "eu"], 5 * MS)

    assert (domain.of("eu").published, domain.of("us").published, domain.published) == (2, 1, 0)
    assert sum(domain.latency.counts) == 1
    assert domain.of("eu").latency is domain.latency


def test_same_label_set_has_the_same_counters() -> None:
    """Two look-ups of one name never make two series of the same labels."""
    metrics = Metrics()

    assert metrics.topic(a_topic()) is metrics.topic(a_topic())
    assert metrics.subscription(a_topic(), a_subscription()) is metrics.subscription(
        a_topic(), a_subscription(version=2)
    )
    assert metrics.topic(a_topic()) is not metrics.topic(a_topic(kind=TopicKind.SYSTEM))
    assert len(metrics.topics()) == 2


def test_label_sets_beyond_the_cap_are_counted_together() -> None:
    """Their counts are kept, their names not; each is told once, however often it is asked for."""
    metrics = Metrics(max_label_sets=3)
    first = metrics.topic(DOMAIN)
    first.accepted_in_domain(["eu", "us", "asia", "africa", "asia"], MS)
    late: list[Any] = [metrics.subscription(a_topic(), a_subscription(name=n)) for n in "ab"]

    assert first.of("asia").labels == NOBODY
    assert first.of("asia").published == 3
    assert late[0] is late[1]
    assert late[0].labels == NOBODY
    assert metrics.folded == 4
    assert [each.labels for each in metrics.topics()][-1] == NOBODY
    assert [each.labels for each in metrics.subscriptions()] == [NOBODY]


def test_deleted_subscription_is_forgotten_with_its_domain_topics() -> None:
    """Its numbers vanish, those of others stay, and the room is free again."""
    metrics = Metrics()
    other = metrics.subscription(DOMAIN, a_subscription(name="other"))
    metrics.subscription(DOMAIN, a_subscription()).of("eu").matched += 1
    metrics.forget_subscription(DOMAIN, a_subscription())

    assert metrics.subscriptions() == [other]
    assert metrics.subscription(DOMAIN, a_subscription()).of("eu").matched == 0


def test_deleted_topic_is_forgotten_with_its_subscriptions() -> None:
    """A topic of the same name made later starts from zero."""
    metrics = Metrics()
    kept: tuple[TopicCounters, SubscriptionCounters] = (
        metrics.topic(a_topic()),
        metrics.subscription(a_topic(), a_subscription()),
    )
    metrics.topic(DOMAIN).of("eu").published += 1
    metrics.subscription(DOMAIN, a_subscription()).of("eu").matched += 1
    metrics.forget_topic(DOMAIN)

    assert (metrics.topics(), metrics.subscriptions()) == ([kept[0]], [kept[1]])
