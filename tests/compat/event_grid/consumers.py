"""Events read as consumers read them: with `azure-eventgrid`, `azure-core` and `cloudevents`."""

import base64
import json
from typing import Any

from azure.core.messaging import CloudEvent
from azure.core.serialization import NULL
from azure.eventgrid import EventGridEvent
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event

from tests.compat.event_grid.samples import expected, normal
from tests.compat.event_grid.site import CLOUD_EVENTS, EVENT_GRID, Arrival, Site, id_of


def read_event_grid(arrival: Arrival) -> dict[str, Any]:
    """The members, by `azure-eventgrid`."""
    event = EventGridEvent.from_json(json.dumps(arrival.event))
    return {
        "id": event.id,
        "topic": event.topic,
        "subject": event.subject,
        "eventType": event.event_type,
        "eventTime": event.event_time,
        "dataVersion": event.data_version,
        "metadataVersion": event.metadata_version,
        "data": event.data,
    }


def read_cloud_event(arrival: Arrival) -> dict[str, Any]:
    """The members, by `azure-core`."""
    event: CloudEvent[Any] = CloudEvent.from_dict(arrival.event)
    names = ("specversion", "id", "source", "type", "subject", "time")
    members = {name: getattr(event, name) for name in (*names, "dataschema", "datacontenttype")}
    members |= event.extensions or {}
    if not arrival.event.get("time", "Z").endswith("Z"):
        members["time"] = arrival.event["time"]  # misread: see samples.AT
    return with_data({name: value for name, value in members.items() if value}, event.data, arrival)


def read_cncf(arrival: Arrival, *, is_batched: bool) -> dict[str, Any]:
    """The members, by `cloudevents`; a batch it reads event by event."""
    kind = "application/cloudevents-batch+json" if is_batched else "application/cloudevents+json"
    assert arrival.request.headers["content-type"] == f"{kind}; charset=utf-8"
    body = json.dumps(arrival.event).encode() if is_batched else arrival.request.body
    headers = {"content-type": arrival.request.headers["content-type"]}
    event = from_structured_event(HTTPMessage(headers, body))
    return with_data(dict(event.get_attributes()), event.get_data(), arrival)


def with_data(members: dict[str, Any], data: Any, arrival: Arrival) -> dict[str, Any]:
    """The members and the data; bytes in Base64 again."""
    if isinstance(data, bytes):
        return members | {"data_base64": base64.b64encode(data).decode()}
    if "data" not in arrival.event:
        return members
    return members | {"data": None if data is NULL else data}


async def check_arrivals(site: Site, event: dict[str, Any], name: str) -> None:
    """It came in every way, and every consumer reads the same."""
    for (schema, is_batched), arrival in (await site.arrivals(id_of(event), name)).items():
        assert isinstance(arrival.request.json(), list) is (is_batched or schema != CLOUD_EVENTS)
        wanted = normal(expected(event, schema, site, name))
        assert normal(arrival.event) == wanted
        if schema == EVENT_GRID:
            assert normal(read_event_grid(arrival)) == wanted
        if schema == CLOUD_EVENTS:
            assert normal(read_cloud_event(arrival)) == wanted
            assert normal(read_cncf(arrival, is_batched=is_batched)) == wanted
