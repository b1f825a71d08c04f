"""From canonical values to an event: the data, the subject and the envelope of its shape."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from switchhook.communication.catalogue.lookup import find_profile
from switchhook.communication.catalogue.shapes import EVENT_TIME, Member, Shape, shape_of
from switchhook.communication.catalogue.subjects import make_subject
from switchhook.communication.resources import EventSettings

METADATA_VERSION = "1"

_ENCODER = msgspec.json.Encoder()
_NOTHING: Mapping[str, str] = {}
_MISSING = object()


def render_event(
    type_name: str,
    *,
    resource_id: str,
    settings: EventSettings,
    values: Mapping[str, Any],
    event_id: str,
    event_time: str,
    subject_values: Mapping[str, str] = _NOTHING,
    subject: str | None = None,
) -> dict[str, Any]:
    """The whole event in the Event Grid schema, its members in the order of the documents.

    `values` are the data by their current names; what they lack is left out. `subject_values` fill
    the subject where the data does not tell it; `subject` replaces it. An SMS event is known by its
    message: its `id` is `messageId`, and `event_id` counts only where the values have none.
    """
    shape = shape_of(type_name, settings)
    members = {
        "id": _identity(shape, values, event_id),
        "topic": topic_of(resource_id, first_draft=shape.has_first_draft_topic),
        "subject": _subject(shape, values, subject_values, subject),
        "data": _project(shape.members, values, event_time),
        "eventType": shape.event_type,
        "dataVersion": shape.data_version,
        "metadataVersion": METADATA_VERSION,
        "eventTime": event_time,
    }
    return {name: members[name] for name in shape.envelope}


def render_json(
    type_name: str,
    *,
    resource_id: str,
    settings: EventSettings,
    values: Mapping[str, Any],
    event_id: str,
    event_time: str,
    subject_values: Mapping[str, str] = _NOTHING,
    subject: str | None = None,
) -> bytes:
    """`render_event` as JSON text: what a `Batch` holds, in brackets."""
    return _ENCODER.encode(
        render_event(
            type_name,
            resource_id=resource_id,
            settings=settings,
            values=values,
            event_id=event_id,
            event_time=event_time,
            subject_values=subject_values,
            subject=subject,
        )
    )


@lru_cache(maxsize=1024)
def topic_of(resource_id: str, *, first_draft: bool = False) -> str:
    """The `topic` of the resource's events.

    Every public capture has the names of the resource group and the provider in lower case; what
    the user named keeps its casing. The draft of 2020-03 has no provider segment.
    """
    parts = resource_id.split("/")
    if len(parts) != 9:  # not an ARM id of a Communication resource: as it was given
        return resource_id
    _, _, subscription, _, group, _, _, _, name = parts
    if first_draft:
        return (
            f"/subscriptions/{subscription}/resourceGroups/{group}"
            f"/Microsoft.CommunicationServices/{name}"
        )
    return (
        f"/subscriptions/{subscription}/resourcegroups/{group}"
        f"/providers/microsoft.communication/communicationservices/{name}"
    )


def message_id(profile: str, direction: str, now: int, guid: str) -> str:
    """The id of an SMS message as the profile writes it.

    `direction` is `Incoming` or `Outgoing`. The samples until 2025-01 put it and the time before
    the GUID; the newest article has the plain GUID. Readers must take it as opaque.
    """
    if not _prefixes_message_ids(profile):
        return guid
    moment = datetime.fromtimestamp(now // 1_000_000_000, UTC)
    return f"{direction}_{moment:%Y%m%d%H%M%S}{guid}"


@lru_cache(maxsize=64)
def _prefixes_message_ids(profile: str) -> bool:
    return find_profile(profile).prefixed_message_ids


def _identity(shape: Shape, values: Mapping[str, Any], event_id: str) -> str:
    if shape.id_is_message_id:
        return str(values.get("messageId") or event_id)
    return event_id


def _subject(
    shape: Shape, values: Mapping[str, Any], given: Mapping[str, str], whole: str | None
) -> str:
    if whole is not None:
        return whole
    return make_subject(shape.event_type, shape.subject, values, given)


def _project(
    members: tuple[Member, ...], values: Mapping[str, Any], event_time: str
) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for member in members:
        value = _MISSING if member.key is None else values.get(member.key, _MISSING)
        if value is _MISSING:
            value = _read(member, values, event_time)
            if value is _MISSING:
                continue
        if member.members and value is not None:
            value = _inside(member, value, event_time)
        elif member.convert is not None:
            value = member.convert(value)
        data[member.name] = value
    return data


def _inside(member: Member, value: Any, event_time: str) -> Any:
    if member.is_array:
        return [_project(member.members, item, event_time) for item in value]
    return _project(member.members, value, event_time)


def _read(member: Member, values: Mapping[str, Any], event_time: str) -> Any:
    if member.constant is not None:
        return member.constant
    for path in member.paths:
        first = path[0]
        if len(path) == 1:
            if first in values:
                return values[first]
            if first == EVENT_TIME:
                return event_time
            continue
        value: Any = values
        for name in path:
            value = value.get(name, _MISSING) if isinstance(value, Mapping) else _MISSING
        if value is not _MISSING:
            return value
    return _MISSING
