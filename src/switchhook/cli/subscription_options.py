"""Which options describe an event subscription, and what body do they make?"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from switchhook.cli.arm_client import ArmClient, Body
from switchhook.cli.spans import to_server
from switchhook.errors import StartError

_SCHEMAS = ("EventGridSchema", "CloudEventSchemaV1_0", "CustomInputSchema")
_CONTAINERS = "/blobServices/default/containers/"
_PLAIN, _WRAPPED = "destination", "deliveryWithResourceIdentity"


def add_definition(parser: argparse.ArgumentParser) -> None:
    """What Azure knows of an event subscription."""
    _add_filter(parser)
    _add_delivery(parser)
    parser.add_argument("--max-delivery-attempts", type=int, metavar="N", help="1 to 30")
    parser.add_argument("--ttl", type=int, metavar="MINUTES", help="1 to 1440")
    parser.add_argument("--expires", metavar="TIME", help="such as 2030-01-01T00:00:00Z")
    parser.add_argument("--label", action="append", metavar="TEXT", help="repeat for more")
    parser.add_argument(
        "--dead-letter",
        metavar="ACCOUNT/CONTAINER",
        help="the blob container for events that are given up; instead of the account's name its "
        f"whole id may stand, followed by {_CONTAINERS}NAME",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """What Azure cannot do."""
    parser.add_argument("--profile", choices=("azure", "fast"), help="whose waits to follow")
    parser.add_argument(
        "--ordered-by", metavar="PATH", help="deliver in order per subject, or data.orderId"
    )
    parser.add_argument(
        "--deduplicate",
        metavar="DURATION",
        help="skip events with the id and source of one so long before, such as 10m; 0 for none",
    )


def definition(client: ArmClient, arguments: argparse.Namespace, before: Body) -> Body:
    """The members that were given. ARM replaces an object as a whole: what `before` has of it is
    sent along."""
    found = dict(_simple(client, arguments))
    parts = (
        ("filter", _filter(arguments)),
        (
            "retryPolicy",
            {
                "maxDeliveryAttempts": arguments.max_delivery_attempts,
                "eventTimeToLiveInMinutes": arguments.ttl,
            },
        ),
    )
    for name, given in parts:
        known = _known(given)
        if known:
            found[name] = {**(before.get(name) or {}), **known}
    return {**found, **_destination(arguments, before)}


def settings(arguments: argparse.Namespace) -> Body:
    """The delivery settings that were given."""
    return _known(
        {
            "profile": arguments.profile,
            "orderedBy": arguments.ordered_by,
            "deduplicationWindow": to_server(arguments.deduplicate),
        }
    )


def webhook_of(properties: Body) -> Body:
    """The webhook of an event subscription, in whichever form it was given."""
    plain = properties.get(_PLAIN) or properties[_WRAPPED][_PLAIN]
    found: Body = plain["properties"]
    return found


def dead_letter_of(properties: Body) -> str:
    """Where dead letters go, as `--dead-letter` takes it."""
    wrapped = properties.get("deadLetterWithResourceIdentity") or {}
    found = properties.get("deadLetterDestination") or wrapped.get("deadLetterDestination")
    if not found:
        return ""
    account, container = (found["properties"][name] for name in ("resourceId", "blobContainerName"))
    return f"{account}{_CONTAINERS}{container}"


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--type",
        nargs="+",
        action="extend",
        metavar="TYPE",
        help="an event type, or several; repeatable",
    )
    parser.add_argument("--subject-begins-with", metavar="TEXT")
    parser.add_argument("--subject-ends-with", metavar="TEXT")
    parser.add_argument("--subject-case-sensitive", action="store_true", default=None)
    parser.add_argument(
        "--advanced-filter",
        action="append",
        nargs="+",
        metavar=("KEY OPERATOR", "VALUE"),
        help="such as data.total NumberGreaterThan 10, data.city StringIn Rome Oslo or data.total "
        "NumberInRange 1,5 10,20; repeat for more",
    )
    parser.add_argument(
        "--filter-arrays",
        action=argparse.BooleanOptionalAction,
        help="let advanced filters look into arrays: one element that fits is enough",
    )


def _add_delivery(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--delivery-schema", choices=_SCHEMAS)
    parser.add_argument("--max-events-per-batch", type=int, metavar="N", help="1 to 5000")
    parser.add_argument("--preferred-batch-size", type=int, metavar="KILOBYTES", help="1 to 1024")
    for option, meaning in (
        ("--header", "a header for every delivery, as NAME=VALUE; repeat for more"),
        ("--secret-header", "the same, hidden when it is shown"),
        ("--dynamic-header", "a header from the event, as NAME=PATH"),
    ):
        parser.add_argument(option, action="append", metavar="NAME=VALUE", help=meaning)
    parser.add_argument("--entra-tenant", metavar="ID", help="of a webhook behind Microsoft Entra")
    parser.add_argument("--entra-application", metavar="ID", help="the audience of its tokens")


def _simple(client: ArmClient, arguments: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    if arguments.expires:
        yield "expirationTimeUtc", arguments.expires
    if arguments.label:
        yield "labels", arguments.label
    if arguments.delivery_schema:
        yield "eventDeliverySchema", arguments.delivery_schema
    if arguments.dead_letter:
        yield "deadLetterDestination", _dead_letter(client, arguments.dead_letter)


def _dead_letter(client: ArmClient, text: str) -> Body:
    account, found, container = text.partition(_CONTAINERS)
    if not found:
        name, slash, container = text.partition("/")
        if not (name and slash and container) or "/" in container:
            raise StartError(
                "--dead-letter takes ACCOUNT/CONTAINER, or a storage account's id and "
                f"{_CONTAINERS}NAME"
            )
        account = client.storage_account_id(name)
    return {
        "endpointType": "StorageBlob",
        "properties": {"resourceId": account, "blobContainerName": container},
    }


def _filter(arguments: argparse.Namespace) -> Body:
    advanced = arguments.advanced_filter
    return {
        "includedEventTypes": arguments.type,
        "subjectBeginsWith": arguments.subject_begins_with,
        "subjectEndsWith": arguments.subject_ends_with,
        "isSubjectCaseSensitive": arguments.subject_case_sensitive,
        "enableAdvancedFilteringOnArrays": arguments.filter_arrays,
        "advancedFilters": [_advanced(words) for words in advanced] if advanced else None,
    }


def _advanced(words: list[str]) -> Body:
    """As `az` takes it: a key, an operator, and as many values as the operator has."""
    if len(words) < 2:
        raise StartError("--advanced-filter takes a key, an operator and its values")
    key, kind, *texts = words
    name = kind.lower()
    if name.startswith("is"):
        values: Body = {}
    elif name.endswith("inrange"):
        values = {"values": list(map(_range, texts))}
    elif name in ("numberin", "numbernotin"):
        values = {"values": [_number(text) for text in texts]}
    elif name.startswith(("number", "bool")):
        values = {"value": _one(kind, texts)}
    else:
        values = {"values": texts}
    return {"operatorType": kind, "key": key, **values}


def _one(kind: str, texts: list[str]) -> object:
    if len(texts) != 1:
        raise StartError(f"--advanced-filter: {kind} takes one value")
    if kind.lower() != "boolequals":
        return _number(texts[0])
    if texts[0].lower() not in ("true", "false"):
        raise StartError(f"--advanced-filter: {kind} takes true or false")
    return texts[0].lower() == "true"


def _range(text: str) -> list[object]:
    low, comma, high = text.partition(",")
    if not comma:
        raise StartError(f"--advanced-filter: {text} is not a range such as 1,5")
    return [_number(low), _number(high)]


def _number(text: str) -> object:
    try:
        number = json.loads(text)
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise StartError(f"--advanced-filter: {text} is not a number")
    return number


def _destination(arguments: argparse.Namespace, before: Body) -> Body:
    given = _known(
        {
            "endpointUrl": arguments.endpoint,
            "maxEventsPerBatch": arguments.max_events_per_batch,
            "preferredBatchSizeInKilobytes": arguments.preferred_batch_size,
            "azureActiveDirectoryTenantId": arguments.entra_tenant,
            "azureActiveDirectoryApplicationIdOrUri": arguments.entra_application,
            "deliveryAttributeMappings": list(_attributes(arguments)) or None,
        }
    )
    if not given:
        return {}
    kept = webhook_of(before) if before else {}
    webhook = {"endpointType": "WebHook", "properties": {**kept, **given}}
    wrapped = before.get(_WRAPPED)
    return {_WRAPPED: {**wrapped, _PLAIN: webhook}} if wrapped else {_PLAIN: webhook}


def _attributes(arguments: argparse.Namespace) -> Iterator[Body]:
    for texts, is_secret in ((arguments.header, False), (arguments.secret_header, True)):
        for name, value in map(_pair, texts or ()):
            properties = {"value": value, "isSecret": is_secret}
            yield {"name": name, "type": "Static", "properties": properties}
    for name, path in map(_pair, arguments.dynamic_header or ()):
        yield {"name": name, "type": "Dynamic", "properties": {"sourceField": path}}


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not (name and found):
        raise StartError(f"a header is given as NAME=VALUE, not {name or text}")
    return name, value


def _known(given: Body) -> Body:
    return {name: value for name, value in given.items() if value is not None}
