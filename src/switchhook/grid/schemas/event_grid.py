"""The Event Grid event schema: what may be published, and what of it is routed.

Source: event-schema.md (May 2023), edge/api.md.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from switchhook.errors import RequestError
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.schemas import domain_topics, json_text, refusals
from switchhook.grid.schemas.json_text import Members
from switchhook.grid.topics import Topic, TopicKind

_SCHEMA = EventSchema.EVENT_GRID
_DOMAIN, _SYSTEM = TopicKind.DOMAIN, TopicKind.SYSTEM
# "Missing-property check order" of the live service.
_REQUIRED = ("subject", "id", "eventType", "eventTime")
_METADATA_VERSION = "1"
_METADATA_STAMP = b',"metadataVersion":"1"'


class AcceptedEvent(msgspec.Struct, frozen=True, gc=False):
    """What of an accepted event is routed or stamped, where null is not the same as absent."""

    id: str
    subject: str
    eventType: str  # noqa: N815  the wire's name
    dataVersion: str | UnsetType | None = UNSET  # noqa: N815
    metadataVersion: str | UnsetType | None = UNSET  # noqa: N815
    topic: str | UnsetType | None = UNSET


class WireEvent(AcceptedEvent, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An event as published. Absent and null are the same for every optional member."""

    eventTime: str  # noqa: N815
    data: msgspec.Raw = msgspec.Raw(b"")


class ServiceEvent(AcceptedEvent, frozen=True, gc=False):
    """An event of a service of ours, which knows its text: it is not looked for in a body."""

    text: bytes = b""


_event = msgspec.json.Decoder(WireEvent)
_events = msgspec.json.Decoder(list[WireEvent])
# What of checked events is routed or stamped.
envelopes = msgspec.json.Decoder(list[AcceptedEvent]).decode
envelope = msgspec.json.Decoder(AcceptedEvent).decode
_texts = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def check(body: bytes, topic: Topic) -> list[WireEvent]:
    """The events in a request's body, which may be delivered as they are.

    Raises:
        RequestError: 400 naming the first wrong property, 401 for a foreign `topic`, 413 over a
            limit.
    """
    try:
        if not body.isascii():
            json_text.check_encoding(body)
        events = _events.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise _explain(body, problem) from problem
    if len(events) > json_text.MAX_EVENTS:
        raise json_text.too_many()
    is_domain = topic.kind is _DOMAIN
    may_be_deep = False
    for event in events:
        version = event.metadataVersion
        if version != _METADATA_VERSION and version is not UNSET and version is not None:
            raise refusals.requires(_SCHEMA, "metadataVersion", f"'{_METADATA_VERSION}'")
        if event.topic or is_domain:
            _check_topic(event.topic, topic)
        if len(event.data) > json_text.SHALLOW_BYTES:  # nothing but data has levels
            may_be_deep = True
    if may_be_deep:
        json_text.refuse_depth(body)
    return events


def _check_topic(named: str | UnsetType | None, topic: Topic) -> None:
    if not named:
        raise refusals.requires(_SCHEMA, "topic")
    if topic.kind is _DOMAIN:
        domain_topics.check(named, topic)
    elif named != topic.resource_id:
        raise refusals.foreign_topic(named)


def read(
    body: bytes, topic: Topic, checked: Sequence[AcceptedEvent] | None = None
) -> Iterator[Event]:
    """The events of a checked body, with the members stamped that the service owes. `checked` is
    what `check` has made of it, where that is known.

    `topic`, `dataVersion` and `metadataVersion` are appended where the publisher left them out, as
    in the articles' samples of delivered events; everything else stays as it was published. In a
    domain the bare name of a topic gives way to its full id. A service may write the id of its
    resource in letters of another case: what it wrote stays.
    """
    is_domain = topic.kind is _DOMAIN
    is_service = topic.kind is _SYSTEM
    source, domain_topic = topic.resource_id, ""
    ends = _ends(source)
    wires = checked or envelopes(body)
    texts: Iterable[bytes]
    if len(wires) == 1:  # its text is all between the brackets
        texts = (body[body.index(b"{") : body.rindex(b"}") + 1],)
    elif wires and isinstance(wires[0], ServiceEvent):
        texts = [event.text for event in cast(Sequence[ServiceEvent], wires)]
    else:
        texts = map(bytes, _texts.decode(body))
    for wire, text in zip(wires, texts, strict=True):
        if is_domain:
            named = wire.topic or ""
            source = domain_topics.resource_id(named, topic)
            domain_topic = domain_topics.domain_topic(named, topic)
            ends = _ends(source)
        elif is_service:
            source = wire.topic or topic.resource_id
        yield Event(
            wire.id,
            wire.eventType,
            wire.subject,
            wire.dataVersion or "",
            _stamped(text, wire, source, ends),
            source,
            _SCHEMA,
            domain_topic,
        )


def parse(text: bytes) -> WireEvent:
    """One event, as `read` gives it."""
    return _event.decode(text)


@lru_cache(maxsize=1024)
def _ends(source: str) -> tuple[bytes, bytes]:
    """How the text of an event ends that has no `topic`: with `metadataVersion`, and without."""
    end = b',"topic":' + _encode(source) + b"}"
    return end, _METADATA_STAMP + end


def _stamped(text: bytes, wire: AcceptedEvent, source: str, ends: tuple[bytes, bytes]) -> bytes:
    version, metadata, named = wire.dataVersion, wire.metadataVersion, wire.topic
    if version is None or metadata is None or (named is not UNSET and named != source):
        text = _without_stamped(text, wire, source)
        return _stamped(text, envelope(text), source, ends)
    if named is UNSET:
        end = ends[metadata is UNSET]
    elif metadata is UNSET:
        end = _METADATA_STAMP + b"}"
    elif version is UNSET:
        end = b"}"
    else:
        return text
    body = text[:-1].rstrip()
    return body + end if version is not UNSET else body + b',"dataVersion":""' + end


def _without_stamped(text: bytes, wire: AcceptedEvent, source: str) -> bytes:
    """Drop what a stamp replaces, so that no member stands twice."""
    values = {
        "dataVersion": wire.dataVersion is None,
        "metadataVersion": wire.metadataVersion is None,
        "topic": wire.topic != source,
    }
    members = msgspec.json.decode(text, type=Members)
    return _encode({n: v for n, v in members.items() if not values.get(n)})


# --- errors: the same body once more, slowly, to name the first thing wrong ----------------------


def _explain(body: bytes, problem: Exception) -> RequestError:
    if not body.strip():
        return refusals.invalid(json_text.EMPTY)
    if isinstance(problem, RecursionError):
        return refusals.invalid(json_text.TOO_DEEP)
    try:
        # More patient than the decoder, so that it can name what that one stumbled over.
        events = json.loads(body)
    except RecursionError:
        return refusals.invalid(json_text.TOO_DEEP)
    except ValueError:
        return refusals.not_valid(problem)
    if not isinstance(events, list):
        return _wrong_token("StartArray", events)
    wrong = next(filter(None, map(_first_wrong, events)), None)
    return wrong or refusals.not_valid(problem)


def _first_wrong(event: Any) -> RequestError | None:
    if not isinstance(event, dict):
        return _wrong_token("StartObject", event)
    for name, value in event.items():
        if name not in WireEvent.__struct_fields__:
            return refusals.unexpected(_SCHEMA, name)
        if name != "data" and value is not None and not isinstance(value, str):
            return _wrong_token("String", value, name)
    for name in _REQUIRED:
        if event.get(name) is None:
            return refusals.requires(_SCHEMA, name)
    return None


def _wrong_token(expected: str, value: Any, name: str = "") -> RequestError:
    actual = _TOKENS[type(value)]
    return refusals.wrong_token(_SCHEMA, expected=expected, actual=actual, name=name)


_TOKENS = {
    list: "StartArray",
    dict: "StartObject",
    str: "String",
    bool: "Boolean",
    int: "Integer",
    float: "Float",
    type(None): "Null",
}
