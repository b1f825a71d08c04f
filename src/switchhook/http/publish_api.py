"""The publish route of Event Grid: `POST .../api/events`.

A topic or domain is named by the path (`/topics/<topic>/api/events`,
`/domains/<domain>/api/events`), by the host (`<name>.eventgrid.localhost`), or, at the bare
`/api/events` of any other host, by the access key or the resource of the shared access signature.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec

from switchhook.clock import from_datetime, to_dotnet_text
from switchhook.errors import RequestError, StoreError
from switchhook.grid.access_keys import TopicDirectory
from switchhook.grid.events import EventSchema
from switchhook.grid.publish import Ended, Publisher
from switchhook.grid.publish_access import Credential, PublishAccess, VerifyToken, not_found
from switchhook.grid.schemas import json_text, refusals
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.topics import Topic
from switchhook.guids import Guids
from switchhook.http.publish_head import PublishHead
from switchhook.http.web_pages import check_page
from switchhook.tracing.model import Tracing

_CLOUD_EVENTS = EventSchema.CLOUD_EVENTS
_CHANNEL = b"aeg-channel-name"

_log = logging.getLogger(__name__)

API_VERSION = "2018-01-01"

_UNAVAILABLE = RequestError(503, "ServiceUnavailable", "The event store is not available.")
_BUG = RequestError(500, "InternalServerError", "The server met an error of its own.")

_OK = f"HTTP/1.1 200 OK\r\napi-supported-versions: {API_VERSION}\r\n"
_EMPTY = f"{_OK}content-length: 0\r\nx-ms-request-id: "


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What goes back: the lines of status and headers that this answer has for itself; a body."""

    head: bytes
    body: bytes = b""


class PublishApi:
    """Answers the publish route: first the head of a request, then its body."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        topics: TopicDirectory,
        verify_token: VerifyToken | None = None,
        tracing: Tracing | None = None,
        new_guid: Callable[[], str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._publisher = publisher
        self._topics = topics
        self._access = PublishAccess(topics, verify_token)
        self._tracing = tracing or Tracing()
        self._new_guid = new_guid or Guids().new
        self._now = now

    def begin(self, head: PublishHead) -> Topic | Answer:
        """The topic that the request may publish to, or the answer to one that needs no body."""
        try:
            match head.method:
                case b"POST":
                    name, key = head.target.name, head.fields.get(b"aeg-sas-key")
                    topic = None
                    if name is not None and key is not None and b"origin" not in head.fields:
                        topic = self._topics.opened_by_key(name, key)
                    return topic or self._authorize(head)
                case b"OPTIONS":
                    return self._options(head)
                case b"HEAD":
                    raise not_found(head.target.uri)
                case method:
                    raise RequestError(
                        405,
                        "MethodNotAllowed",
                        "The requested resource does not support http method "
                        f"'{method.decode('ascii')}'.",
                        details_code="MethodNotAllowed",
                    )
        except Exception as error:  # noqa: BLE001 - whoever asks is told
            return self._refusal(error)

    def publish(self, topic: Topic, head: PublishHead, body: bytes, ended: Ended) -> None:
        """Publish the events of a request to a topic that `begin` has named.

        `ended` is called once, at once or when they are durable, with what `answer_to` answers.
        """
        try:
            channel = (head.field(_CHANNEL) or "") if _CHANNEL in head.fields else ""
            if topic.input_schema is _CLOUD_EVENTS:
                content_type, attributes = head.field(b"content-type"), head.cloud_event_headers()
                request = PublishRequest(body, content_type, attributes, channel)
            else:  # its headers say nothing of its events
                request = PublishRequest(body, channel=channel)
            if self._tracing.is_on:
                self._publish_traced(topic, head, request, ended)
            else:
                self._publisher.submit(topic, request, "", ended)
        except Exception as error:  # noqa: BLE001 - whoever asks is told
            ended(error)

    def answer_to(self, error: Exception | None) -> Answer:
        """What whoever has published is told in the end."""
        if error is None:
            return Answer(f"{_EMPTY}{self._new_guid()}\r\n".encode())
        return self._refusal(error)

    def too_large(self, topic: Topic) -> Answer:
        """The answer to a body over the limit, which need not be read."""
        error = json_text.too_large()
        self._publisher.observation.refused(topic, error)
        return self._refusal(error)

    def _publish_traced(
        self, topic: Topic, head: PublishHead, request: PublishRequest, ended: Ended
    ) -> None:
        span = self._tracing.on_publish(head.headers, topic.name)

        def traced(error: Exception | None) -> None:
            if error is None:
                span.__exit__(None, None, None)
            else:
                span.__exit__(type(error), error, error.__traceback__)
            ended(error)

        self._publisher.submit(topic, request, span.__enter__(), traced)

    def _options(self, head: PublishHead) -> Answer:
        """Names the schema of the topic that the address names; without one, the usual one."""
        topic = self._named(head)
        schema = refusals.WIRE_NAMES[topic.input_schema if topic else EventSchema.EVENT_GRID]
        lines = f"allow: POST, OPTIONS\r\naeg-input-event-schema: {schema}\r\n"
        return Answer(f"{_EMPTY}{self._new_guid()}\r\n{lines}".encode())

    def _named(self, head: PublishHead) -> Topic | None:
        """The topic that the address names, if it names one that there is."""
        name = head.target.name
        return self._topics.at(name) if name else None

    def _authorize(self, head: PublishHead) -> Topic:
        try:
            permission = self._access.authorize(head.access_request())
            if permission.credential is not Credential.ACCESS_TOKEN:
                check_page(head.field(b"origin"), permission.topic.keys or ())
            return permission.topic
        except RequestError as error:
            topic = self._named(head)
            if topic is not None:
                self._publisher.observation.refused(topic, error)
            raise

    # --- refusals ---------------------------------------------------------------------------------

    def _refusal(self, problem: Exception) -> Answer:
        match problem:
            case RequestError():
                error = problem
            case StoreError():
                error = _UNAVAILABLE
            case _:
                _log.error("publish.failed", exc_info=problem)
                error = _BUG
        request_id = self._new_guid()
        body = _error_body(error, self._report(request_id))
        lines = [
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}",
            "content-type: application/json; charset=utf-8",
            f"x-ms-request-id: {request_id}",
            f"content-length: {len(body)}",
        ]
        if error.status == 405:
            lines.append("allow: OPTIONS, POST")
        if error.status == 503:
            # The client may try again: with Retry-After the SDKs repeat a POST by themselves.
            lines.append("retry-after: 1")
        return Answer("".join(f"{line}\r\n" for line in lines).encode(), body)

    def _report(self, request_id: str) -> str:
        """The end of every error message of the live service."""
        time = to_dotnet_text(from_datetime(self._now()))
        return (
            f" Report '{request_id}:0:{time} (UTC)' to our forums for assistance or raise a "
            "support ticket."
        )


def _error_body(error: RequestError, report: str) -> bytes:
    message = error.message + report
    details = [{"code": error.details_code or error.code, "message": message}]
    body: dict[str, Any] = {"code": error.code, "message": message, "details": details}
    return msgspec.json.encode({"error": body})
