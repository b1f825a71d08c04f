"""What is counted for one topic, and for one event subscription?

The counts are those of Azure Monitor's metrics (monitor-push-reference.md). On the way of an event
they are additions to plain attributes of an object that its topic or subscription keeps. Everything
runs on the event loop, so that nothing is locked.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from switchhook.clock import MILLISECOND
from switchhook.errors import CommitUnknownError, RequestError, StoreError, StoreFullError
from switchhook.grid import retry
from switchhook.grid.ports import Failure, WebhookResponse

# What stands for all that is not told apart.
OTHER = "other"
# Pairs of `Error` and `ErrorType` of one topic or subscription; there are about twenty.
MAX_ERRORS = 50

BUCKETS_IN_MS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
_BUCKETS = tuple(bound * MILLISECOND for bound in BUCKETS_IN_MS)

Labels = Mapping[str, str]
Errors = dict[tuple[str, str], int]  # `Error` and `ErrorType` to how often
_Counters = TypeVar("_Counters", bound="TopicCounters | SubscriptionCounters")


class DeliveryErrorType(StrEnum):
    """`ErrorType` of a failed delivery attempt. Azure lists no values; these are ours."""

    CLIENT_ERROR = "ClientError"  # 4xx
    SERVER_ERROR = "ServerError"  # 5xx
    UNEXPECTED_STATUS = "UnexpectedStatus"
    NO_ANSWER = "NoAnswer"


class Histogram:
    """How often something took how long."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS) + 1)
        self.total = 0

    def observe(self, nanoseconds: int) -> None:
        """Count a duration; one that equals a bucket's bound is in that bucket."""
        self.counts[bisect_left(_BUCKETS, nanoseconds)] += 1
        self.total += nanoseconds


class PerDomainTopic(Generic[_Counters]):
    """The counters of a domain's topics, each made when it is first needed."""

    __slots__ = ("_by_name", "_open")

    def __init__(self, open_counters: Callable[[str], _Counters]) -> None:
        self._open = open_counters
        self._by_name: dict[str, _Counters] = {}

    def get(self, domain_topic: str) -> _Counters:
        """Those of one domain topic, or those of all that are not told apart."""
        found = self._by_name.get(domain_topic)
        if found is None:
            found = self._open(domain_topic)
            if found.labels.get("Topic") == domain_topic:
                self._by_name[domain_topic] = found
        return found


class TopicCounters:
    """The counts of a topic, or of one topic of a domain."""

    __slots__ = ("_domain", "failures", "labels", "latency", "published", "unmatched")

    def __init__(
        self,
        labels: Labels,
        latency: Histogram,
        domain: "PerDomainTopic[TopicCounters] | None" = None,
    ) -> None:
        self.labels = labels
        self.published = 0
        self.unmatched = 0
        self.failures: Errors = {}
        self.latency = latency  # Azure does not split it by the topics of a domain
        self._domain = domain

    def of(self, domain_topic: str) -> "TopicCounters":
        """Those of one topic of this domain; the same ones outside of a domain."""
        return self._domain.get(domain_topic) if domain_topic and self._domain else self

    def accepted(self, events: int, nanoseconds: int) -> None:
        """A request of so many events is durable."""
        self.published += events
        self.latency.observe(nanoseconds)

    def accepted_in_domain(self, domain_topics: Iterable[str], nanoseconds: int) -> None:
        """The same for a request to a domain, with the domain topic of each event."""
        for domain_topic in domain_topics:
            self.of(domain_topic).published += 1
        self.latency.observe(nanoseconds)

    def refused(self, error: RequestError | StoreError) -> None:
        """A request was refused. It counts as one: how many events it held may not be known."""
        _count(self.failures, publish_failure(error))


class SubscriptionCounters:
    """The counts of an event subscription, for a whole domain those of one of its topics."""

    __slots__ = (
        "_domain",
        "advanced_filter_evaluations",
        "dead_lettered",
        "delivered",
        "dropped",
        "durations",
        "failures",
        "labels",
        "matched",
    )

    def __init__(
        self, labels: Labels, domain: "PerDomainTopic[SubscriptionCounters] | None" = None
    ) -> None:
        self.labels = labels
        self.matched = 0
        self.delivered = 0
        self.advanced_filter_evaluations = 0
        self.failures: Errors = {}
        self.dead_lettered: dict[str, int] = {}
        self.dropped: dict[str, int] = {}
        self.durations = Histogram()
        self._domain = domain

    def of(self, domain_topic: str) -> "SubscriptionCounters":
        """Those of one topic, where the subscription is a whole domain's; else the same ones."""
        return self._domain.get(domain_topic) if domain_topic and self._domain else self

    def attempted(self, response: WebhookResponse, events: int = 1) -> None:
        """A delivery attempt has ended. A failed one counts once, however many events it had."""
        outcome = retry.outcome(response)
        if outcome is None:
            self.delivered_in(response.duration, events)
            return
        _count(self.failures, (outcome.value, delivery_error_type(response).value))
        # An endpoint that cannot be reached processes nothing, one that hangs does.
        if response.status is not None or response.failure is Failure.TIMED_OUT:
            self.durations.observe(response.duration)

    def delivered_in(self, nanoseconds: int, events: int) -> None:
        """A delivery attempt was a success, of all its events."""
        self.delivered += events
        durations = self.durations
        durations.counts[bisect_left(_BUCKETS, nanoseconds)] += 1
        durations.total += nanoseconds

    def gave_up(self, reason: str, *, is_dead_lettered: bool = False, events: int = 1) -> None:
        """Events were given up; their dead letters are written, or there are none to be."""
        counts = self.dead_lettered if is_dead_lettered else self.dropped
        counts[str(reason)] = counts.get(reason, 0) + events


def publish_failure(error: RequestError | StoreError) -> tuple[str, str]:
    """`Error` and `ErrorType` of a refused request.

    Azure lists no values. `ErrorType` has those of `operationResult` in its data-plane log, `Error`
    the detail code of the answer.
    """
    if isinstance(error, StoreError):
        return _STORE_ERRORS.get(type(error), "StorageUnavailable"), "InternalServerError"
    default = "InternalServerError" if error.status >= 500 else "BadRequest"
    return error.details_code or error.code, _ERROR_TYPES.get(error.status, default)


_STORE_ERRORS: dict[type[StoreError], str] = {
    StoreFullError: "StorageFull",
    CommitUnknownError: "CommitUnknown",
}
_ERROR_TYPES = {401: "Unauthorized", 403: "Forbidden", 413: "RequestEntityTooLarge"}


def delivery_error_type(response: WebhookResponse) -> DeliveryErrorType:
    """`ErrorType` of an attempt that was no success."""
    if response.failure is not None or response.status is None:
        return DeliveryErrorType.NO_ANSWER
    return _BY_CLASS.get(response.status // 100, DeliveryErrorType.UNEXPECTED_STATUS)


_BY_CLASS = {4: DeliveryErrorType.CLIENT_ERROR, 5: DeliveryErrorType.SERVER_ERROR}


def _count(failures: Errors, failure: tuple[str, str]) -> None:
    if failure not in failures and len(failures) >= MAX_ERRORS:
        failure = (OTHER, OTHER)
    failures[failure] = failures.get(failure, 0) + 1
