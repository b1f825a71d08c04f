"""What is told of the router's work: one place for counters, the log, traces and the history."""

import logging
from collections.abc import Callable, Iterable, Sequence

from switchhook.errors import RequestError, StoreError
from switchhook.grid import retry
from switchhook.grid.attempt_log import attempt_fields
from switchhook.grid.counters import SubscriptionCounters, TopicCounters
from switchhook.grid.delivery import Delivery, InFlight
from switchhook.grid.events import Event
from switchhook.grid.given_up import GivenUp, GivenUpState
from switchhook.grid.metrics import Metrics
from switchhook.grid.ports import Attempt, AttemptHistory, WebhookResponse
from switchhook.grid.retry import GiveUpReason, RetryAt
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.topics import Topic, TopicKind
from switchhook.tracing.model import DeliveryAttempt, DeliverySpan, Tracing

log = logging.getLogger("switchhook.grid.deliver")

_DOMAIN, _SYSTEM = TopicKind.DOMAIN, TopicKind.SYSTEM


class Observation:
    """Told of what happens; it changes nothing."""

    def __init__(
        self,
        *,
        history: AttemptHistory | None = None,
        metrics: Metrics | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.history = history
        self.metrics = metrics or Metrics()
        self.tracing = tracing or Tracing()
        self._topics: dict[str, TopicCounters] = {}

    # --- publishing -------------------------------------------------------------------------------

    def published(self, topic: Topic, events: int, nanoseconds: int) -> None:
        """A request of so many events is durable, which took so long."""
        counters = self._topics.get(topic.incarnation) or self._counters(topic)
        counters.accepted(events, nanoseconds)

    def published_in_domain(
        self, domain: Topic, domain_topics: Iterable[str], nanoseconds: int
    ) -> None:
        """The same for a request to a domain, with the domain topic of each event."""
        self._counters(domain).accepted_in_domain(domain_topics, nanoseconds)

    def refused(self, topic: Topic, error: RequestError | StoreError) -> None:
        """A request to publish was refused."""
        self._counters(topic).refused(error)

    # --- routing ----------------------------------------------------------------------------------

    def matched(
        self, topic: Topic, queue: SubscriptionQueue, events: Sequence[tuple[int, Event]]
    ) -> None:
        """A subscription wants these events, given with their positions."""
        counters = queue.counters or self._own(topic, queue)
        if topic.kind is not _DOMAIN:
            counters.matched += len(events)
        else:
            for _, event in events:
                counters.of(event.domain_topic).matched += 1
        if advanced := len(queue.subscription.filter.advanced):
            for _, event in events:
                counters.of(event.domain_topic).advanced_filter_evaluations += advanced

    def routed(self, topic: Topic, events: int, unmatched: int) -> None:
        """So many events of a topic are routed, of which some are wanted by nobody."""
        is_emitted = topic.kind is _SYSTEM
        if unmatched or is_emitted:
            counters = self._topics.get(topic.incarnation) or self._counters(topic)
            counters.unmatched += unmatched
            if is_emitted:  # a service of ours published them, which is no request
                counters.published += events

    # --- delivering -------------------------------------------------------------------------------

    def sending(self, deliveries: Sequence[Delivery]) -> DeliverySpan | None:
        """A request is about to go; answers what traces it, if anything does.

        Ask only while `tracing.is_on`. Whoever sees the end of the request ends its span.
        """
        first = deliveries[0]
        attempt = DeliveryAttempt(
            topic=first.event.source,
            subscription=first.subscription.name,
            url=first.subscription.destination.endpoint_base_url,
            event_id=first.event.id,
            events=len(deliveries),
            attempts=first.attempts,
        )
        return self.tracing.on_delivery([each.traceparent for each in deliveries], attempt)

    def answered(
        self, queue: SubscriptionQueue, deliveries: Sequence[Delivery], response: WebhookResponse
    ) -> None:
        """A request counts: once, however many events it held."""
        counters = queue.counters
        if counters is None:
            return
        name, count = deliveries[0].event.domain_topic, len(deliveries)
        if not name:
            counters.attempted(response, count)
            return
        if all(each.event.domain_topic == name for each in deliveries):
            counters.of(name).attempted(response, count)
            return
        counters.attempted(response, 0)
        if retry.outcome(response) is None:
            for each in deliveries:
                counters.of(each.event.domain_topic).delivered += 1

    def delivered(
        self,
        queue: SubscriptionQueue,
        sent: InFlight,
        response: WebhookResponse,
        now: Callable[[], int],
    ) -> None:
        """A webhook has taken the events of a request."""
        deliveries = sent.deliveries
        first, count, duration = deliveries[0], len(deliveries), response.duration
        counters, history = queue.counters, self.history
        if counters is not None and not first.event.domain_topic:
            counters.delivered_in(duration, count)
        else:
            self.answered(queue, deliveries, response)
        is_early = first.early_for is not None
        attempts = first.attempts if is_early else first.attempts + 1
        if history is not None:
            note: Callable[..., None] = history.note_successes
            noted: int | list[int]
            if count == 1:
                note, noted = history.note_success, first.position
            else:
                noted = [each.position for each in deliveries]
            note(
                noted,
                first.run,
                first.subscription.incarnation,
                attempts,
                sent.began_at,
                duration,
                response.status,
                is_early,
            )
        # One line per failed or repeated attempt; a success at the first costs a debug check only.
        level = logging.DEBUG if attempts == 1 else logging.INFO
        if log.isEnabledFor(level):
            for each in deliveries:
                fields = attempt_fields(
                    each, response, retry.DELIVERED, attempts=attempts, now=now(), events=count
                )
                log.log(level, "delivery.attempted", extra=fields)

    def failed(
        self,
        delivery: Delivery,
        attempts: int,
        response: WebhookResponse,
        step: retry.NextStep,
        *,
        started_at: int,
        now: int,
        events: int,
    ) -> None:
        """An event's attempt was no success, the `attempts`-th; `step` follows."""
        if self.history is not None:
            self.history.note(_failure(delivery, attempts, response, step, started_at))
        if log.isEnabledFor(logging.INFO):
            fields = attempt_fields(
                delivery, response, step, attempts=attempts, now=now, events=events
            )
            log.info("delivery.attempted", extra=fields)

    # --- giving up --------------------------------------------------------------------------------

    def gave_up(self, queue: SubscriptionQueue, delivery: Delivery, step: retry.NextStep) -> None:
        """The event is to be dead-lettered, or is dropped."""
        match step:
            case retry.DeadLetter(reason):
                _log_end("delivery.given_up", delivery, reason)
            case retry.Drop(reason):
                _log_end("delivery.dropped", delivery, reason)
                if queue.counters is not None:
                    queue.counters.of(delivery.event.domain_topic).gave_up(reason)

    def buried(self, queue: SubscriptionQueue, letters: Iterable[GivenUp]) -> None:
        """Dead letters are written, or events are dropped because they could not be."""
        for letter in letters:
            if queue.counters is not None and letter.state is not GivenUpState.WAITING:
                is_written = letter.state is GivenUpState.WRITTEN
                queue.counters.gave_up(letter.reason, is_dead_lettered=is_written)

    # --- whose numbers ----------------------------------------------------------------------------

    def forget_topic(self, topic: Topic) -> None:
        """The topic is deleted, and its subscriptions with it."""
        self._topics.pop(topic.incarnation, None)
        self.metrics.forget_topic(topic)

    def forget_subscription(self, topic: Topic, queue: SubscriptionQueue) -> None:
        """The subscription is deleted."""
        if queue.counters is not None:
            self.metrics.forget_subscription(topic, queue.subscription)

    def _counters(self, topic: Topic) -> TopicCounters:
        found = self._topics.get(topic.incarnation)
        if found is None:
            found = self._topics[topic.incarnation] = self.metrics.topic(topic)
        return found

    def _own(self, topic: Topic, queue: SubscriptionQueue) -> SubscriptionCounters:
        if queue.counters is None:
            queue.counters = self.metrics.subscription(topic, queue.subscription)
        return queue.counters


# How much of a failure's answer is kept: about what the history keeps of it as text.
_EXCERPT_BYTES = 1000


def _failure(
    delivery: Delivery,
    attempts: int,
    response: WebhookResponse,
    step: retry.NextStep,
    started_at: int,
) -> Attempt:
    return Attempt(
        delivery.position,
        delivery.run,
        delivery.subscription.incarnation,
        attempts,
        started_at,
        response.duration,
        response.status,
        outcome=str(retry.outcome(response) or ""),
        detail=response.detail,
        excerpt=response.body[:_EXCERPT_BYTES].decode("utf-8", "replace"),
        next_step=type(step).__name__,
        next_at=step.due_at if isinstance(step, RetryAt) else None,
        early=delivery.early_for is not None,
    )


def _log_end(name: str, delivery: Delivery, reason: GiveUpReason) -> None:
    log.warning(
        name,
        extra={
            "event_id": delivery.event.id,
            "subscription": delivery.subscription.name,
            "reason": str(reason),
            "attempts": delivery.attempts,
        },
    )
