"""CloudEvents 1.0: what may be published, and what of it is routed.

Source: cloud-event-schema.md (May 2023); CloudEvents 1.0.2, the specification and its JSON format.
An accepted event is delivered as it came, with its extension attributes.
"""

import base64
import re
from collections.abc import Iterator
from datetime import datetime

import msgspec

from switchhook.errors import RequestError
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.schemas import domain_topics, json_text, refusals
from switchhook.grid.schemas.json_text import Members
from switchhook.grid.topics import Topic, TopicKind

_SCHEMA = EventSchema.CLOUD_EVENTS
SPEC_VERSION = "1.0"
# In the order in which the live service looks for them, under the names by which it misses them.
REQUIRED = {"specversion": "specversion", "type": "eventType", "source": "source", "id": "id"}
OPTIONAL = ("subject", "time", "dataschema", "datacontenttype")
DATA = ("data", "data_base64")

_ATTRIBUTES = frozenset((*REQUIRED, *OPTIONAL))
_KNOWN = frozenset((*_ATTRIBUTES, *DATA))

_EXTENSION = re.compile(r"[a-z0-9]{1,20}")
_EXTENSION_TOKENS = ("String", "Boolean", "Integer", "Null")
_INTEGERS = (-(2**31), 2**31 - 1)
_LONGEST_INTEGER = len("-2147483648")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", flags=re.ASCII)


class _WireEvent(msgspec.Struct, frozen=True, gc=False):
    """An event without its data and its extensions. An absent attribute is the same as null."""

    specversion: str
    type: str
    source: str
    id: str
    subject: str | None = None
    time: str | None = None
    dataschema: str | None = None
    datacontenttype: str | None = None
    data_base64: str = ""


_events = msgspec.json.Decoder(list[_WireEvent])
_texts = msgspec.json.Decoder(list[msgspec.Raw])


def check(body: bytes, topic: Topic) -> list[str]:
    """The ids of the events in a JSON array, which may be delivered as they are.

    Raises:
        RequestError: 400 naming the first wrong property, 413 over a limit.
    """
    json_text.check(body)
    try:
        events = _events.decode(body)
    except msgspec.ValidationError as problem:
        raise _explain(body, problem) from problem
    if len(events) > json_text.MAX_EVENTS:
        raise json_text.too_many()
    for event, members in zip(events, json_text.objects(body, _SCHEMA), strict=True):
        for name, value in members.items():
            if name not in _KNOWN:
                _check_extension(name, value)
        _check_values(event)
        if "data_base64" in members:
            _check_data(event, members)
        if topic.kind is TopicKind.DOMAIN:
            domain_topics.check(event.source, topic)
    return [event.id for event in events]


def read(body: bytes, topic: Topic) -> Iterator[Event]:
    """The events of a checked body. In a domain the source is the name of a topic, and stays so."""
    is_domain = topic.kind is TopicKind.DOMAIN
    for wire, text in zip(_events.decode(body), _texts.decode(body), strict=True):
        yield Event(
            wire.id,
            wire.type,
            wire.subject or "",
            "",
            bytes(text),
            wire.source,
            _SCHEMA,
            domain_topics.domain_topic(wire.source, topic) if is_domain else "",
        )


def is_extension_name(name: str) -> bool:
    """Lower-case letters and digits, at most 20; not the name of an attribute or of the data."""
    return name not in _KNOWN and _EXTENSION.fullmatch(name) is not None


def is_time(text: str) -> bool:
    """Whether it is a timestamp of RFC 3339."""
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _check_extension(name: str, value: msgspec.Raw) -> None:
    """Its type is one that the specification has: a text, a truth value or a 32-bit integer."""
    if not is_extension_name(name):
        raise refusals.unexpected(_SCHEMA, name)
    kind = json_text.token(value)
    if kind not in _EXTENSION_TOKENS:
        expected = "Integer" if kind == "Float" else "String"
        json_text.expect(kind, expected, _SCHEMA, name)
    if kind == "Integer":
        low, high = _INTEGERS
        digits = bytes(value)
        if len(digits) > _LONGEST_INTEGER or not low <= int(digits) <= high:
            raise refusals.requires(_SCHEMA, name, f"between {low} and {high}")


def _check_values(event: _WireEvent) -> None:
    for name, missed_as in REQUIRED.items():
        if not getattr(event, name):
            raise refusals.requires(_SCHEMA, missed_as)
    if event.specversion != SPEC_VERSION:
        raise refusals.requires(_SCHEMA, "specversion", f"'{SPEC_VERSION}'")
    if event.time is not None and not is_time(event.time):
        raise refusals.requires(_SCHEMA, "time", "a timestamp of RFC 3339")


def _check_data(event: _WireEvent, members: Members) -> None:
    if "data" in members:
        raise refusals.requires(_SCHEMA, "data", "absent where 'data_base64' is set")
    try:
        base64.b64decode(event.data_base64, validate=True)
    except ValueError as problem:
        raise refusals.requires(_SCHEMA, "data_base64", "valid Base64") from problem


# --- errors: the same body once more, slowly, to name the first thing wrong ----------------------


def _explain(body: bytes, problem: Exception) -> RequestError:
    for members in json_text.objects(body, _SCHEMA):
        for name, value in members.items():
            _check_type(name, value)
        for name, missed_as in REQUIRED.items():
            if name not in members or json_text.token(members[name]) == "Null":
                return refusals.requires(_SCHEMA, missed_as)
    # A member that stands twice, first with a wrong value.
    return refusals.not_valid(problem)


def _check_type(name: str, value: msgspec.Raw) -> None:
    if name == "data_base64":
        json_text.expect(json_text.token(value), "String", _SCHEMA, name)
    elif name in _ATTRIBUTES:
        if (kind := json_text.token(value)) != "Null":
            json_text.expect(kind, "String", _SCHEMA, name)
    elif name not in DATA:
        _check_extension(name, value)
