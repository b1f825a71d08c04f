"""What `@azure/eventgrid` publishes arrives whole, and it reads what arrives."""

import base64
from typing import Any

import pytest
from azure.identity import ClientSecretCredential

from tests.compat.event_grid.client_process import ClientProcess
from tests.compat.event_grid.consumers import check_arrivals
from tests.compat.event_grid.samples import SPECIAL, an_event, normal, order_for
from tests.compat.event_grid.site import CLOUD_EVENTS, CUSTOM, EVENT_GRID, SCHEMAS, Site, id_of

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="package")]

JS_FORMS = {EVENT_GRID: "EventGrid", CLOUD_EVENTS: "CloudEvent", CUSTOM: "Custom"}


@pytest.mark.parametrize("credential", ["key", "sas", "token"])
@pytest.mark.parametrize("name", SCHEMAS)
async def test_javascript_client_publishes_and_reads(
    site: Site, in_javascript: ClientProcess, name: str, credential: str
) -> None:
    """What arrives is what was sent, and the same package reads it; the token is a plain object."""
    events = [an_event(name) for _ in range(2)]

    answer = await in_javascript(
        endpoint=site.endpoint(name),
        credential=credential,
        key=site.keys[name],
        token=access_token(site) if credential == "token" else "",
        form=JS_FORMS[SCHEMAS[name]],
        events=events,
    )

    assert answer == {}
    for event in events:
        await check_arrivals(site, event, name)
        await check_javascript(site, in_javascript, event, name)


async def test_javascript_client_sends_and_reads_bytes(
    site: Site, in_javascript: ClientProcess
) -> None:
    """As `data_base64` on the wire."""
    event = an_event("cloud", datacontenttype="application/octet-stream")
    del event["data"]
    event["data_base64"] = base64.b64encode(b"\x00\xff").decode()

    order = order_for(site, "cloud", form="CloudEvent")
    assert await in_javascript(**order, events=event) == {}

    await check_arrivals(site, event, "cloud")
    await check_javascript(site, in_javascript, event, "cloud")


@pytest.mark.parametrize(
    ("name", "changes"),
    # Of data that is no object its reader makes one, with a member for each letter or element.
    [(name, changes) for name, changes in SPECIAL if isinstance(changes.get("data", {}), dict)],
)
async def test_javascript_reads_unusual_values(
    site: Site, in_python: ClientProcess, in_javascript: ClientProcess, name: str, changes: Any
) -> None:
    """Events of the other language."""
    event = an_event(name, **changes)

    assert await in_python(**order_for(site, name), events=event) == {}

    await check_javascript(site, in_javascript, event, name)


async def check_javascript(
    site: Site, client: ClientProcess, event: dict[str, Any], name: str
) -> None:
    """`EventGridDeserializer` reads every body whole."""
    event_id = id_of(event)
    for (schema, _), arrival in (await site.arrivals(event_id, name)).items():
        if schema not in (EVENT_GRID, CLOUD_EVENTS):
            continue
        answer = await client(schema=schema, body=arrival.request.body.decode())
        (read,) = [each for each in answer["events"] if each["id"] == event_id]
        extensions = read.pop("extensionAttributes", {})
        assert set(read) | set(extensions) == set(arrival.event) - {"data_base64"} | (
            {"data"} if "data_base64" in arrival.event else set()
        )
        if "data_base64" in arrival.event:
            read["data_base64"] = read.pop("data")["base64"]
        assert normal(doubles(read | extensions)) == normal(doubles(arrival.event))


def doubles(value: Any) -> Any:
    """The value with the numbers that JavaScript knows."""
    match value:
        case dict():
            return {name: doubles(each) for name, each in value.items()}
        case list():
            return [doubles(each) for each in value]
        case int() if not isinstance(value, bool):
            return float(value)
    return value


def access_token(site: Site) -> str:
    """A token to publish with, from the authority."""
    authority = site.server.ready.authority
    with ClientSecretCredential(
        authority.tenant_id,
        authority.client_id,
        authority.client_secret,
        authority=authority.authority_host,
        connection_verify=site.server.ready.ca_bundle,
    ) as used:
        return used.get_token("https://eventgrid.azure.net/.default").token
