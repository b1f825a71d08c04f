"""What does the log say about a delivery attempt?

The fields are those of Azure's `DeliveryFailures` messages (monitor-push-reference.md) in our
spelling, and the step that follows. Event data, headers and the query of a URL are never among
them.
"""

from switchhook.clock import MILLISECOND, to_text
from switchhook.grid import retry
from switchhook.grid.delivery import Delivery
from switchhook.grid.ports import WebhookResponse
from switchhook.grid.retry import NextStep, RetryAt

# A publisher's text may be long; a line of the log is not.
MAX_TEXT = 256


def attempt_fields(
    delivery: Delivery,
    response: WebhookResponse,
    step: NextStep,
    *,
    attempts: int,
    now: int,
    events: int = 1,
) -> dict[str, object]:
    """The fields of the line about the `attempts`-th attempt, which ended `now`.

    `delivery` is the first of the `events` that the request held.
    """
    subscription, event = delivery.subscription, delivery.event
    fields: dict[str, object] = {
        "outcome": str(retry.outcome(response) or "Delivered"),
        "status": response.status,
        "latency_ms": round(response.duration / MILLISECOND, 1),
        "event_id": event.id[:MAX_TEXT],
        "position": delivery.position,
        "state": type(step).__name__,
        "delivery_time": to_text(now),
        # Counted from 0, as in the header `aeg-delivery-count`.
        "delivery_count": delivery.attempts,
        "attempt": attempts,
        "subscription": subscription.name,
        "delivery_schema": subscription.event_delivery_schema.value,
        "input_schema": event.schema.value,
        "publish_time": to_text(delivery.published_at),
        "event_type": event.type[:MAX_TEXT],
        "topic": event.source[:MAX_TEXT],
        "url": subscription.destination.endpoint_base_url,
        "detail": response.detail[:MAX_TEXT],
    }
    if events > 1:
        fields["events"] = events
    if event.domain_topic:
        fields["domain_topic"] = event.domain_topic
    if isinstance(step, RetryAt):
        fields["next_attempt_at"] = to_text(step.due_at)
    return fields
