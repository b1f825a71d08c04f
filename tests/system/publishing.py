"""One event or one message at a time, to a server that runs."""

import time
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.builders import a_body, an_event
from tests.crash.http_client import Answer, Connection, build_request
from tests.system.server_process import Ready
from tests.wire import signed_headers


async def publish(ready: Ready, *ids: str) -> None:
    """Publish an event for each id to the default topic."""
    path = urlsplit(ready.topic.endpoint).path
    headers = {"aeg-sas-key": ready.topic.key}
    for event_id in ids:
        answer = await exchange(ready, "POST", path, headers, a_body(an_event(id=event_id)))
        assert answer.status == 200, answer


async def call_sms(ready: Ready, route: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST to a route of the SMS API, signed with the access key; the answer's body."""
    content = msgspec.json.encode(body)
    target = f"{route}?api-version=2026-01-23"
    host = urlsplit(ready.http_endpoint).netloc
    key = ready.communication.access_key
    headers = signed_headers("POST", target, content, key, host, time.time())
    answer = await exchange(ready, "POST", target, headers, content)
    assert answer.status < 300, answer
    return msgspec.json.decode(answer.body, type=dict[str, Any])


async def exchange(
    ready: Ready, method: str, target: str, headers: dict[str, str], body: bytes
) -> Answer:
    """One request on a connection of its own."""
    connection = await Connection.open(ready.http_endpoint)
    try:
        return await connection.exchange(
            build_request(method, target, connection.host, headers, body)
        )
    finally:
        connection.close()
