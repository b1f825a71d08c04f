"""How does a delivery request look?

Source: delivery-and-retry.md (Mar 2023), cloud-event-schema.md, event-grid-message-headers.md, and
captured deliveries of Logic Apps and of a vendor that delivers through Event Grid.
"""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from switchhook.grid.delivery_attributes import attribute_headers, header_text
from switchhook.grid.events import Event, EventSchema
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


class RequestForm:
    """How the requests of one version of an event subscription look.

    What its first attempts have in common is made once and kept, for the data version of the event
    before. Nothing is sent of an event that is `time_to_live` nanoseconds old.
    """

    __slots__ = (
        "_batches",
        "_data_version",
        "_headers",
        "_single",
        "_webhook",
        "has_own_headers",
        "subscription",
        "time_to_live",
        "url",
    )

    def __init__(self, subscription: EventSubscription, time_to_live: int) -> None:
        self.subscription = subscription
        self.time_to_live = time_to_live
        self._webhook = webhook = subscription.destination
        self.url = webhook.endpoint_url
        schema = subscription.event_delivery_schema
        self._batches = _BATCHES[schema]
        self._single = _SINGLE[schema] if webhook.max_events_per_batch == 1 else self._batches
        # Whether the subscriber has asked for headers that depend on the event or the moment.
        self.has_own_headers = bool(webhook.attributes or webhook.application_id_or_uri)
        self._data_version: str | None = None
        self._headers = b""

    def build_first(self, event: Event) -> tuple[bytes, bytes]:
        """Headers and body of the first attempt of an event alone, without headers of its own."""
        schema = self.subscription.event_delivery_schema
        json = event.json if event.schema is schema else render(event, schema)
        if event.data_version != self._data_version:
            return self._first_headers(event.data_version), self._single.pattern % json
        return self._headers, self._single.pattern % json

    def _first_headers(self, data_version: str) -> bytes:
        headers = self._fixed(self._single, 0, data_version)
        if len(data_version) <= _SHORT:
            self._data_version, self._headers = data_version, headers
        return headers

    def build(
        self,
        events: Sequence[Event],
        *,
        delivery_count: int,
        token: str | None = None,
        replay: str = "",
        traceparent: str = "",
    ) -> tuple[bytes, bytes]:
        """Headers and body of a request that delivers `events`: one, or a batch.

        `delivery_count` is the number of attempts made before: the header starts at 0 in every
        capture, though the article speaks of the number of attempts. `token` authorizes it.
        """
        schema = self.subscription.event_delivery_schema
        rendered = [each.json if each.schema is schema else render(each, schema) for each in events]
        form = self._single if len(events) == 1 else self._batches
        headers = self._fixed(form, delivery_count, events[0].data_version)
        attributes = self._webhook.attributes
        if attributes or token or replay or traceparent:
            headers += _chosen(attributes, rendered, token, replay, traceparent)
        return headers, form.pattern % b",".join(rendered)

    def _fixed(self, form: _Form, delivery_count: int, data_version: str) -> bytes:
        if self.subscription.event_delivery_schema not in _DATA_VERSION_SCHEMAS:
            data_version = ""
        build = _fixed if len(data_version) <= _SHORT else _fixed.__wrapped__
        return build(form.content_type, self.subscription.name, delivery_count, data_version)


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
