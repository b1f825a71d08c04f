"""Publishes with the official clients, once for each line of JSON that it reads.

It runs with what the server says to export and nothing else, and answers each line with one line:
`{}` when the events were accepted, `{"error": {...}}` with the SDK's exception otherwise.
"""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.credentials import AzureKeyCredential, AzureSasCredential
from azure.core.exceptions import HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, EventGridPublisherClient, generate_sas
from azure.eventgrid.aio import EventGridPublisherClient as AsyncClient
from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from cloudevents.core.v1.event import CloudEvent as CncfEvent


def event_grid_event(event: dict[str, Any]) -> EventGridEvent:
    """The object that stands for these members."""
    return EventGridEvent(
        subject=event["subject"],
        event_type=event["eventType"],
        data=event["data"],
        data_version=event["dataVersion"],
        **{
            keyword: event[name]
            for keyword, name in (("id", "id"), ("event_time", "eventTime"), ("topic", "topic"))
            if name in event
        },
    )


def cloud_event(event: dict[str, Any]) -> CloudEvent[Any]:
    """The object that stands for these members; bytes where they are in Base64."""
    known = ("source", "type", "id", "subject", "dataschema", "datacontenttype")
    data = event.get("data")
    if "data_base64" in event:
        data = base64.b64decode(event["data_base64"])
    options = {name: event[name] for name in known if name in event}
    if "time" in event:
        options["time"] = datetime.fromisoformat(event["time"])
    extensions = set(event) - {*known, "time", "data", "data_base64", "specversion"}
    return CloudEvent(
        **options, data=data, extensions={name: event[name] for name in sorted(extensions)}
    )


def cncf_event(event: dict[str, Any]) -> CncfEvent:
    """An object of the `cloudevents` package."""
    attributes = {name: value for name, value in event.items() if name != "data"}
    if "time" in attributes:
        attributes["time"] = datetime.fromisoformat(attributes["time"])
    return CncfEvent(attributes, event.get("data"))


FORMS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "EventGridEvent": event_grid_event,
    "CloudEvent": cloud_event,
    "cncf": cncf_event,
    "dict": dict,
}


def credential(order: dict[str, Any], *, is_async: bool) -> Any:
    """A key, a signature made from it, or the application that the variables name."""
    match order["credential"]:
        case "key":
            return AzureKeyCredential(order["key"])
        case "sas":
            until = datetime.now(UTC) + timedelta(minutes=order.get("minutes", 5))
            return AzureSasCredential(generate_sas(order["endpoint"], order["key"], until))
    kind = AsyncClientSecretCredential if is_async else ClientSecretCredential
    names = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
    return kind(*(os.environ[name] for name in names))


CREDENTIALS: dict[bool, Any] = {}


def kept_credential(order: dict[str, Any], *, is_async: bool) -> Any:
    """One application asks for one token, as in a program that lives longer than a request."""
    if order["credential"] != "token":
        return credential(order, is_async=is_async)
    if is_async not in CREDENTIALS:
        CREDENTIALS[is_async] = credential(order, is_async=is_async)
    return CREDENTIALS[is_async]


def send(order: dict[str, Any]) -> None:
    """With the blocking client."""
    used = kept_credential(order, is_async=False)
    with EventGridPublisherClient(order["endpoint"], used, **order.get("client", {})) as client:
        client.send(events(order), **order.get("send", {}))


async def send_async(order: dict[str, Any]) -> None:
    """With the asynchronous client."""
    used = kept_credential(order, is_async=True)
    async with AsyncClient(order["endpoint"], used, **order.get("client", {})) as client:
        await client.send(events(order), **order.get("send", {}))


def events(order: dict[str, Any]) -> Any:
    """One event, or a list of them, as the order has it."""
    form, given = FORMS[order["form"]], order["events"]
    if isinstance(given, list):
        return [form(event) for event in given]
    return form(given)


async def answer(order: dict[str, Any]) -> dict[str, Any]:
    """What became of it."""
    try:
        if order["is_async"]:
            await send_async(order)
        else:
            send(order)
    except HttpResponseError as error:
        return {
            "error": {
                "type": type(error).__name__,
                "status": error.status_code,
                "code": error.error and error.error.code,
                "message": error.error.message if error.error else error.message,
            }
        }
    except (TypeError, ValueError) as error:
        return {"error": {"type": type(error).__name__, "message": str(error)}}
    return {}


@asynccontextmanager
async def closing() -> AsyncIterator[None]:
    """Closes the credentials at the end."""
    yield
    for is_async, used in CREDENTIALS.items():
        if is_async:
            await used.close()
        else:
            used.close()


async def main() -> None:
    """Line by line, until there is none."""
    async with closing():
        for line in sys.stdin:
            print(json.dumps(await answer(json.loads(line))), flush=True)


asyncio.run(main())
