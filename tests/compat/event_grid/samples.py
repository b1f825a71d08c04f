"""What the tests of the clients publish, and what must arrive."""

import itertools
from datetime import datetime
from typing import Any
from urllib.parse import quote

from tests.compat.event_grid.site import CUSTOM, DOMAINS, EVENT_GRID, SCHEMAS, Site

NUMBERS = itertools.count(1)
IN_UTC = "2026-11-21T04:00:15.123456Z"
# azure-core 1.41.0 takes the first digit of an offset's hours for the hours, wherever it makes a
# CloudEvent of members; so no client sends CloudEvents with an offset from members here.
AT = "2026-11-21T09:30:15.123456+05:30"
DATA = {
    "text": "grüezi ✓ \U0001f4e6 \u2028 \"'<&>\\/",
    "nested": {"null": None, "list": [None, [], {}, [None, {"deep": [1, 2.5, True]}]]},
    "large": 9007199254740991,
    "small": -1e-7,
    "empty": "",
    "NULL": False,
}


def new_id() -> str:
    """An id that no other event has, beyond ASCII."""
    return f"event-{next(NUMBERS)}-\U0001f680"


def an_event(name: str, **changes: Any) -> dict[str, Any]:
    """An event in the input schema of a topic or domain, with every member."""
    event: dict[str, Any]
    match SCHEMAS[name]:
        case "EventGridSchema":
            event = {
                "id": new_id(),
                "subject": "/orders/ö/17?x=1#y",
                "eventType": "Shop.OrderPlaced",
                "eventTime": AT,
                "dataVersion": "1.0",
                "data": DATA,
            } | ({"topic": "north"} if name in DOMAINS else {})
        case "CloudEventSchemaV1_0":
            event = {
                "specversion": "1.0",
                "id": new_id(),
                "source": "north" if name in DOMAINS else "/shop/ö",
                "type": "Shop.OrderPlaced",
                "subject": "orders/17",
                "time": IN_UTC,
                "dataschema": "https://example.org/schema#1",
                "datacontenttype": "application/json",
                "data": DATA,
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "priority": 7,
                "urgent": True,
            }
        case _:
            event = {
                "number": new_id(),
                "kind": "Shop.OrderPlaced",
                "what": "orders/17",
                "at": AT,
                "version": "3.1",
                "area": "north",
                **DATA,
            }
    return event | changes


# At the edges of what an event may hold.
SPECIAL: list[tuple[str, dict[str, Any]]] = [
    ("grid", {"subject": ""}),
    ("grid", {"data": None}),
    ("grid", {"data": []}),
    ("grid", {"data": "a text"}),
    ("grid", {"data": 0}),
    ("grid", {"data": {"a.b": {"": {"\u0000": "\uffff"}}}}),
    (
        "grid",
        {"data": {"large": 2**80, "exact": 0.1, "least": 5e-324, "most": 1.7976931348623157e308}},
    ),
    ("grid", {"dataVersion": ""}),
    ("grid", {"dataVersion": "1 %#ä"}),
    ("grid", {"eventType": "shop.ORDERPLACED"}),
    ("grid", {"eventTime": "2026-02-28T23:59:59Z"}),
    ("grid", {"eventTime": "1970-01-01T00:00:00-12:00"}),
    ("grid-domain", {"topic": "NORTH"}),
    ("cloud", {"data": None}),
    ("cloud", {"data": "text", "datacontenttype": "text/plain"}),
    ("cloud", {"data": 12}),
    ("cloud", {"data": {"large": 2**80}}),
    ("cloud", {"source": "urn:a:b"}),
    ("cloud", {"source": "https://example.org/a?b=c#d"}),
    ("cloud", {"type": "ÄÖ \U0001f4e6"}),
    ("cloud", {"time": "2026-02-28T23:59:59.9-00:30"}),
    ("cloud", {"time": "2026-02-28T23:59:59.123456789Z"}),
    ("cloud", {"twentycharactersname": "x" * 900}),
    ("cloud", {"priority": -(2**31)}),
    ("custom", {"what": "", "kind": "shop.orderplaced"}),
    ("custom", {"version": "", "data": {"data": [None]}}),
]


def order_for(site: Site, name: str, **changes: Any) -> dict[str, Any]:
    """An order to publish with the key, blocking, from members."""
    return {
        "endpoint": site.endpoint(name),
        "credential": "key",
        "key": site.keys[name],
        "form": "dict",
        "is_async": False,
    } | changes


# --- what is expected, by the schema of the delivery ----------------------------------------------


def source_of(site: Site, name: str, event: dict[str, Any]) -> str:
    """The resource that Event Grid stamps onto an event."""
    topic = event.get("topic", event.get("area"))
    return site.resource_id(name) + (f"/topics/{topic}" if name in DOMAINS else "")


def expected(event: dict[str, Any], schema: str, site: Site, name: str) -> dict[str, Any]:
    """The members that a delivery has."""
    published, source = SCHEMAS[name], source_of(site, name, event)
    stamps = {"topic": source, "metadataVersion": "1"}
    if schema == published or published == CUSTOM == schema.replace("Input", "Event"):
        return event | (stamps if schema == EVENT_GRID else {})
    if published == CUSTOM:
        event = {
            "id": event["number"],
            "subject": event.get("what", "nothing"),
            "eventType": event.get("kind", "Shop.Unknown"),
            "eventTime": event["at"],
            "dataVersion": event.get("version", "2.0"),
            "data": event,
        }
    if schema == EVENT_GRID:
        return event | stamps
    converted = {
        "specversion": "1.0",
        "id": event["id"],
        "source": source,
        "type": event["eventType"],
        "time": event["eventTime"],
        "dataschema": "#" + quote(event["dataVersion"]),
        "data": event["data"],
    }
    return converted | ({"subject": event["subject"]} if event["subject"] else {})


def normal(event: dict[str, Any]) -> dict[str, Any]:
    """With times as times: clients write the same moment in other words."""
    return event | {
        name: moment(event[name]) for name in ("eventTime", "time", "at") if event.get(name)
    }


def moment(text: Any) -> datetime:
    """The moment, to the millisecond: JavaScript knows no less."""
    time = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
