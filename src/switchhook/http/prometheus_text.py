"""How do the counters look to Prometheus?

Families have Azure Monitor's names and labels its dimensions, as Azure spells them, besides `kind`
and `resource`. This module is imported by the first scrape: the library takes longer to load than
many a test server lives.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from switchhook.clock import MILLISECOND, SECOND
from switchhook.communication.readings import CommunicationReadings
from switchhook.grid.counters import (
    BUCKETS_IN_MS,
    Errors,
    Histogram,
    Labels,
    SubscriptionCounters,
    TopicCounters,
)
from switchhook.grid.metrics import MAX_LABEL_SETS, Metrics
from switchhook.grid.readings import Readings, SubscriptionReading, folded

_BOUNDS = (*(str(float(bound)) for bound in BUCKETS_IN_MS), "+Inf")


def render(
    metrics: Metrics,
    readings: Readings,
    communication: CommunicationReadings,
    started_at: int,
    accept: str,
) -> tuple[bytes, str]:
    """The answer to a scrape and its content type: OpenMetrics for who accepts it."""
    encode, content_type = _chosen(accept)
    return encode(_Scrape(metrics, readings, communication, started_at)), content_type


def _chosen(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):  # the library trips over a version that is no number
        return choose_encoder("")


class _Scrape(Collector):
    def __init__(
        self,
        metrics: Metrics,
        readings: Readings,
        communication: CommunicationReadings,
        started_at: int,
    ) -> None:
        self._metrics = metrics
        self._readings = readings
        self._communication = communication
        self._started_at = started_at

    def collect(self) -> Iterator[Metric]:
        yield from _topics(self._metrics.topics())
        yield from _subscriptions(self._metrics.subscriptions())
        yield from _gauges(self._readings, self._started_at)
        yield from _communication(self._communication)
        lost = _counter(
            "switchhook_metrics_folded",
            "Label sets beyond the cap, which are counted together under resource=other.",
        )
        _add(lost, {}, self._metrics.folded)
        yield lost


# --- counters ------------------------------------------------------------------------------------


def _topics(all_counters: Iterable[TopicCounters]) -> Iterable[Metric]:
    published = _counter("PublishSuccessCount", "Events that were accepted.")
    failed = _counter("PublishFailCount", "Publish requests that were refused.")
    latency = _histogram("PublishSuccessLatencyInMs", "How long accepted publish requests took.")
    unmatched = _counter("UnmatchedEventCount", "Events that no event subscription wanted.")
    for counters in all_counters:
        labels = counters.labels
        _add(published, labels, counters.published)
        _add_errors(failed, labels, counters.failures)
        if "Topic" not in labels:
            _add_histogram(latency, labels, counters.latency)
            if labels.get("kind") != "domain":  # a domain has no such metric
                _add(unmatched, labels, counters.unmatched)
    return published, failed, latency, unmatched


def _subscriptions(all_counters: Iterable[SubscriptionCounters]) -> Iterable[Metric]:
    matched = _counter("MatchedEventCount", "Events that the event subscription wanted.")
    delivered = _counter("DeliverySuccessCount", "Events that were delivered.")
    failed = _counter("DeliveryAttemptFailCount", "Delivery attempts that failed.")
    durations = _histogram(
        "DestinationProcessingDurationInMs", "How long the endpoint took to answer."
    )
    dead = _counter("DeadLetteredCount", "Events of which a dead letter was written.")
    dropped = _counter("DroppedEventCount", "Events that were given up without a dead letter.")
    filtered = _counter("AdvancedFilterEvaluationCount", "Advanced filters that were evaluated.")
    for counters in all_counters:
        labels = counters.labels
        _add(matched, labels, counters.matched)
        _add(delivered, labels, counters.delivered)
        _add_errors(failed, labels, counters.failures)
        _add_histogram(durations, labels, counters.durations)
        _add_reasons(dead, labels, "DeadLetterReason", counters.dead_lettered)
        _add_reasons(dropped, labels, "DropReason", counters.dropped)
        _add(filtered, labels, counters.advanced_filter_evaluations)
    return matched, delivered, failed, durations, dead, dropped, filtered


# --- gauges --------------------------------------------------------------------------------------


def _gauges(readings: Readings, started_at: int) -> Iterator[Metric]:
    for name, help_text, value in (
        ("switchhook_log_bytes", "Size of the events in the log.", readings.log_bytes),
        ("switchhook_log_end_position", "Position of the next event.", readings.log_end),
        (
            "process_start_time_seconds",
            "When the server started, in seconds since the epoch.",
            started_at / SECOND,
        ),
    ):
        gauge = Metric(name, help_text, "gauge")
        _sample(gauge, name, {}, value)
        yield gauge
    yield from _subscription_gauges(readings)


def _communication(readings: CommunicationReadings) -> Iterable[Metric]:
    connections = Metric(
        "switchhook_realtime_connections", "Real-time connections of chat users.", "gauge"
    )
    users = Metric(
        "switchhook_realtime_users", "Chat users with a real-time connection at least.", "gauge"
    )
    throttled = _counter(
        "switchhook_chat_throttled_requests", "Chat requests that a rate limit refused."
    )
    _sample(connections, connections.name, {}, readings.connections)
    _sample(users, users.name, {}, readings.users)
    _add(throttled, {}, readings.throttled)
    return connections, users, throttled


def _subscription_gauges(readings: Readings) -> Iterable[Metric]:
    age = Metric(
        "switchhook_queue_age_seconds",
        "How long ago the oldest event was published that is not finished; 0 without any.",
        "gauge",
    )
    waiting = Metric(
        "switchhook_deliveries_waiting", "Deliveries that wait for their next attempt.", "gauge"
    )
    in_flight = Metric("switchhook_deliveries_in_flight", "Deliveries under way.", "gauge")
    parked = Metric(
        "switchhook_subscription_parked", "1 while nothing is sent to a failing endpoint.", "gauge"
    )
    for reading in folded(readings.subscriptions, MAX_LABEL_SETS):
        labels = dict(reading.labels)
        _sample(age, age.name, labels, _age(reading, readings.now))
        _sample(waiting, waiting.name, labels, reading.waiting)
        _sample(in_flight, in_flight.name, labels, reading.in_flight)
        _sample(parked, parked.name, labels, int(reading.is_parked))
    return age, waiting, in_flight, parked


def _age(reading: SubscriptionReading, now: int) -> float:
    oldest = reading.oldest_published_at
    return 0.0 if oldest is None else max(0, now - oldest) / SECOND


# --- samples -------------------------------------------------------------------------------------


def _sample(family: Metric, name: str, labels: dict[str, str], value: float) -> None:
    family.samples.append(Sample(name, labels, value))


def _counter(name: str, help_text: str) -> Metric:
    return Metric(name, help_text, "counter")


def _histogram(name: str, help_text: str) -> Metric:
    return Metric(name, help_text, "histogram")


def _add(family: Metric, labels: Labels, value: int) -> None:
    _sample(family, family.name + "_total", dict(labels), value)


def _add_errors(family: Metric, labels: Labels, failures: Errors) -> None:
    for (error, error_type), value in list(failures.items()):
        _add(family, {**labels, "Error": error, "ErrorType": error_type}, value)


def _add_reasons(family: Metric, labels: Labels, label: str, counts: Mapping[str, int]) -> None:
    for reason, value in list(counts.items()):
        _add(family, {**labels, label: reason}, value)


def _add_histogram(family: Metric, labels: Labels, histogram: Histogram) -> None:
    cumulative = list(accumulate(histogram.counts))
    for bound, value in zip(_BOUNDS, cumulative, strict=True):
        _sample(family, family.name + "_bucket", {**labels, "le": bound}, value)
    _sample(family, family.name + "_count", dict(labels), cumulative[-1])
    _sample(family, family.name + "_sum", dict(labels), histogram.total / MILLISECOND)
