"""What is an endpoint told when its event subscription is deleted?

The header value `SubscriptionDeletion` is documented (event-grid-message-headers.md) and so is the
event type (azure-eventgrid 4.22.1, `SystemEventNames`), but not when, or whether, webhooks get it.
"""

import msgspec

from switchhook.clock import to_text
from switchhook.grid.delivery_request import (
    METADATA_VERSION,
    ORIGIN,
    RESPONSE_TIMEOUT_SECONDS,
)
from switchhook.grid.events import EventSchema
from switchhook.grid.ports import WebhookRequest

DELETION_EVENT = "Microsoft.EventGrid.SubscriptionDeletedEvent"
DATA_VERSION = "1"


class DeletedSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """What the notice says, and to whom."""

    id: str
    name: str
    topic: str
    endpoint_url: str
    schema: EventSchema


def build_notice(
    gone: DeletedSubscription, *, event_id: str, now: int, token: str | None = None
) -> WebhookRequest:
    """The one request that says so; nobody waits for its answer or sends it again."""
    is_cloud_event = gone.schema is EventSchema.CLOUD_EVENTS
    kind = "application/cloudevents+json" if is_cloud_event else "application/json"
    lines = [
        f"Content-Type: {kind}; charset=utf-8",
        "aeg-event-type: SubscriptionDeletion",
        f"aeg-subscription-name: {gone.name.upper()}",
        "aeg-delivery-count: 0",
        f"aeg-metadata-version: {METADATA_VERSION}",
        f"aeg-data-version: {'' if is_cloud_event else DATA_VERSION}",
    ]
    if is_cloud_event:
        lines.append(f"Origin: {ORIGIN}")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    event = _cloud_event(gone, event_id, now) if is_cloud_event else [_event(gone, event_id, now)]
    return WebhookRequest(
        url=gone.endpoint_url,
        headers="".join(f"{line}\r\n" for line in lines).encode("ascii"),
        body=msgspec.json.encode(event),
        timeout=RESPONSE_TIMEOUT_SECONDS,
    )


def _event(gone: DeletedSubscription, event_id: str, now: int) -> dict[str, object]:
    return {
        "id": event_id,
        "topic": gone.topic,
        "subject": "",
        "data": {"eventSubscriptionId": gone.id},
        "eventType": DELETION_EVENT,
        "eventTime": to_text(now),
        "metadataVersion": METADATA_VERSION,
        "dataVersion": DATA_VERSION,
    }


def _cloud_event(gone: DeletedSubscription, event_id: str, now: int) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": gone.topic,
        "type": DELETION_EVENT,
        "time": to_text(now),
        "data": {"eventSubscriptionId": gone.id},
    }
