"""How does a request carry CloudEvents: one, a batch, or one whose attributes are headers?

Source: cloud-event-schema.md (May 2023); CloudEvents 1.0.2, HTTP protocol binding. What the live
service makes of the other content types is taken from AzureEventGridSimulator.
"""

from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from switchhook.errors import RequestError
from switchhook.grid.events import EventSchema
from switchhook.grid.schemas import cloud_events, json_text, refusals

_SCHEMA = EventSchema.CLOUD_EVENTS
_EVENT = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
# A request under this type is one event too, in the structured mode.
_PLAIN = "application/json"
# The binary mode: the article says that topics do not take it; the live service is reported to
# (AzureEventGridSimulator), as long as the data is JSON. The report is followed; an empty tuple
# would follow the article.
BINARY_DATA_TYPES: tuple[str, ...] = (_PLAIN,)

_CHARSETS = ("", "utf-8", "utf8")
_REQUIRED_HEADERS = ("specversion", "id", "source", "type")


def array(body: bytes, content_type: str | None, headers: tuple[tuple[str, str], ...]) -> bytes:
    """The events of a request as a JSON array, which is still to be checked.

    Raises:
        RequestError: 400 for a wrong header or another kind of JSON, 413 over the limit, 415 for a
            content type that CloudEvents do not have.
    """
    media_type = _media_type(content_type or "")
    attributes = _attributes(headers)
    if any(name in attributes for name in _REQUIRED_HEADERS):
        _check_binary(media_type, attributes)
        return b"[" + _structured(body, content_type or "", attributes) + b"]"
    if media_type == _BATCH:
        return body
    if media_type not in (_EVENT, _PLAIN):
        raise refusals.wrong_content_type()
    json_text.check(body)
    json_text.expect(json_text.token(body), "StartObject", _SCHEMA)
    return b"[" + body + b"]"


def _media_type(content_type: str) -> str:
    """The type in lower case, without parameters; "" if it is in another charset than UTF-8."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    pairs = dict(_pair(parameter) for parameter in parameters)
    return media_type if pairs.get("charset", "") in _CHARSETS else ""


def _pair(parameter: str) -> tuple[str, str]:
    name, _, value = parameter.partition("=")
    return name.strip(), value.strip().strip('"')


# --- the binary mode -----------------------------------------------------------------------------


def _attributes(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The `ce-` headers by the names of their attributes; the first of a name counts."""
    named = {name.removeprefix("ce-"): value for name, value in reversed(headers)}
    return {name: unquote(value) for name, value in named.items()}


def _check_binary(media_type: str, attributes: Mapping[str, str]) -> None:
    if media_type in (_EVENT, _BATCH):
        raise refusals.invalid(
            "The request has 'ce-' headers, which belong to the binary content mode, together with "
            f"the Content-Type '{media_type}' of the structured content mode."
        )
    if media_type not in BINARY_DATA_TYPES:
        raise refusals.wrong_content_type()
    wrong = _wrong_header(attributes)
    if wrong is not None:
        raise wrong


def _wrong_header(attributes: Mapping[str, str]) -> RequestError | None:
    for name in _REQUIRED_HEADERS:
        if not attributes.get(name):
            problem = "is empty" if name in attributes else "is missing"
            return refusals.wrong_header(f"ce-{name}", problem)
    if attributes["specversion"] != cloud_events.SPEC_VERSION:
        return refusals.wrong_header("ce-specversion", f"is not '{cloud_events.SPEC_VERSION}'")
    if "datacontenttype" in attributes:
        return refusals.wrong_header("ce-datacontenttype", "stands in the place of Content-Type")
    if "time" in attributes and not cloud_events.is_time(attributes["time"]):
        return refusals.wrong_header("ce-time", "is not a timestamp of RFC 3339")
    known = (*cloud_events.REQUIRED, *cloud_events.OPTIONAL)
    for name in attributes:
        if name not in known and not cloud_events.is_extension_name(name):
            return refusals.wrong_header(f"ce-{name}", "is not the name of an attribute")
    return None


def _structured(body: bytes, content_type: str, attributes: Mapping[str, str]) -> bytes:
    """The event as one JSON object; a request without a body is one without data."""
    members: dict[str, str | msgspec.Raw] = {**attributes, "datacontenttype": content_type}
    if body.strip():
        json_text.check(body)
        members["data"] = msgspec.Raw(body)
    event = msgspec.json.encode(members)
    if len(event) > json_text.MAX_BODY_BYTES:
        raise json_text.too_large()
    return event
