"""The way back: from a published event to the canonical values that it was made of.

The rendering tests feed a published event's values, in scrambled order, into the catalogue and want
the event back. A member that the shape does not know stops the way back, so nothing passes unseen.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from switchhook.communication.catalogue.render import render_event
from switchhook.communication.catalogue.shapes import EVENT_TIME, Member, Shape, shape_of
from switchhook.communication.catalogue.subjects import Pattern
from switchhook.communication.resources import EventSettings
from switchhook.errors import RequestError


def load_event(path: Path) -> dict[str, Any]:
    """The one event of a published array."""
    (event,) = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(event, dict)
    return event


def render_again(
    event: Mapping[str, Any], settings: EventSettings, under: EventSettings | None = None
) -> dict[str, Any]:
    """The catalogue's event of the same type, time, resource and values.

    `event` was made with `settings`; it is made again `under` others where they are given.
    """
    shape = shape_of(event["eventType"], settings)
    values = read_values(shape.members, event["data"])
    settings = under or settings
    arguments: dict[str, Any] = {
        "resource_id": event["topic"],
        "settings": settings,
        "values": values,
        "event_id": event["id"],
        "event_time": event["eventTime"],
    }
    try:
        derived = render_event(event["eventType"], **arguments)
    except RequestError:
        derived = {}
    if derived.get("subject") == event["subject"]:
        return derived
    # Articles put placeholders into subjects: take the text that stands for each variable.
    variables = read_subject(shape.subject, event["subject"])
    return render_event(event["eventType"], subject_values=variables, **arguments)


def read_values(members: tuple[Member, ...], data: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical values behind `data`, in an order that is not the rendered one."""
    known = {member.name: member for member in members}
    assert not set(data) - set(known), f"unknown members: {set(data) - set(known)}"
    values: dict[str, Any] = {}
    for name in reversed(list(data)):
        member = known[name]
        if member.constant is None and member.paths[0] != (EVENT_TIME,):
            _put(values, member.paths[0], _read_value(member, data[name]))
    return values


def read_subject(pattern: Pattern, subject: str) -> dict[str, str]:
    """What stands for each variable of the pattern."""
    pieces = [re.escape(pattern.literals[0])]
    for variable, literal in zip(pattern.variables, pattern.literals[1:], strict=True):
        pieces += [f"(?P<{variable}>[^/]*)", re.escape(literal)]
    match = re.fullmatch("".join(pieces), subject)
    assert match is not None, f"{subject} is not of the form {pattern.literals}"
    return match.groupdict()


def shape_in_words(event: Any) -> Any:
    """Names, their order, and JSON types; texts and numbers by type, as lists of pairs."""
    if isinstance(event, dict):
        return [(name, shape_in_words(value)) for name, value in event.items()]
    if isinstance(event, list):
        return ["array", *(shape_in_words(item) for item in event)]
    if event is None or isinstance(event, bool):
        return "null" if event is None else "boolean"
    return "string" if isinstance(event, str) else "number"


def assert_same(event: Mapping[str, Any], again: Mapping[str, Any], shape: Shape) -> None:
    """Same members, order, types and values; topics compare without regard to casing."""
    expected = {**event, "topic": event["topic"].lower()}
    actual = {**again, "topic": again["topic"].lower()}
    assert json.dumps(actual) == json.dumps(expected), shape.event_type


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value


def _read_value(member: Member, value: Any) -> Any:
    if member.members and value is not None:
        if member.is_array:
            return [read_values(member.members, item) for item in value]
        return read_values(member.members, value)
    match member.conversion:
        case "plain" if value.isdecimal() and len(value) > 6:
            return f"+{value}"
        case "text":
            return int(value)
        case "zulu":
            return value.removesuffix("Z") + "+00:00"
        case "duration" if minutes := re.fullmatch(r"PT(\d+)M", value):
            return int(minutes[1]) * 60
        case "draft-status":
            return value.replace("Success", "Delivered")
        case "draft-details":
            return value.replace("Message sent successfully", "No error.")
        case _:
            return value
