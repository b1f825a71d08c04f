"""What do the resource tables of the configuration file ask for?

`[[communication]]`, `[[numbers]]`, `[[topics]]` and `[[subscriptions]]`: each entry becomes the
name and the body of the request that `switchhook.config_file` makes of it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from switchhook import defaults
from switchhook.errors import StartError
from switchhook.grid.resources.ids import COMMUNICATION, EVENT_GRID, local_id

Entry = Mapping[str, Any]

_FILTER = ("includedEventTypes", "subjectBeginsWith", "subjectEndsWith", "isSubjectCaseSensitive")
_RETRY = ("maxDeliveryAttempts", "eventTimeToLiveInMinutes")
_OTHER = ("expirationTimeUtc", "labels")


class NumberEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A number that a Communication Services resource shall own."""

    resource_id: str
    number: str
    body: dict[str, Any]


class ResourceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A topic or a Communication Services resource that shall exist."""

    resource_id: str
    name: str
    body: dict[str, Any]


class SubscriptionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An event subscription that shall be as `body` says."""

    source_id: str
    name: str
    body: dict[str, Any]
    validate: bool


class ConfigTables(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the file asks for, in the order in which it is made."""

    communication: tuple[ResourceEntry, ...] = ()
    numbers: tuple[NumberEntry, ...] = ()
    topics: tuple[ResourceEntry, ...] = ()
    subscriptions: tuple[SubscriptionEntry, ...] = ()


def read_tables(tables: Mapping[str, Sequence[Entry]]) -> ConfigTables:
    """The tables, checked for their form; what they mean is checked when they are applied.

    Raises:
        StartError: an entry lacks a name, or has a key that nobody reads.
    """
    communication = tables.get("communication", ())
    numbers = [_read_number(entry) for entry in tables.get("numbers", ())]
    for entry in communication:
        numbers.extend(_numbers_of(entry))
    return ConfigTables(
        communication=tuple(_read_communication(entry) for entry in communication),
        numbers=tuple(numbers),
        topics=tuple(_read_topic(entry) for entry in tables.get("topics", ())),
        subscriptions=tuple(_read_subscription(entry) for entry in tables.get("subscriptions", ())),
    )


def _read_communication(entry: Entry) -> ResourceEntry:
    name = _check(entry, "communication", {"numbers", "dataLocation", "tags"})
    properties = {key: entry[key] for key in ("dataLocation",) if key in entry}
    return ResourceEntry(
        resource_id=_communication_id(name),
        name=name,
        body={"location": "global", "properties": properties, "tags": entry.get("tags")},
    )


def _numbers_of(entry: Entry) -> list[NumberEntry]:
    numbers = entry.get("numbers", [])
    if not isinstance(numbers, list) or not all(isinstance(text, str) for text in numbers):
        raise StartError("'numbers' in [[communication]] must be an array of strings")
    resource_id = _communication_id(str(entry["name"]))
    return [NumberEntry(resource_id=resource_id, number=text, body={}) for text in numbers]


def _read_number(entry: Entry) -> NumberEntry:
    number = _check(entry, "numbers", {"communication", "kind"}, name="number")
    owner = str(entry.get("communication", defaults.COMMUNICATION_NAME))
    body = {"properties": {"kind": entry.get("kind")}}
    return NumberEntry(resource_id=_communication_id(owner), number=number, body=body)


def _read_topic(entry: Entry) -> ResourceEntry:
    name = _check(entry, "topics", {"location", "tags"})
    body = {key: entry[key] for key in ("location", "tags") if key in entry}
    return ResourceEntry(resource_id=_topic_id(name), name=name, body=body)


def _read_subscription(entry: Entry) -> SubscriptionEntry:
    known = {"topic", "communication", "endpoint", "validate", *_FILTER, *_RETRY, *_OTHER}
    name = _check(entry, "subscriptions", known)
    if "topic" in entry and "communication" in entry:
        raise StartError(f"[[subscriptions]] '{name}' has both 'topic' and 'communication'")
    validate = entry.get("validate", True)
    if not isinstance(validate, bool):
        raise StartError(f"'validate' of [[subscriptions]] '{name}' must be true or false")
    destination = {
        "endpointType": "WebHook",
        "properties": {"endpointUrl": entry.get("endpoint")},
    }
    properties = {
        "destination": destination,
        "filter": {key: entry[key] for key in _FILTER if key in entry},
        "retryPolicy": {key: entry[key] for key in _RETRY if key in entry},
        **{key: _plain(entry[key]) for key in _OTHER if key in entry},
    }
    return SubscriptionEntry(
        source_id=_source_id(entry), name=name, body={"properties": properties}, validate=validate
    )


def _source_id(entry: Entry) -> str:
    if "topic" in entry:
        return _topic_id(str(entry["topic"]))
    return _communication_id(str(entry.get("communication", defaults.COMMUNICATION_NAME)))


def _check(entry: Entry, table: str, known: Collection[str], *, name: str = "name") -> str:
    if not isinstance(entry, Mapping):
        raise StartError(f"[[{table}]] must be a table")
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise StartError(f"[[{table}]] needs '{name}', a text")
    for key in entry:
        if key != name and key not in known:
            raise StartError(
                f"unknown key '{key}' in [[{table}]] '{value}': "
                f"it can have {', '.join(sorted({name, *known}))}"
            )
    return value


def _plain(value: Any) -> Any:
    """TOML has times of its own."""
    return value.isoformat() if isinstance(value, datetime) else value


def _topic_id(name: str) -> str:
    return local_id(f"{EVENT_GRID}/topics", name)


def _communication_id(name: str) -> str:
    return local_id(f"{COMMUNICATION}/CommunicationServices", name)
