"""Values for tests: defaults plus what the test is about."""

import base64
import itertools
import json
from typing import Any

from switchhook.grid.events import Event, EventSchema
from switchhook.grid.subscriptions import (
    EventSubscription,
    Filter,
    RetryPolicy,
    WebHookDestination,
)
from switchhook.grid.topics import Topic

RESOURCE_ID = (
    "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/group"
    "/providers/Microsoft.EventGrid/topics/orders"
)

_ids = itertools.count(1)


def an_event(**members: Any) -> dict[str, Any]:
    """An event of the Event Grid schema, as a publisher writes it."""
    return {
        "id": f"event-{next(_ids)}",
        "subject": "orders/17",
        "eventType": "Shop.OrderPlaced",
        "eventTime": "2026-01-01T00:00:00Z",
        "data": {"total": 12.5},
        "dataVersion": "1.0",
    } | members


def a_routed_event(
    published: object = None, schema: EventSchema = EventSchema.EVENT_GRID, **fields: str
) -> Event:
    """An event as the router sees it; `published` is its JSON, or the text of it as bytes."""
    text = published if isinstance(published, bytes) else json.dumps(published or {}).encode()
    defaults = {"id": "e1", "type": "t", "subject": "s", "data_version": "", "source": RESOURCE_ID}
    return Event(**(defaults | fields), json=text, schema=schema)


def a_cloud_event(**members: Any) -> dict[str, Any]:
    """A CloudEvent, as a publisher writes it in the structured mode."""
    return {
        "specversion": "1.0",
        "type": "Shop.OrderPlaced",
        "source": "/shop/tills/3",
        "id": f"event-{next(_ids)}",
        "time": "2026-01-01T00:00:00Z",
        "subject": "orders/17",
        "data": {"total": 12.5},
    } | members


def a_body(*events: dict[str, Any]) -> bytes:
    """A publish request's body."""
    return json.dumps(events or (an_event(),)).encode()


def a_topic(**members: Any) -> Topic:
    """A custom topic with two keys."""
    keys = tuple(base64.b64encode(letter * 32).decode() for letter in (b"a", b"b"))
    defaults = {"incarnation": "t1", "resource_id": RESOURCE_ID, "name": "orders", "keys": keys}
    return Topic(**(defaults | members))


def a_subscription(**members: Any) -> EventSubscription:
    """The first version of a subscription to everything that `a_topic` has."""
    defaults: dict[str, Any] = {
        "incarnation": "s1",
        "version": 1,
        "name": "hook",
        "topic": "t1",
        "destination": WebHookDestination(endpoint_url="http://127.0.0.1:9/hook"),
        "filter": Filter(),
        "retry_policy": RetryPolicy(),
    }
    return EventSubscription(**(defaults | members))
