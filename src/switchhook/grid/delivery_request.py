"""How does a delivery request look?

Source: delivery-and-retry.md (Mar 2023), cloud-event-schema.md, event-grid-message-headers.md, and
captured deliveries of Logic Apps and of a vendor that delivers through Event Grid.
"""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from switchhook.grid.delivery_attributes import attribute_headers, header_text
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.ports import WebhookRequest
from switchhook.grid.schemas.render import render
from switchhook.grid.subscriptions import DeliveryAttribute, EventSubscription

# The response wait of the article (30 s; 60 s before mid-2020).
RESPONSE_TIMEOUT_SECONDS = 30.0
ORIGIN = "eventgrid.azure.net"

# The article says "the spec version" for CloudEvents; the captures have 1.
METADATA_VERSION = "1"
# "aeg-data-version" is empty for CloudEvents. A batch has that of its first event: how Azure treats
# a mixed batch is not documented.
_DATA_VERSION_SCHEMAS = (EventSchema.EVENT_GRID, EventSchema.CUSTOM)


class _Form(msgspec.Struct, frozen=True):
    """How the events of a request stand in its body."""

    content_type: str
    pattern: bytes = b"[%b]"


# An original custom event alone is sent in an array, like any other event; a sample shows the bare
# object.
CUSTOM_EVENTS_IN_ARRAYS = True
# A CloudEvent alone is one object, as in the captures; the type of a batch is not documented, and
# this is the one that the CloudEvents specification has for it.
_CLOUD_EVENT = _Form("application/cloudevents+json; charset=utf-8", b"%b")
_CLOUD_EVENTS = _Form("application/cloudevents-batch+json; charset=utf-8")
_JSON = _Form("application/json; charset=utf-8")
_JSON_ALONE = _Form(_JSON.content_type, b"%b")

_BATCHES = {
    EventSchema.EVENT_GRID: _JSON,
    EventSchema.CUSTOM: _JSON,
    EventSchema.CLOUD_EVENTS: _CLOUD_EVENTS,
}
_SINGLE = {
    EventSchema.EVENT_GRID: _JSON,
    EventSchema.CUSTOM: _JSON if CUSTOM_EVENTS_IN_ARRAYS else _JSON_ALONE,
    EventSchema.CLOUD_EVENTS: _CLOUD_EVENT,
}

# What is kept of headers that were built has no longer text of a publisher's.
_SHORT = 64

_REPLAY = "switchhook-replay"
_TRACE = "traceparent"


def build_request(
    events: Sequence[Event],
    subscription: EventSubscription,
    *,
    delivery_count: int,
    token: str | None = None,
    replay: str = "",
    traceparent: str = "",
) -> WebhookRequest:
    """The request that delivers `events` (one, or a batch) for a subscription.

    `delivery_count` is the number of attempts made before: the header starts at 0 in every capture,
    though the article speaks of the number of attempts. `token` authorizes the request.
    """
    schema, webhook = subscription.event_delivery_schema, subscription.destination
    rendered = [event.json if event.schema is schema else render(event, schema) for event in events]
    is_batch = len(events) > 1 or webhook.max_events_per_batch > 1
    form = _BATCHES[schema] if is_batch else _SINGLE[schema]
    version = events[0].data_version if schema in _DATA_VERSION_SCHEMAS else ""
    build = _fixed if len(version) <= _SHORT else _fixed.__wrapped__
    headers = build(form.content_type, subscription.name, delivery_count, version)
    if webhook.attributes or token or replay or traceparent:
        headers += _chosen(webhook.attributes, rendered, token, replay, traceparent)
    return WebhookRequest(
        url=webhook.endpoint_url,
        headers=headers,
        body=form.pattern % b",".join(rendered),
        timeout=RESPONSE_TIMEOUT_SECONDS,
    )


@lru_cache(maxsize=4096)
def _fixed(content_type: str, name: str, delivery_count: int, data_version: str) -> bytes:
    """What every delivery has. Subscription names are upper case in every capture, and webhooks get
    no `aeg-output-event-id`, which the articles document for brokers."""
    is_cloud_event = content_type in (_CLOUD_EVENT.content_type, _CLOUD_EVENTS.content_type)
    origin = f"Origin: {ORIGIN}\r\n" if is_cloud_event else ""
    return (
        f"Content-Type: {content_type}\r\n"
        "aeg-event-type: Notification\r\n"
        f"aeg-metadata-version: {METADATA_VERSION}\r\n"
        f"aeg-subscription-name: {name.upper()}\r\n"
        f"aeg-delivery-count: {delivery_count}\r\n"
        f"{origin}"
    ).encode() + b"aeg-data-version: %b\r\n" % header_text(data_version)


def _chosen(
    attributes: Sequence[DeliveryAttribute],
    rendered: Sequence[bytes],
    token: str | None,
    replay: str,
    traceparent: str,
) -> bytes:
    """What some deliveries have: their subscriber's headers, and ours about them."""
    own = {"Authorization": f"Bearer {token}" if token else "", _REPLAY: replay}
    found = attribute_headers(attributes, rendered) if attributes else {}
    if _TRACE not in map(str.lower, found):
        own[_TRACE] = traceparent
    if token:  # no request has two credentials
        found = {name: value for name, value in found.items() if name.lower() != "authorization"}
    lines = {**found, **{name: value for name, value in own.items() if value}}
    return b"".join(
        b"%s: %s\r\n" % (name.encode("ascii"), header_text(value)) for name, value in lines.items()
    )
