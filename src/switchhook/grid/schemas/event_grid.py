"""The Event Grid event schema: what may be published, and what is delivered.

Source: event-schema.md (May 2023), edge/api.md; error texts as quoted in
azure-sdk-for-python#16055, onefuzz#3285 and by AzureEventGridSimulator.
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from switchhook.errors import RequestError
from switchhook.grid.events import Event
from switchhook.grid.topics import Topic

# event-schema.md: "1 MB per array and per event"; the limit is read as 2**20 bytes.
MAX_BODY_BYTES = 1 << 20
# includes/limits.md (Nov 2023), events per request.
MAX_EVENTS = 5000

# "Missing-property check order" of the live service.
_REQUIRED = ("subject", "id", "eventType", "eventTime")
_METADATA_VERSION = "1"
# How much deeper the stack may be when an accepted body is read again: decoding is recursive.
_SPARE_DEPTH = 100


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An event as published. Absent and null are the same for every optional member."""

    id: str
    subject: str
    eventType: str  # noqa: N815  the wire's name
    eventTime: str  # noqa: N815
    data: msgspec.Raw = msgspec.Raw(b"")
    dataVersion: str | None = None  # noqa: N815
    metadataVersion: str | None = None  # noqa: N815
    topic: str | None = None


_events = msgspec.json.Decoder(list[_Wire])
_texts = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(msgspec.Raw)
_encode = msgspec.json.Encoder().encode


def check(body: bytes, topic: Topic) -> list[str]:
    """The ids of the events in a request's body, which may be delivered as they are.

    Raises:
        RequestError: 400 naming the first wrong property, 401 for a foreign `topic`, 413 over a
            limit.
    """
    if len(body) > MAX_BODY_BYTES:
        raise _error(413, f"The maximum size ({MAX_BODY_BYTES}) has been exceeded.")
    try:
        # The decoder leaves the text of `data` unread, so that it would let broken UTF-8 pass.
        if not body.isascii():
            body.decode()
        events = _events.decode(body)
        _text.decode(b"[" * _SPARE_DEPTH + body + b"]" * _SPARE_DEPTH)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise _explain(body, problem) from problem
    if len(events) > MAX_EVENTS:
        raise _error(413, f"The maximum number of events ({MAX_EVENTS}) has been exceeded.")
    for event in events:
        if event.metadataVersion not in (None, _METADATA_VERSION):
            raise _unexpected(f"requires 'metadataVersion' property to be '{_METADATA_VERSION}'.")
        if event.topic and event.topic != topic.resource_id:
            raise _error(401, f"The event's topic '{event.topic}' is not that of this resource.")
    return [event.id for event in events]


def read(body: bytes, topic: Topic) -> Iterator[Event]:
    """The events of a checked body, with the members stamped that the service owes.

    `topic`, `dataVersion` and `metadataVersion` are appended where the publisher left them out, as
    in the articles' samples of delivered events; everything else stays as it was published.
    """
    resource_id = topic.resource_id
    stamp = b',"topic":' + _encode(resource_id)
    for wire, text in zip(_events.decode(body), _texts.decode(body), strict=True):
        yield Event(
            wire.id,
            wire.eventType,
            wire.subject,
            wire.dataVersion or "",
            _stamp(text, wire, stamp),
            resource_id,
        )


def _stamp(text: msgspec.Raw, wire: _Wire, topic: bytes) -> bytes:
    absent = b""
    if wire.dataVersion is None:
        absent += b',"dataVersion":""'
    if wire.metadataVersion is None:
        absent += b',"metadataVersion":"1"'
    if not wire.topic:
        absent += topic
    whole = bytes(text)
    if not absent:
        return whole
    if wire.topic == "" or b"null" in whole:
        whole = _without_unset(whole)
    return whole[:-1].rstrip() + absent + b"}"


def _without_unset(whole: bytes) -> bytes:
    """Drop stamped members that are there without a value, so that no member stands twice."""
    members = msgspec.json.decode(whole, type=dict[str, msgspec.Raw])
    kept = {n: v for n, v in members.items() if bytes(v) not in _UNSET.get(n, ())}
    return _encode(kept)


_UNSET = {
    "dataVersion": (b"null",),
    "metadataVersion": (b"null",),
    "topic": (b"null", b'""'),
}


# --- errors: the same body once more, slowly, to name the first thing wrong ----------------------


def _explain(body: bytes, problem: Exception) -> RequestError:
    if not body.strip():
        return _error(400, "Unexpected end when reading JSON.")
    too_deep = _error(400, "The JSON received is nested too deeply.")
    if isinstance(problem, RecursionError):
        return too_deep
    try:
        events = json.loads(body)
    except RecursionError:
        return too_deep
    except ValueError:
        # RecursionError's text is no use to a client; msgspec and UTF-8 errors name the place.
        return _error(400, f"The JSON received is not valid: {problem}.")
    if not isinstance(events, list):
        return _wrong_token("StartArray", events)
    for event in events:
        wrong = _first_wrong(event)
        if wrong is not None:
            return wrong
    return _error(400, f"The JSON received is not valid: {problem}.")


def _first_wrong(event: Any) -> RequestError | None:
    if not isinstance(event, dict):
        return _wrong_token("StartObject", event)
    known = _Wire.__struct_fields__
    for name, value in event.items():
        if name not in known:
            return _error(
                400,
                "This resource is configured for 'EventGridEvent' schema. Received unexpected "
                f"property '{_printable(name)}' in JSON which does not conform to the expected "
                "schema.",
            )
        if name != "data" and value is not None and not isinstance(value, str):
            return _wrong_token("String", value, name)
    for name in _REQUIRED:
        if event.get(name) is None:
            return _unexpected(f"requires '{name}' property to be set.")
    return None


def _printable(name: str) -> str:
    """The name as UTF-8 can carry it: an escape may have made half of a surrogate pair."""
    return name.encode(errors="backslashreplace").decode()


def _wrong_token(expected: str, value: Any, name: str = "") -> RequestError:
    where = f" Property '{name}'." if name else ""
    return _error(
        400,
        "This resource is configured to receive event in 'EventGridEvent' schema. The JSON "
        f"received does not conform to the expected schema. Token Expected: {expected}, Actual "
        f"Token Received: {_token(value)}.{where}",
    )


def _token(value: Any) -> str:
    """What Azure's JSON reader calls the token that begins `value`."""
    names = {list: "StartArray", dict: "StartObject", str: "String", bool: "Boolean"}
    numbers = {int: "Integer", float: "Float", type(None): "Null"}
    return (names | numbers)[type(value)]


def _unexpected(rule: str) -> RequestError:
    return _error(400, f"This resource is configured for 'EventGridEvent' schema and {rule}")


def _error(status: int, message: str) -> RequestError:
    code, details = {
        400: ("BadRequest", "InputJsonInvalid"),
        401: ("Unauthorized", "Unauthorized"),
        413: ("RequestEntityTooLarge", "PayloadTooLarge"),
    }[status]
    return RequestError(status, code, message, details_code=details)
