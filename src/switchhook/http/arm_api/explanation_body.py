"""How is an explanation, or an event of the log, written as JSON?"""

from collections.abc import Iterable
from typing import Any

import msgspec

from switchhook.clock import MILLISECOND, to_text
from switchhook.grid.explanations import (
    DeliveryExplanation,
    Explanation,
    Found,
    SubscriptionExplanation,
)
from switchhook.grid.filters import Mismatch
from switchhook.grid.ports import Attempt, LogExtent
from switchhook.grid.resources.records import SubscriptionRecord
from switchhook.grid.tail import Accepted, Missed
from switchhook.grid.topics import TopicKind

Body = dict[str, Any]

NOT_IN_FORCE = "NotInForce"


def render_found(found: Found, extent: LogExtent, bodies: Iterable[Body], asked: str) -> Body:
    """The answer to a question for events that were published."""
    body: Body = {"value": list(bodies), "before": found.before, "log": render_extent(extent)}
    if not body["value"] and found.before is None:
        body["message"] = f"There is no {asked} in the retention. {_reach(extent)}"
    return body


def render_extent(extent: LogExtent) -> Body:
    """How far back the log reaches."""
    return {
        "firstPosition": extent.first,
        "endPosition": extent.end,
        "oldestPublishedAt": _time(extent.oldest_published_at),
    }


def render_explanation(explanation: Explanation, others: Iterable[SubscriptionRecord]) -> Body:
    """One event; `others` are event subscriptions that never came into force."""
    event = explanation.event
    return {
        "id": explanation.event_id,
        "eventType": explanation.event_type,
        "subject": event.subject if event else None,
        "topic": explanation.topic,
        "topicName": explanation.topic_name,
        "domainTopic": explanation.domain_topic or None,
        "position": explanation.position,
        "publishedAt": _time(explanation.published_at),
        "traceparent": explanation.traceparent or None,
        "isInLog": _is_in_log(explanation),
        "subscriptions": [
            *map(_subscription, explanation.subscriptions),
            *map(_never_in_force, others),
        ],
    }


def render_line(found: Accepted | Missed) -> bytes:
    """A line of the stream of events."""
    if isinstance(found, Missed):
        return _line({"missed": {"firstPosition": found.first, "endPosition": found.end}})
    topic, envelope = found.topic, found.envelope
    # A service writes the id of its resource in a case of its own, which its receivers see.
    is_service = topic.kind is TopicKind.SYSTEM
    body = {
        "position": envelope.position,
        "publishedAt": _time(envelope.published_at),
        "topic": envelope.event.source if is_service else topic.resource_id,
        "topicName": topic.name,
        "domainTopic": envelope.event.domain_topic or None,
        "id": envelope.event.id,
        "eventType": envelope.event.type,
        "subject": envelope.event.subject,
        "schema": envelope.event.schema.value,
        "event": msgspec.Raw(envelope.event.json),
    }
    return _line(body)


def _is_in_log(explanation: Explanation) -> bool:
    is_published = explanation.event is not None and explanation.position is not None
    return is_published and explanation.is_in_log


def _line(body: Body) -> bytes:
    # An event may have been published over several lines; its texts hold no raw line ends.
    text = msgspec.json.encode(body)
    return text.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"


def _reach(extent: LogExtent) -> str:
    if extent.oldest_published_at is None:
        return "The log is empty."
    return f"The log reaches back to {_time(extent.oldest_published_at)}."


def _subscription(told: SubscriptionExplanation) -> Body:
    return {
        "name": told.name,
        "incarnation": told.incarnation,
        "domainTopic": told.domain_topic or None,
        "verdict": told.verdict.value,
        "text": told.text,
        "version": told.version,
        "isCurrentVersion": told.is_current,
        "fromPosition": told.from_position,
        "mismatch": _mismatch(told.mismatch) if told.mismatch else None,
        "deliveries": [_delivery(each) for each in told.deliveries],
    }


def _never_in_force(record: SubscriptionRecord) -> Body:
    text = f"It never came into force: its provisioning state is {record.state.value}."
    return {
        "name": record.name,
        "incarnation": record.incarnation,
        "domainTopic": None,
        "verdict": NOT_IN_FORCE,
        "text": f"{text} {record.error}".strip(),
        "version": None,
        "isCurrentVersion": True,
        "fromPosition": None,
        "mismatch": None,
        "deliveries": [],
    }


def _mismatch(mismatch: Mismatch) -> Body:
    return {
        "clause": mismatch.clause,
        "operator": mismatch.operator or None,
        "key": mismatch.key,
        "values": list(mismatch.wanted),
        "found": mismatch.found,
    }


def _delivery(delivery: DeliveryExplanation) -> Body:
    return {
        "run": delivery.run,
        "stage": delivery.stage.value,
        "text": delivery.text,
        "deliveryAttempts": delivery.attempts_made,
        "nextAttemptAt": _time(delivery.next_attempt_at),
        "lastDeliveryOutcome": delivery.last_outcome or None,
        "lastHttpStatusCode": delivery.last_status_code,
        "deadLetterReason": delivery.reason or None,
        "where": delivery.where or None,
        "givenUpAt": _time(delivery.given_up_at),
        "attempts": [_attempt(each) for each in delivery.attempts],
    }


def _attempt(attempt: Attempt) -> Body:
    return {
        "number": attempt.number,
        "startedAt": _time(attempt.started_at),
        "durationInMs": round(attempt.duration / MILLISECOND, 1),
        "httpStatusCode": attempt.status,
        "outcome": attempt.outcome or "Delivered",
        "detail": attempt.detail or None,
        "responseExcerpt": attempt.excerpt or None,
        "nextStep": attempt.next_step,
        "nextAttemptAt": _time(attempt.next_at),
        "isEarly": attempt.early,
    }


def _time(instant: int | None) -> str | None:
    return None if instant is None else to_text(instant)
