"""The publish route of Event Grid: `POST .../api/events`.

An ASGI application without a framework, so that it can move closer to the socket one day. A topic
or domain is named by the path (`/topics/<topic>/api/events`, `/domains/<domain>/api/events`), by
the host (`<name>.eventgrid.localhost`), or, at the bare `/api/events` of any other host, by the
access key or the resource of the shared access signature.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from switchhook.clock import from_datetime, to_dotnet_text
from switchhook.errors import RequestError, StoreError
from switchhook.grid.access_keys import TopicDirectory
from switchhook.grid.endpoint_names import is_publish_path, name_in
from switchhook.grid.events import EventSchema
from switchhook.grid.publish import Publisher
from switchhook.grid.publish_access import (
    AccessRequest,
    Credential,
    Permission,
    PublishAccess,
    VerifyToken,
    not_found,
)
from switchhook.grid.schemas import refusals
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.schemas.json_text import MAX_BODY_BYTES
from switchhook.grid.topics import Topic
from switchhook.http.asgi import Receive, Scope, Send, header, read_body, reply
from switchhook.http.web_pages import check_page
from switchhook.tracing.model import Tracing

API_VERSION = "2018-01-01"


_UNAVAILABLE = RequestError(503, "ServiceUnavailable", "The event store is not available.")


class PublishApi:
    """Answers the publish route."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        topics: TopicDirectory,
        verify_token: VerifyToken | None = None,
        tracing: Tracing | None = None,
        new_guid: Callable[[], uuid.UUID] = uuid.uuid4,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._publisher = publisher
        self._topics = topics
        self._access = PublishAccess(topics, verify_token)
        self._tracing = tracing or Tracing()
        self._new_guid = new_guid
        self._now = now

    @staticmethod
    def serves(path: str) -> bool:
        """Whether the path is that of a publish route."""
        return is_publish_path(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = str(self._new_guid())
        try:
            headers = await self._answer(scope, receive)
        except RequestError as error:
            await self._refuse(send, request_id, error)
        except StoreError:
            await self._refuse(send, request_id, _UNAVAILABLE)
        else:
            await reply(send, 200, [*headers, (b"x-ms-request-id", request_id.encode())], b"")

    async def _refuse(self, send: Send, request_id: str, error: RequestError) -> None:
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"x-ms-request-id", request_id.encode()),
        ]
        if error.status == 405:
            headers.append((b"allow", b"OPTIONS, POST"))
        if error.status == 503:
            # The client may try again: with Retry-After the SDKs repeat a POST by themselves.
            headers.append((b"retry-after", b"1"))
        await reply(send, error.status, headers, _error_body(error, self._report(request_id)))

    async def _answer(self, scope: Scope, receive: Receive) -> list[tuple[bytes, bytes]]:
        """Do what is asked; answer the headers of a 200."""
        versions = (b"api-supported-versions", API_VERSION.encode())
        match scope["method"]:
            case "POST":
                topic = self._authorize(scope).topic
                request = await self._read(topic, scope, receive)
                with self._tracing.on_publish(scope["headers"], topic.name) as traceparent:
                    await self._publisher.publish(topic, request, traceparent)
                return [versions]
            case "OPTIONS":
                schema = (b"aeg-input-event-schema", self._input_schema(scope))
                return [(b"allow", b"POST, OPTIONS"), versions, schema]
            case "HEAD":
                raise not_found(_uri(scope))
            case method:
                raise RequestError(
                    405,
                    "MethodNotAllowed",
                    f"The requested resource does not support http method '{method}'.",
                    details_code="MethodNotAllowed",
                )

    def _input_schema(self, scope: Scope) -> bytes:
        """The schema of the topic that the address names; without such a topic, the usual one."""
        topic = self._named(scope)
        return refusals.WIRE_NAMES[topic.input_schema if topic else EventSchema.EVENT_GRID].encode()

    def _named(self, scope: Scope) -> Topic | None:
        """The topic that the address names, if it names one that there is."""
        name = name_in(header(scope, b"host") or "", scope["path"])
        return self._topics.at(name) if name else None

    def _authorize(self, scope: Scope) -> Permission:
        """The topic that the request may publish to, and the kind of its credential."""
        try:
            permission = self._access.authorize(self._request(scope))
            if permission.credential is not Credential.ACCESS_TOKEN:
                check_page(header(scope, b"origin"), permission.topic.keys or ())
            return permission
        except RequestError as error:
            topic = self._named(scope)
            if topic is not None:
                self._publisher.observation.refused(topic, error)
            raise

    def _request(self, scope: Scope) -> AccessRequest:
        client = scope.get("client")
        return AccessRequest(
            host=header(scope, b"host") or "",
            path=scope["path"],
            client=client[0] if client else "",
            uri=_uri(scope),
            key=_access_key(scope),
            sas_token=header(scope, b"aeg-sas-token"),
            authorization=header(scope, b"authorization"),
        )

    async def _read(self, topic: Topic, scope: Scope, receive: Receive) -> PublishRequest:
        body = await read_body(scope, receive, MAX_BODY_BYTES)
        if body is None:
            error = refusals.too_large(f"The maximum size ({MAX_BODY_BYTES}) has been exceeded.")
            self._publisher.observation.refused(topic, error)
            raise error
        attributes = tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
            if name.startswith(b"ce-")
        )
        channel = header(scope, b"aeg-channel-name") or ""
        return PublishRequest(body, header(scope, b"content-type"), attributes, channel)

    def _report(self, request_id: str) -> str:
        """The end of every error message of the live service."""
        time = to_dotnet_text(from_datetime(self._now()))
        return (
            f" Report '{request_id}:0:{time} (UTC)' to our forums for assistance or raise a "
            "support ticket."
        )


def _access_key(scope: Scope) -> str | None:
    key = header(scope, b"aeg-sas-key")
    if key is None and b"aeg-sas-key" in scope["query_string"].lower():
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return next((v[0] for name, v in query.items() if name.lower() == "aeg-sas-key"), None)
    return key


def _uri(scope: Scope) -> str:
    return f"{scope['scheme']}://{header(scope, b'host') or ''}{scope['path']}"


def _error_body(error: RequestError, report: str) -> bytes:
    message = error.message + report
    details = [{"code": error.details_code or error.code, "message": message}]
    body: dict[str, Any] = {"code": error.code, "message": message, "details": details}
    return msgspec.json.encode({"error": body})
