"""What the clients in Python publish, in every form and with every credential, arrives whole.

Each event is delivered in every schema that its topic allows, alone and in batches, and is read
there with `azure-eventgrid`, `azure-core` and `cloudevents`.
"""

import base64
import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import requests
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent as CncfEvent

from tests.compat.event_grid.client_process import ClientProcess
from tests.compat.event_grid.consumers import check_arrivals
from tests.compat.event_grid.samples import AT, IN_UTC, SPECIAL, an_event, new_id, order_for
from tests.compat.event_grid.site import CLOUD_EVENTS, EVENT_GRID, Site, events_of

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="package")]

FORMS = [
    ("grid", "EventGridEvent"),
    ("grid", "dict"),
    ("cloud", "CloudEvent"),
    ("cloud", "dict"),
    ("custom", "dict"),
    ("grid-domain", "EventGridEvent"),
    ("grid-domain", "dict"),
    ("cloud-domain", "CloudEvent"),
    ("cloud-domain", "dict"),
    ("custom-domain", "dict"),
]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("credential", ["key", "sas", "token"])
@pytest.mark.parametrize(("name", "form"), FORMS)
async def test_python_client_publishes(
    site: Site, in_python: ClientProcess, name: str, form: str, credential: str, is_async: bool
) -> None:
    """One event and a list of two; what arrives is what was sent."""
    single, *several = (an_event(name) for _ in range(3))
    order: dict[str, Any] = {
        "endpoint": site.endpoint(name),
        "credential": credential,
        "key": site.keys[name],
        "form": form,
        "is_async": is_async,
    }

    assert await in_python(**order, events=single) == {}
    assert await in_python(**order, events=several) == {}

    for event in (single, *several):
        await check_arrivals(site, event, name)


@pytest.mark.parametrize(("name", "changes"), SPECIAL)
async def test_unusual_values_arrive(
    site: Site, in_python: ClientProcess, name: str, changes: dict[str, Any]
) -> None:
    """At the edges of what an event may hold."""
    event = an_event(name, **changes)

    answer = await in_python(**order_for(site, name), events=event)

    assert answer == {}
    await check_arrivals(site, event, name)


@pytest.mark.parametrize("data", [b"", b"\x00\xff\xfe", "grüezi".encode(), bytes(range(256))])
@pytest.mark.parametrize("is_async", [False, True])
async def test_bytes_are_in_base64(
    site: Site, in_python: ClientProcess, data: bytes, is_async: bool
) -> None:
    """The client turns bytes into `data_base64`; the consumers read bytes again."""
    event = an_event("cloud", datacontenttype="application/octet-stream")
    del event["data"]
    event["data_base64"] = base64.b64encode(data).decode()

    order = order_for(site, "cloud", form="CloudEvent", is_async=is_async)
    assert await in_python(**order, events=event) == {}

    await check_arrivals(site, event, "cloud")


async def test_least_cloud_event(site: Site, in_python: ClientProcess) -> None:
    """Without any optional member but the time, which the client adds: no other appears."""
    event = {"specversion": "1.0", "id": new_id(), "source": "s", "type": "t", "time": IN_UTC}

    assert await in_python(**order_for(site, "cloud", form="CloudEvent"), events=event) == {}

    await check_arrivals(site, event, "cloud")


async def test_missing_custom_members_have_their_defaults(
    site: Site, in_python: ClientProcess
) -> None:
    """By the mapping of the topic."""
    event = {"number": new_id(), "at": AT}

    assert await in_python(**order_for(site, "custom"), events=event) == {}

    await check_arrivals(site, event, "custom")


async def test_batched_request_keeps_its_events_apart(site: Site, in_python: ClientProcess) -> None:
    """A hundred events in one request come once each, at most ten in a batch."""
    events = [an_event("grid", data={"number": number}) for number in range(100)]

    assert await in_python(**order_for(site, "grid"), events=events) == {}
    for event in events:
        await site.arrivals(event["id"], "grid")

    ids = {event["id"] for event in events}
    for schema in (EVENT_GRID, CLOUD_EVENTS):
        for is_batched in (False, True):
            path = f"/grid/{schema}/{is_batched}"
            came = [events_of(each) for each in site.receiver.notifications if each.path == path]
            assert sorted(e["id"] for batch in came for e in batch if e["id"] in ids) == sorted(ids)
            assert max(map(len, came)) <= (10 if is_batched else 1)
            assert len(came) >= math.ceil(100 / 10)


# --- the cloudevents package ----------------------------------------------------------------------


async def post(site: Site, message: HTTPMessage) -> int:
    """Send what the package made, with the library that it leaves to its users."""
    answer = await site.call(
        lambda: requests.post(
            site.endpoint("cloud"),
            data=message.body,
            headers=message.headers | {"aeg-sas-key": site.keys["cloud"]},
            verify=site.server.ready.ca_bundle,
            timeout=30,
        )
    )
    return int(answer.status_code)


@pytest.mark.parametrize("to_message", [to_structured_event, to_binary_event])
async def test_cloudevents_package_publishes(
    site: Site, to_message: Callable[[BaseCloudEvent], HTTPMessage]
) -> None:
    """In both modes of its HTTP binding; headers have text only."""
    event = an_event("cloud", time=AT, priority="7", urgent="true")
    attributes = {name: value for name, value in event.items() if name != "data"}
    made = CncfEvent(attributes | {"time": datetime.fromisoformat(AT)}, event["data"])

    assert await post(site, to_message(made)) == 200

    await check_arrivals(site, event, "cloud")


@pytest.mark.parametrize("is_async", [False, True])
async def test_members_of_its_events_are_published_by_the_client(
    site: Site, in_python: ClientProcess, is_async: bool
) -> None:
    """As dictionaries, which its JSON is."""
    event = an_event("cloud")
    attributes = {name: value for name, value in event.items() if name != "data"}
    made = CncfEvent(attributes | {"time": datetime.fromisoformat(IN_UTC)}, event["data"])
    members = json.loads(to_structured_event(made).body)

    order = order_for(site, "cloud", is_async=is_async)
    assert await in_python(**order, events=[members]) == {}

    await check_arrivals(site, event, "cloud")
