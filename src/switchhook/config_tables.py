"""What do the resource tables of the configuration file ask for?

`[[communication]]`, `[[numbers]]`, `[[topics]]`, `[[domains]]` and `[[subscriptions]]`: each entry
becomes the name and the body of the request that `switchhook.config_file` makes of it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, time
from typing import Any

import msgspec

from switchhook import defaults
from switchhook.config_keys import KEY, read_key, refuse_shared_keys
from switchhook.errors import StartError
from switchhook.grid.resources.ids import COMMUNICATION, EVENT_GRID, local_id
from switchhook.grid.resources.records import AUTO_CREATE, AUTO_DELETE

Entry = Mapping[str, Any]

_FILTER = (
    "includedEventTypes",
    "subjectBeginsWith",
    "subjectEndsWith",
    "isSubjectCaseSensitive",
    "advancedFilters",
    "enableAdvancedFilteringOnArrays",
)
_WEBHOOK = (
    "maxEventsPerBatch",
    "preferredBatchSizeInKilobytes",
    "deliveryAttributeMappings",
    "azureActiveDirectoryTenantId",
    "azureActiveDirectoryApplicationIdOrUri",
)
_RETRY = ("maxDeliveryAttempts", "eventTimeToLiveInMinutes")
_OTHER = ("eventDeliverySchema", "expirationTimeUtc", "labels")
_DEAD_LETTER = "deadLetterDestination"
_SETTINGS = ("profile", "orderedBy", "deduplicationWindow", "marksReplays")
_EVENT_SETTINGS = "eventSettings"
_SOURCES = ("topic", "domain", "communication")
_TOPIC_PROPERTIES = (
    "inputSchema",
    "inputSchemaMapping",
    "disableLocalAuth",
    "publicNetworkAccess",
    "inboundIpRules",
    "minimumTlsVersionAllowed",
    "dataResidencyBoundary",
)
_DOMAIN_PROPERTIES = (*_TOPIC_PROPERTIES, AUTO_CREATE, AUTO_DELETE)


class NumberEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A number that a Communication Services resource shall own."""

    resource_id: str
    number: str
    body: dict[str, Any]


class ResourceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A topic, domain or Communication Services resource that shall exist.

    `topics` are those that a domain shall have at least; `event_settings` those of the settings of
    a Communication Services resource's events that shall be so. `key` is the first access key, ""
    for one that is made.
    """

    resource_id: str
    name: str
    body: dict[str, Any]
    topics: tuple[str, ...] = ()
    event_settings: dict[str, Any] = {}
    key: str = ""


class SubscriptionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An event subscription that shall be as `body` says; of its delivery settings those that are
    in `settings`."""

    source_id: str
    name: str
    body: dict[str, Any]
    settings: dict[str, Any]


class ConfigTables(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the file asks for, in the order in which it is made."""

    communication: tuple[ResourceEntry, ...] = ()
    numbers: tuple[NumberEntry, ...] = ()
    topics: tuple[ResourceEntry, ...] = ()
    domains: tuple[ResourceEntry, ...] = ()
    subscriptions: tuple[SubscriptionEntry, ...] = ()


def read_tables(tables: Mapping[str, Sequence[Entry]]) -> ConfigTables:
    """The tables, checked for their form; what they mean is checked when they are applied.

    Raises:
        StartError: an entry lacks a name, or has a key that nobody reads.
    """
    tables = _plain(tables)
    entries = tables.get("communication", ())
    communication = tuple(_read_communication(entry) for entry in entries)
    numbers = [_read_number(entry) for entry in tables.get("numbers", ())]
    for entry in entries:
        numbers.extend(_numbers_of(entry))
    found = ConfigTables(
        communication=communication,
        numbers=tuple(numbers),
        topics=tuple(map(_read_topic, tables.get("topics", ()))),
        domains=tuple(map(_read_domain, tables.get("domains", ()))),
        subscriptions=tuple(map(_read_subscription, tables.get("subscriptions", ()))),
    )
    _refuse_twins(found)
    return found


def _refuse_twins(tables: ConfigTables) -> None:
    """Nobody could say which of two entries for one resource is meant."""
    for table, entries in (
        ("communication", tables.communication),
        ("topics", tables.topics),
        ("domains", tables.domains),
    ):
        _refuse_twin(table, ((entry.resource_id, entry.name) for entry in entries))
    refuse_shared_keys((entry.name, entry.key) for entry in tables.communication)
    _refuse_twin("numbers", ((n.resource_id, n.number) for n in tables.numbers))
    _refuse_twin("subscriptions", ((each.source_id, each.name) for each in tables.subscriptions))


def _refuse_twin(table: str, entries: Iterable[tuple[str, str]]) -> None:
    seen = set()
    for place, name in entries:
        # Azure's names do not regard case.
        if (key := (place.lower(), name.lower())) in seen:
            of = f" of '{place}'" if table == "subscriptions" else ""
            raise StartError(f"[[{table}]] '{name}'{of} is there twice: remove one of the entries")
        seen.add(key)


def _read_communication(entry: Entry) -> ResourceEntry:
    known = {"numbers", "dataLocation", "tags", _EVENT_SETTINGS, KEY}
    name = _check(entry, "communication", known)
    properties = {key: entry[key] for key in ("dataLocation",) if key in entry}
    event_settings = entry.get(_EVENT_SETTINGS, {})
    if not isinstance(event_settings, dict):
        raise StartError(f"'{_EVENT_SETTINGS}' of [[communication]] '{name}' must be a table")
    return ResourceEntry(
        resource_id=_communication_id(name),
        name=name,
        body={"location": "global", "properties": properties, "tags": entry.get("tags")},
        event_settings=event_settings,
        key=read_key(entry, "communication", defaults.COMMUNICATION_NAME),
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
    name = _check(entry, "topics", {"location", "tags", KEY, *_TOPIC_PROPERTIES})
    body = _topic_body(entry, _TOPIC_PROPERTIES)
    key = read_key(entry, "topics", defaults.TOPIC_NAME)
    return ResourceEntry(resource_id=_topic_id(name), name=name, body=body, key=key)


def _read_domain(entry: Entry) -> ResourceEntry:
    name = _check(entry, "domains", {"location", "tags", "topics", KEY, *_DOMAIN_PROPERTIES})
    topics = entry.get("topics", [])
    if not isinstance(topics, list) or not all(isinstance(text, str) for text in topics):
        raise StartError(f"'topics' of [[domains]] '{name}' must be an array of strings")
    body = _topic_body(entry, _DOMAIN_PROPERTIES)
    return ResourceEntry(
        resource_id=_domain_id(name),
        name=name,
        body=body,
        topics=tuple(topics),
        key=read_key(entry, "domains"),
    )


def _topic_body(entry: Entry, known: Collection[str]) -> dict[str, Any]:
    properties = {key: entry[key] for key in known if key in entry}
    rules = properties.get("inboundIpRules")
    if isinstance(rules, list):
        properties["inboundIpRules"] = [
            {"ipMask": rule} if isinstance(rule, str) else rule for rule in rules
        ]
    if "inputSchemaMapping" in properties:
        properties["inputSchemaMapping"] = {
            "inputSchemaMappingType": "Json",
            "properties": properties["inputSchemaMapping"],
        }
    body = {key: entry[key] for key in ("location", "tags") if key in entry}
    return {**body, "properties": properties}


def _read_subscription(entry: Entry) -> SubscriptionEntry:
    known = {*_SOURCES, "domainTopic", "endpoint", "validate", _DEAD_LETTER}
    known |= {*_FILTER, *_WEBHOOK, *_RETRY, *_OTHER, *_SETTINGS}
    name = _check(entry, "subscriptions", known)
    sources = [f"'{key}'" for key in _SOURCES if key in entry]
    if len(sources) > 1:
        raise StartError(f"[[subscriptions]] '{name}' has both {' and '.join(sources)}")
    if "domainTopic" in entry and "domain" not in entry:
        raise StartError(f"[[subscriptions]] '{name}' has a 'domainTopic' of no 'domain'")
    validate = entry.get("validate", True)
    if not isinstance(validate, bool):
        raise StartError(f"'validate' of [[subscriptions]] '{name}' must be true or false")
    webhook = {"endpointUrl": entry.get("endpoint"), **_given(entry, _WEBHOOK)}
    properties = {
        "destination": {"endpointType": "WebHook", "properties": webhook},
        "filter": _given(entry, _FILTER),
        "retryPolicy": _given(entry, _RETRY),
        **_given(entry, _OTHER),
    }
    if _DEAD_LETTER in entry:
        container = entry[_DEAD_LETTER]
        properties[_DEAD_LETTER] = {"endpointType": "StorageBlob", "properties": container}
    return SubscriptionEntry(
        source_id=_source_id(entry),
        name=name,
        body={"properties": properties},
        settings={"validateEndpoint": validate, **_given(entry, _SETTINGS)},
    )


def _given(entry: Entry, keys: Sequence[str]) -> dict[str, Any]:
    return {key: entry[key] for key in keys if key in entry}


def _source_id(entry: Entry) -> str:
    if "topic" in entry:
        return _topic_id(str(entry["topic"]))
    if "domain" in entry:
        below = f"/topics/{entry['domainTopic']}" if "domainTopic" in entry else ""
        return _domain_id(str(entry["domain"])) + below
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
    """The value as JSON has it: TOML has dates and times of its own."""
    if isinstance(value, date | time):  # a `datetime` is a `date`
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _topic_id(name: str) -> str:
    return local_id(f"{EVENT_GRID}/topics", name)


def _domain_id(name: str) -> str:
    return local_id(f"{EVENT_GRID}/domains", name)


def _communication_id(name: str) -> str:
    return local_id(f"{COMMUNICATION}/CommunicationServices", name)
