"""The publish route as clients meet it: over HTTP, through the real server."""

import asyncio
import base64
import contextlib
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, EventGridPublisherClient
from azure.eventgrid.aio import EventGridPublisherClient as AsyncEventGridPublisherClient

from switchhook.clock import SystemClock, VirtualClock
from switchhook.grace import Grace
from switchhook.grid.collections import TOPICS
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.events import EventSchema
from switchhook.grid.limits import Limits
from switchhook.grid.ports import Put, hash_of_id
from switchhook.grid.schemas.json_text import MAX_BODY_BYTES
from switchhook.grid.schemas.read import read
from switchhook.grid.schemas.render import render
from switchhook.grid.subscriptions import WebHookDestination
from switchhook.grid.topics import FieldMapping, InputMapping, Topic, TopicKind
from switchhook.http.asgi import Receive, Scope, Send, reply
from switchhook.http.listener import Door, listening
from switchhook.http.publish_api import PublishApi
from switchhook.sockets import bind
from switchhook.stores.memory import MemoryStore
from switchhook.webhook.transport import HttpTransport
from tests.builders import RESOURCE_ID, a_body, a_cloud_event, a_subscription, a_topic, an_event
from tests.flow.conftest import Flow, start
from tests.receiver import Receiver
from tests.scripted_dead_letters import ScriptedDeadLetterStore

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOPIC = a_topic()
assert TOPIC.keys is not None
KEY, SECOND_KEY = TOPIC.keys
CAP = 1 << 21

NO_KEY = (
    "Request must contain one of the following authorization signature: aeg-sas-token, aeg-sas-key."
)
REPORT = re.compile(
    r" Report '[0-9a-f-]{36}:0:\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d [AP]M \(UTC\)' to our "
    r"forums for assistance or raise a support ticket\."
)


@dataclass(frozen=True)
class Reply:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> tuple[int, str, str, str]:
        """Status, code, detail code and the message without its report."""
        error: dict[str, Any] = json.loads(self.body)["error"]
        (detail,) = error["details"]
        assert set(error) == {"code", "message", "details"}
        assert detail["message"] == error["message"]
        message, reports = REPORT.subn("", error["message"])
        assert reports == 1
        return self.status, error["code"], detail["code"], message


async def _elsewhere(_scope: Scope, _receive: Receive, send: Send) -> None:
    await reply(send, 404, [], b"elsewhere")


class Stage(Door):
    """One server for all tests of this file, whose publish route each test sets."""

    def __init__(self, port: int) -> None:
        super().__init__(None, _elsewhere)
        self.port = port

    def play(self, engine: Engine, **members: Any) -> None:
        """Serve the publish route of this engine."""
        self.publish = PublishApi(
            publisher=engine.publisher, topics=engine.router.topics, **members
        )


@dataclass
class Site:
    """A server with one topic, a client, and the router behind it."""

    flow: Flow
    stage: Stage
    http: aiohttp.ClientSession

    @property
    def host(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.stage.port}"

    async def send(
        self,
        method: str = "POST",
        path: str = "/topics/orders/api/events",
        *,
        key: str | None = KEY,
        body: Any = None,
        **headers: str,
    ) -> Reply:
        """One request; by default a publication of one event with the right key."""
        if key is not None:
            headers["aeg-sas-key"] = key
        data = a_body() if body is None and method == "POST" else body
        url = f"http://{self.host}{path}"
        async with self.http.request(method, url, data=data, headers=headers) as response:
            replied = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, replied, await response.read())

    @property
    def accepted(self) -> int:
        """How many events are in the log."""
        return self.flow.store.extent().end

    @property
    def failures(self) -> dict[tuple[str, str], int]:
        """How many requests were refused, by what `PublishFailCount` tells them apart."""
        return self.flow.observation.metrics.topic(TOPIC).failures


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    """A server on a free port."""
    listener = bind("127.0.0.1", 0, "--http-port")
    stage = Stage(listener.getsockname()[1])
    async with listening(stage, [listener], None, Grace(1)):
        yield stage


async def _store(*topics: Topic) -> MemoryStore:
    store = MemoryStore(max_bytes=CAP)
    await store.commit([Put(TOPICS, t.incarnation, msgspec.json.encode(t)) for t in topics])
    return store


@pytest_asyncio.fixture(loop_scope="module")
async def site(stage: Stage) -> AsyncIterator[Site]:
    """A topic `orders` behind the server."""
    flow = await start(await _store(TOPIC), VirtualClock(), TOPIC, Limits(max_bytes=CAP))
    stage.play(flow.engine)
    async with aiohttp.ClientSession() as http:
        yield Site(flow, stage, http)


# --- accepted ----------------------------------------------------------------------------------


async def test_accepted_publication_is_answered_with_an_empty_200(site: Site) -> None:
    """The body is empty; the headers name the request and the version."""
    answer = await site.send(body=a_body(an_event(), an_event()))

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["api-supported-versions"] == "2018-01-01"
    assert len(answer.headers["x-ms-request-id"]) == 36
    assert "server" not in answer.headers
    assert site.accepted == 2


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/topics/orders/api/events", "localhost"),
        ("/topics/orders/api/events?api-version=2018-01-01", "localhost"),
        ("/topics/ORDERS/API/Events/", "localhost"),
        ("/topics/orders/api/events", "other.eventgrid.localhost"),
        ("/api/events", "orders.eventgrid.localhost"),
        ("/api/events", "ORDERS.EventGrid.localhost:8080"),
        ("/api/events/", "localhost"),
        ("/API/EVENTS?api-version=2018-01-01", "switchhook:8443"),
        ("/api/events", "[::1]:8080"),
    ],
)
async def test_topic_is_named_by_path_by_host_or_by_key(site: Site, path: str, host: str) -> None:
    """In any case, and with a slash at the end."""
    answer = await site.send(path=path, Host=host)

    assert answer.status == 200
    assert site.accepted == 1


@pytest.mark.parametrize("key", [KEY, SECOND_KEY])
async def test_either_key_is_accepted(site: Site, key: str) -> None:
    """Both are always valid."""
    assert (await site.send(key=key)).status == 200


@pytest.mark.parametrize("path", ["/topics/orders/api/events", "/api/events"])
@pytest.mark.parametrize("name", ["aeg-sas-key", "AEG-SAS-KEY"])
async def test_key_may_come_in_the_query(site: Site, path: str, name: str) -> None:
    """As the articles show; the header wins when there are both."""
    query = f"?api-version=2018-01-01&{name}={quote(KEY, safe='')}"

    assert (await site.send(path=path + query, key=None)).status == 200
    assert (await site.send(path=path + query, key="d3Jvbmc=")).status == 401


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "x"])
async def test_content_type_is_not_looked_at(site: Site, content_type: str) -> None:
    """The schema of the topic alone decides."""
    answer = await site.send(**{"Content-Type": content_type})

    assert answer.status == 200


async def test_body_may_come_in_chunks(site: Site) -> None:
    """Without a length, and split anywhere."""
    body = a_body(*(an_event() for _ in range(100)))

    async def chunks() -> AsyncIterator[bytes]:
        for begin in range(0, len(body), 1000):
            yield body[begin : begin + 1000]

    assert (await site.send(body=chunks())).status == 200
    assert site.accepted == 100


async def test_empty_array_is_accepted(site: Site) -> None:
    """There is nothing to store."""
    assert (await site.send(body=b"[]")).status == 200
    assert site.accepted == 0


# --- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/topics/orders/api/events", "/api/events"])
async def test_request_without_a_key_is_unauthorized(site: Site, path: str) -> None:
    """The message names the ways to sign."""
    answer = await site.send(path=path, key=None)

    assert answer.error == (401, "Unauthorized", "Unauthorized", NO_KEY)


@pytest.mark.parametrize("path", ["/topics/orders/api/events", "/api/events"])
async def test_empty_key_is_a_bad_request(site: Site, path: str) -> None:
    """In the header as in the query."""
    expected = (400, "BadRequest", "InvalidSas", "Request must have a value for aeg-sas-key.")

    assert (await site.send(path=path, key="")).error == expected
    assert (await site.send(path=path + "?aeg-sas-key=", key=None)).error == expected


@pytest.mark.parametrize("path", ["/topics/orders/api/events", "/api/events"])
@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (base64.b64encode(b"c" * 32).decode(), ""),
        ("not base64!", " This is due to the reason: The input is not a valid Base-64 string as"),
        ("schl\xfcssel", " This is due to the reason: The input is not a valid Base-64 string as"),
    ],
)
async def test_wrong_key_is_unauthorized(site: Site, path: str, key: str, reason: str) -> None:
    """The host stands in upper case; no `Retry-After`, or the SDK would try again."""
    answer = await site.send(path=path, key=key)

    *codes, message = answer.error
    assert codes == [401, "Unauthorized", "Unauthorized"]
    assert message.startswith(
        f"The request authorization key is not authorized for {site.host}.{reason}"
    )
    assert "retry-after" not in answer.headers
    assert site.accepted == 0


async def test_key_of_another_topic_is_unauthorized(site: Site) -> None:
    """A key opens its own topic only."""
    other = a_topic(incarnation="t2", name="invoices", keys=("b3RoZXI=", "b3RoZXIy"))
    site.flow.engine.router.add_topic(other)

    assert (await site.send(key="b3RoZXI=")).status == 401
    assert (await site.send(path="/topics/invoices/api/events", key="b3RoZXI=")).status == 200


async def test_key_of_two_topics_names_neither(site: Site) -> None:
    """At the bare path it is refused; with a name it opens either."""
    site.flow.engine.router.add_topic(a_topic(incarnation="t2", name="invoices"))

    assert (await site.send(path="/api/events")).status == 401
    assert (await site.send(path="/topics/invoices/api/events")).status == 200
    assert (await site.send(path="/api/events", Host="orders.eventgrid.localhost")).status == 200


# --- paths and methods -------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost:8443", "unknown.eventgrid.localhost"])
async def test_unknown_topic_is_not_found(site: Site, host: str) -> None:
    """Whatever the key; the message names the address."""
    path = "/api/events" if host.startswith("unknown") else "/topics/unknown/api/events"

    answer = await site.send(path=path, Host=host)

    assert answer.error == (
        404,
        "NotFound",
        "ResourceNotFound",
        f"No HTTP resource was found that matches the request URI 'http://{host}{path}'.",
    )


@pytest.mark.parametrize(
    "path", ["/api/event", "/api/events/x", "/topics/orders", "/topics//api/events", "/"]
)
async def test_other_paths_belong_to_others(site: Site, path: str) -> None:
    """The publish route takes its own only."""
    answer = await site.send(path=path)

    assert (answer.status, answer.body) == (404, b"elsewhere")


async def test_options_name_the_schema(site: Site) -> None:
    """Without a key."""
    answer = await site.send("OPTIONS", key=None)

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["allow"] == "POST, OPTIONS"
    assert answer.headers["api-supported-versions"] == "2018-01-01"
    assert answer.headers["aeg-input-event-schema"] == "EventGridEvent"
    assert "x-ms-request-id" in answer.headers


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        (EventSchema.EVENT_GRID, "EventGridEvent"),
        (EventSchema.CLOUD_EVENTS, "CloudEventV10"),
        (EventSchema.CUSTOM, "CustomEvent"),
    ],
)
async def test_options_name_the_schema_of_the_topic(
    site: Site, schema: EventSchema, name: str
) -> None:
    """As far as the address tells which topic it is."""
    site.flow.engine.router.add_topic(a_topic(input_schema=schema))

    named = await site.send("OPTIONS", key=None)
    bare = await site.send("OPTIONS", "/api/events", key=None)

    assert named.headers["aeg-input-event-schema"] == name
    assert bare.headers["aeg-input-event-schema"] == "EventGridEvent"


async def test_head_is_not_found(site: Site) -> None:
    """As the live service answers it."""
    answer = await site.send("HEAD")

    assert (answer.status, answer.body) == (404, b"")


async def test_channel_of_a_partner_is_refused_by_name(site: Site) -> None:
    """Its events would not go where their publisher thinks; an empty header names none."""
    refused = await site.send(**{"aeg-channel-name": "news"})
    accepted = await site.send(**{"aeg-channel-name": ""})

    assert refused.error == (
        400,
        "BadRequest",
        "BadRequest",
        "The 'aeg-channel-name' header names the channel 'news', but channels belong to partner "
        "events, which are not supported. Publish without a channel.",
    )
    assert site.failures == {("BadRequest", "BadRequest"): 1}
    assert (accepted.status, site.accepted) == (200, 1)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_not_allowed(site: Site, method: str) -> None:
    """`Allow` names those that are."""
    answer = await site.send(method)

    assert answer.headers["allow"] == "OPTIONS, POST"
    assert answer.error == (
        405,
        "MethodNotAllowed",
        "MethodNotAllowed",
        f"The requested resource does not support http method '{method}'.",
    )


# --- bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Unexpected end when reading JSON."),
        (b"[{", "The JSON received is not valid: Input data was truncated."),
        (b"\xff", "The JSON received is not valid: "),
        (b"[" * 100_000, "The JSON received is nested too deeply."),
        (
            json.dumps(an_event()).encode(),
            "This resource is configured to receive event in 'EventGridEvent' schema. The JSON "
            "received does not conform to the expected schema. Token Expected: StartArray, Actual "
            "Token Received: StartObject.",
        ),
        (
            a_body(an_event(subject=None)),
            "This resource is configured for 'EventGridEvent' schema and requires 'subject' "
            "property to be set.",
        ),
        (
            b'[{"\\ud800":1}]',
            "This resource is configured for 'EventGridEvent' schema. Received unexpected "
            "property '\\ud800' in JSON",
        ),
    ],
)
async def test_wrong_body_is_a_bad_request(site: Site, body: bytes, message: str) -> None:
    """With the words of the schema's rules; nothing of it is stored."""
    answer = await site.send(body=body)

    *codes, text = answer.error
    assert codes == [400, "BadRequest", "InputJsonInvalid"]
    assert text.startswith(message)
    assert site.accepted == 0


async def test_permanent_refusals_ask_nobody_to_repeat(site: Site) -> None:
    """The SDKs repeat whatever has a `Retry-After`, even a 400."""
    answers = [
        await site.send(body=b"{}"),
        await site.send(key=None),
        await site.send(path="/topics/unknown/api/events"),
        await site.send("PUT"),
        await site.send(body=io.BytesIO(b" " * (MAX_BODY_BYTES + 1))),
    ]
    site.flow.engine.router.add_topic(a_topic(input_schema=EventSchema.CLOUD_EVENTS))
    answers.append(await site.send(**{"Content-Type": "text/plain"}))

    assert [answer.status for answer in answers] == [400, 401, 404, 405, 413, 415]
    assert all("retry-after" not in answer.headers for answer in answers)


async def test_one_wrong_event_refuses_the_whole_request(site: Site) -> None:
    """All or none."""
    answer = await site.send(body=a_body(an_event(), an_event(id=None)))

    assert answer.status == 400
    assert site.accepted == 0


async def test_foreign_topic_is_unauthorized(site: Site) -> None:
    """An event may name its topic, which must be this one."""
    own = await site.send(body=a_body(an_event(topic=RESOURCE_ID)))
    foreign = await site.send(body=a_body(an_event(topic=RESOURCE_ID + "2")))

    assert own.status == 200
    assert foreign.error[:3] == (401, "Unauthorized", "Unauthorized")


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_body_over_the_limit_is_too_large(site: Site, is_chunked: bool) -> None:
    """Told by its length, or once it has grown too long; the server lives on."""
    body = b" " * (MAX_BODY_BYTES + 1)

    async def chunks() -> AsyncIterator[bytes]:
        yield body[:-1]
        yield body[-1:]

    answer = await site.send(body=chunks() if is_chunked else io.BytesIO(body))
    after = await site.send()

    assert answer.error == (
        413,
        "RequestEntityTooLarge",
        "PayloadTooLarge",
        "The maximum size (1048576) has been exceeded.",
    )
    assert after.status == 200
    assert site.failures == {("PayloadTooLarge", "RequestEntityTooLarge"): 1}


async def test_body_at_the_limit_is_accepted(site: Site) -> None:
    """1 MiB, and 5,000 events."""
    event = b'{"id":"1","subject":"s","eventType":"t","eventTime":"e"}'
    largest = b"[" + b",".join([event] * 5000) + b"]"

    assert (await site.send(body=io.BytesIO(largest.ljust(MAX_BODY_BYTES)))).status == 200
    assert site.accepted == 5000


async def test_too_many_events_are_too_large(site: Site) -> None:
    """One more than 5,000."""
    event = b'{"id":"1","subject":"s","eventType":"t","eventTime":"e"}'

    answer = await site.send(body=b"[" + b",".join([event] * 5001) + b"]")

    assert answer.error[:3] == (413, "RequestEntityTooLarge", "PayloadTooLarge")


# --- the other schemas -------------------------------------------------------------------------


async def _logged(site: Site) -> list[tuple[EventSchema, Any]]:
    """What the log holds: a schema and an array for each request."""
    batches = [appended.batch for appended in await site.flow.store.read_from(0)]
    return [(batch.schema, json.loads(batch.body)) for batch in batches]


async def test_cloud_events_come_in_three_ways(site: Site) -> None:
    """One, a batch, or one whose attributes are headers: the log has arrays of one form."""
    site.flow.engine.router.add_topic(a_topic(input_schema=EventSchema.CLOUD_EVENTS))
    event = a_cloud_event(data={"größe": 1})
    attributes = {f"ce-{n}": quote(v, safe="/") for n, v in event.items() if n != "data"}

    answers = [
        await site.send(body=json.dumps(event), **{"Content-Type": "application/cloudevents+json"}),
        await site.send(
            body=a_body(event), **{"Content-Type": "application/cloudevents-batch+json"}
        ),
        await site.send(
            body=json.dumps(event["data"]), **{"Content-Type": "application/json"}, **attributes
        ),
    ]

    assert [answer.status for answer in answers] == [200, 200, 200]
    in_headers = event | {"datacontenttype": "application/json"}
    schema = EventSchema.CLOUD_EVENTS
    assert await _logged(site) == [(schema, [event]), (schema, [event]), (schema, [in_headers])]


async def test_content_type_decides_on_a_topic_of_cloud_events(site: Site) -> None:
    """Another is refused, and so is the other kind of JSON."""
    site.flow.engine.router.add_topic(a_topic(input_schema=EventSchema.CLOUD_EVENTS))
    body = a_body(a_cloud_event())

    other = await site.send(body=body, **{"Content-Type": "text/plain"})
    plain = await site.send(body=body, **{"Content-Type": "application/json"})

    assert other.error[:3] == (415, "UnsupportedMediaType", "InvalidContentType")
    assert plain.error == (
        400,
        "BadRequest",
        "InputJsonInvalid",
        "This resource is configured to receive event in 'CloudEventV10' schema. The JSON received "
        "does not conform to the expected schema. Token Expected: StartObject, Actual Token "
        "Received: StartArray.",
    )
    assert site.accepted == 0


async def test_missing_header_of_a_cloud_event_is_named(site: Site) -> None:
    """With the link to the rules."""
    site.flow.engine.router.add_topic(a_topic(input_schema=EventSchema.CLOUD_EVENTS))

    answer = await site.send(
        body="{}", **{"Content-Type": "application/json", "ce-specversion": "1.0"}
    )

    *codes, message = answer.error
    assert codes == [400, "BadRequest", "InvalidCloudEventHeader"]
    assert message.startswith("ce-id header is missing for the cloud event. ")


async def test_custom_events_are_kept_as_they_came(site: Site) -> None:
    """Found by the ids that the topic's mapping gives them."""
    mapping = InputMapping(id=FieldMapping(source_field="key"))
    topic = a_topic(input_schema=EventSchema.CUSTOM, input_mapping=mapping)
    site.flow.engine.router.add_topic(topic)

    answer = await site.send(body=b'[{"key":"a"}, {"b":1}]')

    assert answer.status == 200
    assert await _logged(site) == [(EventSchema.CUSTOM, [{"key": "a"}, {"b": 1}])]
    assert await site.flow.store.find(hash_of_id("a")) == [0]


@pytest.mark.parametrize(
    ("schema", "model"),
    [
        (
            EventSchema.EVENT_GRID,
            EventGridEvent(
                subject="s", event_type="t", data={}, data_version="1.0", topic="Tenant-1"
            ),
        ),
        (EventSchema.CLOUD_EVENTS, CloudEvent(source="Tenant-1", type="t", data={"a": 1})),
    ],
)
async def test_official_client_publishes_to_a_domain(
    site: Site, schema: EventSchema, model: Any
) -> None:
    """Its models name the topic as a domain asks for it; the key names the domain."""
    domain = a_topic(input_schema=schema, kind=TopicKind.DOMAIN)
    site.flow.engine.router.add_topic(domain)

    await _publish_async(f"http://{site.host}/api/events", KEY, model)

    (appended,) = await site.flow.store.read_from(0)
    (event,) = read(appended.batch.body, schema, domain, first=0, published_at=0)
    assert event.domain_topic == "tenant-1"


@pytest.mark.parametrize("data", [{"größe": [1, None]}, "text", b"bytes", None])
async def test_official_client_publishes_cloud_events(site: Site, data: Any) -> None:
    """As its model reads them from what a delivery carries."""
    topic = a_topic(input_schema=EventSchema.CLOUD_EVENTS)
    site.flow.engine.router.add_topic(topic)
    sent: CloudEvent[Any] = CloudEvent(
        source="/shop", type="t", data=data, time=_AT, extensions={"ext": "x"}
    )

    await _publish_async(f"http://{site.host}/topics/orders/api/events", KEY, [sent, sent])

    (appended,) = await site.flow.store.read_from(0)
    schema = EventSchema.CLOUD_EVENTS
    events = list(read(appended.batch.body, schema, topic, first=0, published_at=0))
    got: CloudEvent[Any] = CloudEvent.from_json(render(events[1], schema).decode())
    assert len(events) == 2
    assert (got.id, got.source, got.type, got.time) == (sent.id, sent.source, sent.type, sent.time)
    assert (got.data, got.extensions) == (data, {"ext": "x"})


# --- trouble -----------------------------------------------------------------------------------


async def test_full_store_asks_to_try_again(site: Site) -> None:
    """503 with `Retry-After`, upon which the SDKs repeat by themselves."""
    await site.flow.subscribe()
    site.flow.transport.answer = lambda _: None
    large = a_body(an_event(data="x" * 700_000))

    answers = [await site.send(body=large) for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 503, 503]
    assert answers[-1].error[:3] == (503, "ServiceUnavailable", "ServiceUnavailable")
    assert answers[-1].headers["retry-after"] == "1"
    assert site.accepted == 2


@pytest.mark.parametrize(
    "head", [b"Content-Length: 100\r\n\r\n[{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n[{"]
)
async def test_client_that_leaves_in_the_middle_disturbs_nobody(
    site: Site, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Its half a body is forgotten, and nothing is logged as an error."""
    _, writer = await asyncio.open_connection(*site.host.split(":"))
    writer.write(b"POST /topics/orders/api/events HTTP/1.1\r\nHost: localhost\r\n")
    writer.write(b"aeg-sas-key: " + KEY.encode() + b"\r\n" + head)
    await writer.drain()
    assert (await site.send()).status == 200  # by now the server is waiting for the rest

    writer.close()
    await writer.wait_closed()

    assert (await site.send()).status == 200
    assert site.accepted == 2
    assert caplog.records == []


@pytest.mark.parametrize(
    ("hour", "text"),
    [(0, "12:05:09 AM"), (9, "9:05:09 AM"), (12, "12:05:09 PM"), (15, "3:05:09 PM")],
)
async def test_report_has_the_time_as_people_in_america_write_it(
    site: Site, hour: int, text: str
) -> None:
    """Neither month nor day nor hour is padded."""
    now = datetime(2026, 3, 1, hour, 5, 9, tzinfo=UTC)
    site.stage.play(site.flow.engine, now=lambda: now)

    answer = await site.send("GET")

    request_id = answer.headers["x-ms-request-id"]
    message: str = json.loads(answer.body)["error"]["message"]
    assert f" Report '{request_id}:0:3/1/2026 {text} (UTC)' to our forums" in message


# --- the official client -----------------------------------------------------------------------


@dataclass
class Road:
    """The whole way: a server, a running router, a real webhook."""

    endpoint: str
    receiver: Receiver


@pytest_asyncio.fixture(loop_scope="module")
async def road(stage: Stage) -> AsyncIterator[Road]:
    """Everything real but the store."""
    engine = Engine(
        store=await _store(TOPIC),
        transport=HttpTransport(allow_http=True, environ={}),
        clock=SystemClock(),
        random=lambda: 0.0,
        dead_lettering=DeadLettering(ScriptedDeadLetterStore(), SystemClock()),
    )
    await engine.start()
    running = asyncio.create_task(engine.run())
    stage.play(engine)
    async with Receiver() as receiver:
        destination = WebHookDestination(endpoint_url=receiver.url)
        engine.router.activate(a_subscription(destination=destination))
        yield Road(f"http://127.0.0.1:{stage.port}/topics/orders/api/events", receiver)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await engine.stop(1)


_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _model(number: int) -> EventGridEvent:
    return EventGridEvent(
        id=f"event-{number}",
        subject=f"orders/{number}",
        event_type="Shop.OrderPlaced",
        data={"größe": [1, None, {"a": 1.5}]},
        data_version="2.0",
        event_time=_AT,
    )


def _delivered(number: int) -> dict[str, Any]:
    return {
        "id": f"event-{number}",
        "subject": f"orders/{number}",
        "eventType": "Shop.OrderPlaced",
        "data": {"größe": [1, None, {"a": 1.5}]},
        "dataVersion": "2.0",
        "eventTime": "2026-01-01T12:00:00.000Z",
        "metadataVersion": "1",
        "topic": RESOURCE_ID,
    }


def _publish(endpoint: str, key: str, events: Any) -> None:
    with EventGridPublisherClient(endpoint, AzureKeyCredential(key), retry_total=0) as client:
        client.send(events)


async def _publish_async(endpoint: str, key: str, events: Any) -> None:
    client = AsyncEventGridPublisherClient(endpoint, AzureKeyCredential(key), retry_total=0)
    async with client:
        await client.send(events)


async def test_official_client_publishes_to_a_webhook(road: Road) -> None:
    """The blocking one: a model, models and a plain dictionary."""
    wire = {n: v for n, v in _delivered(4).items() if n not in ("topic", "metadataVersion")}

    await asyncio.to_thread(_publish, road.endpoint, KEY, _model(1))
    await asyncio.to_thread(_publish, road.endpoint, KEY, [_model(2), _model(3)])
    await asyncio.to_thread(_publish, road.endpoint, KEY, wire)
    events = await road.receiver.wait_for_events(4)

    assert sorted(events, key=lambda event: event["id"]) == [_delivered(n) for n in (1, 2, 3, 4)]


async def test_official_asynchronous_client_publishes_to_a_webhook(road: Road) -> None:
    """With the headers of a delivery."""
    await _publish_async(road.endpoint, SECOND_KEY, [_model(1)])
    (request,) = await road.receiver.wait_for(1)

    assert request.json() == [_delivered(1)]
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    aeg = {name: value for name, value in request.headers.items() if name.startswith("aeg-")}
    assert aeg == {
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "HOOK",
        "aeg-delivery-count": "0",
        "aeg-data-version": "2.0",
        "aeg-metadata-version": "1",
    }


async def test_official_client_names_what_was_wrong(road: Road) -> None:
    """Its exceptions carry our words."""
    wrong = base64.b64encode(b"wrong").decode()
    with pytest.raises(ClientAuthenticationError) as unauthorized:
        await asyncio.to_thread(_publish, road.endpoint, wrong, _model(1))
    with pytest.raises(HttpResponseError) as refused:
        await _publish_async(road.endpoint, KEY, [{"id": "1", "subject": "s"}])

    assert "The request authorization key is not authorized for" in unauthorized.value.message
    assert refused.value.status_code == 400
    assert refused.value.error is not None
    assert refused.value.error.code == "BadRequest"
    assert "requires 'eventType' property to be set" in refused.value.message
    assert road.receiver.requests == []


async def test_official_client_finds_the_topic_by_its_key(road: Road) -> None:
    """The endpoint without a topic's name is enough."""
    bare = road.endpoint.replace("/topics/orders", "")

    await _publish_async(bare, KEY, _model(1))

    assert await road.receiver.wait_for_events(1) == [_delivered(1)]
