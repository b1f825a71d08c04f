"""A schema of the publisher's own: any JSON objects, read by the topic's mapping.

Source: input-mappings.md; azure-mgmt-eventgrid 10.4.0, JsonField and JsonFieldWithDefault.
"""

import uuid
from collections.abc import Iterator

import msgspec

from switchhook.clock import to_text
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.schemas import domain_topics, json_text, refusals
from switchhook.grid.schemas.json_text import Members
from switchhook.grid.topics import FieldMapping, InputMapping, Topic, TopicKind

_SCHEMA = EventSchema.CUSTOM
# Every sample maps a top-level property. Whether a path such as `resource.id` is followed is not
# documented; it is read as one where no property has the whole name.
FOLLOWS_PATHS = True
# What becomes of an event that lacks the mapped property, where there is no default, is not
# documented. Type and subject are what subscriptions filter by: an event without them could only
# get lost unseen, so that its publisher is told. A version may be absent in every schema.
REFUSES_MISSING = ("event_type", "subject")

_NAMESPACE = uuid.UUID("6f0b3a2e-5d0c-4d5e-9c1e-3f0c8a4b7d21")

_texts = msgspec.json.Decoder(list[msgspec.Raw])


def check(body: bytes, topic: Topic) -> list[str]:
    """The ids of the events in a request's body; "" where one is given by the position only.

    Raises:
        RequestError: 400 naming what the mapping misses, 401 for a foreign topic, 413 over a limit.
    """
    json_text.check(body)
    mapping = topic.input_mapping or InputMapping()
    ids = []
    for members in json_text.objects(body, _SCHEMA):
        _check_topic(_value(members, mapping.topic), topic)
        for name in REFUSES_MISSING:
            _check_found(members, getattr(mapping, name))
        _value(members, mapping.event_time)
        _value(members, mapping.data_version)
        ids.append(_value(members, mapping.id) or "")
    if len(ids) > json_text.MAX_EVENTS:
        raise json_text.too_many()
    return ids


def _check_topic(named: str | None, topic: Topic) -> None:
    if topic.kind is TopicKind.DOMAIN:
        if not named:
            raise refusals.requires(_SCHEMA, "topic")
        domain_topics.check(named, topic)
    elif named and named != topic.resource_id:
        raise refusals.foreign_topic(named)


def _check_found(members: Members, field: FieldMapping) -> None:
    if _value(members, field) is None and field.source_field:
        raise refusals.requires(_SCHEMA, field.source_field)


def read(body: bytes, topic: Topic, *, first: int, published_at: int) -> Iterator[Event]:
    """The events of a checked body, the same each time.

    An event without an id has one that its position determines, one without a time that of its
    publication.
    """
    mapping = topic.input_mapping or InputMapping()
    published = to_text(published_at)
    for position, text in enumerate(_texts.decode(body), first):
        members = json_text.members(text)
        named = _value(members, mapping.topic) or ""
        is_domain = topic.kind is TopicKind.DOMAIN
        yield Event(
            _value(members, mapping.id) or _generated_id(topic, position),
            _value(members, mapping.event_type) or "",
            _value(members, mapping.subject) or "",
            _value(members, mapping.data_version) or "",
            bytes(text),
            domain_topics.resource_id(named, topic) if is_domain else topic.resource_id,
            _SCHEMA,
            domain_topics.domain_topic(named, topic) if is_domain else "",
            _value(members, mapping.event_time) or published,
        )


def _generated_id(topic: Topic, position: int) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{topic.incarnation}/{position}"))


def _value(members: Members, field: FieldMapping) -> str | None:
    """What the mapping finds, or its default: null is as good as absent.

    A number or a truth value is taken as its JSON text, since attributes are texts.
    """
    found = _find(members, field.source_field) if field.source_field else None
    kind = "Null" if found is None else json_text.token(found)
    if found is None or kind == "Null":
        return field.default_value
    if kind in ("StartObject", "StartArray"):
        json_text.expect(kind, "String", _SCHEMA, field.source_field or "")
    return json_text.string(found) if kind == "String" else bytes(found).decode()


def _find(members: Members, name: str) -> msgspec.Raw | None:
    if name in members or not FOLLOWS_PATHS:
        return members.get(name)
    head, _, rest = name.partition(".")
    inner = members.get(head)
    if not rest or inner is None or json_text.token(inner) != "StartObject":
        return None
    return _find(json_text.members(inner), rest)
