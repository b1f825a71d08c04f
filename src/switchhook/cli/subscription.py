"""`switchhook subscription`: event subscriptions."""

import argparse
from typing import Any

from switchhook.cli import subscription_options as options
from switchhook.cli.arm_client import ArmClient, Body, add_options
from switchhook.cli.sources import add_source, scope_of
from switchhook.cli.tables import print_json, print_pairs, print_table, print_warnings

_COLLECTION = "providers/Microsoft.EventGrid/eventSubscriptions"
_SETTINGS = "providers/Switchhook.EventGrid/deliverySettings/default"
_WAITING = "waiting for the webhook to answer the handshake"
_PAUSED = " (paused)"


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("subscription", help="event subscriptions")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = add_action(actions, "create", "create an event subscription, or replace it", _create)
    create.add_argument("--endpoint", required=True, metavar="URL", help="the webhook")
    options.add_definition(create)
    options.add_settings(create)
    create.add_argument(
        "--no-validate", action="store_true", help="deliver without asking the webhook first"
    )
    update = add_action(actions, "update", "change an event subscription", _update)
    update.add_argument("--endpoint", metavar="URL", help="the webhook")
    options.add_definition(update)
    options.add_settings(update)
    add_action(actions, "pause", "keep the events of a subscription for later", _pause)
    add_action(actions, "resume", "deliver what was kept, and go on", _resume)
    add_action(actions, "list", "list the event subscriptions of a source", _list, named=False)
    show = add_action(actions, "show", "show an event subscription", _show)
    show.add_argument("--full-url", action="store_true", help="show the webhook with its query")
    show.add_argument("--secrets", action="store_true", help="show the values of secret headers")
    add_action(actions, "delete", "delete an event subscription", _delete)


def add_action(
    actions: Any, name: str, help_: str, run: Any, *, named: bool = True
) -> argparse.ArgumentParser:
    """Add a command on an event subscription, or on a source's, with the options that name it."""
    parser: argparse.ArgumentParser = actions.add_parser(name, help=help_)
    if named:
        parser.add_argument("name", help="the event subscription's name")
    add_source(parser)
    add_options(parser)
    parser.set_defaults(run=run)
    return parser


def _create(arguments: argparse.Namespace) -> int:
    client, path = open_named(arguments)
    changed = {} if not arguments.no_validate else {"validateEndpoint": False}
    _write_settings(client, path, {**options.settings(arguments), **changed})
    body = {"properties": options.definition(client, arguments, {})}
    _finish(arguments, client, path, client.put(path, body, waiting=_WAITING))
    return 0


def _update(arguments: argparse.Namespace) -> int:
    client, path = open_named(arguments)
    before = client.get(path)
    changed = options.settings(arguments)
    body = options.definition(client, arguments, before["properties"])
    _write_settings(client, path, changed)
    # An update of nothing asks the webhook again; a change of settings alone need not.
    asked = before if changed and not body else client.patch(path, body, waiting=_WAITING)
    _finish(arguments, client, path, asked)
    return 0


def _pause(arguments: argparse.Namespace) -> int:
    return _set_paused(arguments, is_paused=True)


def _resume(arguments: argparse.Namespace) -> int:
    return _set_paused(arguments, is_paused=False)


def _set_paused(arguments: argparse.Namespace, *, is_paused: bool) -> int:
    client, path = open_named(arguments)
    subscription = client.get(path)
    _write_settings(client, path, {"isPaused": is_paused})
    _finish(arguments, client, path, subscription)
    return 0


def _write_settings(client: ArmClient, path: str, changed: Body) -> None:
    """Change some of the settings, which the server takes as a whole."""
    if changed:
        before = client.get(f"{path}/{_SETTINGS}")["properties"]
        client.put(f"{path}/{_SETTINGS}", {"properties": {**before, **changed}})


def _finish(arguments: argparse.Namespace, client: ArmClient, path: str, item: Body) -> None:
    """Print what came of it."""
    print_warnings(client)
    if arguments.json:
        print_json(item)
        return
    _print(item, client.get(f"{path}/{_SETTINGS}")["properties"])


def _show(arguments: argparse.Namespace) -> int:
    client, path = open_named(arguments)
    subscription = client.get(path)
    settings = client.get(f"{path}/{_SETTINGS}")["properties"]
    webhook = options.webhook_of(subscription["properties"])
    if arguments.full_url:
        webhook["endpointUrl"] = client.post(f"{path}/getFullUrl")["endpointUrl"]
    if arguments.secrets:
        shown = client.post(f"{path}/getDeliveryAttributes")["value"]
        webhook["deliveryAttributeMappings"] = shown
    if arguments.json:
        print_json({**subscription, "deliverySettings": settings})
    else:
        _print(subscription, settings)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    found = list(client.list(f"{scope_of(client, arguments)}/{_COLLECTION}"))
    if arguments.json:
        print_json(found)
    else:
        print_table(
            ("NAME", "STATE", "ENDPOINT"),
            [
                (
                    item["name"],
                    item["properties"]["provisioningState"],
                    options.webhook_of(item["properties"])["endpointBaseUrl"],
                )
                for item in found
            ],
        )
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    client, path = open_named(arguments)
    return client.remove(path)


def open_named(arguments: argparse.Namespace) -> tuple[ArmClient, str]:
    """A client, and the id of the event subscription that the command is about."""
    client = ArmClient.open(arguments.data)
    return client, f"{scope_of(client, arguments)}/{_COLLECTION}/{arguments.name}"


def _print(item: Body, settings: Body) -> None:
    properties = item["properties"]
    webhook = options.webhook_of(properties)
    filter_, retry = properties["filter"], properties["retryPolicy"]
    print_pairs(
        {
            "name": item["name"],
            "state": properties["provisioningState"] + (_PAUSED if settings["isPaused"] else ""),
            "error": settings.get("lastValidationError"),
            "warning": "; ".join(settings.get("warnings", [])),
            "endpoint": webhook["endpointUrl"] or webhook["endpointBaseUrl"],
            "schema": properties["eventDeliverySchema"],
            **_shaped(webhook),
            "types": ", ".join(filter_["includedEventTypes"] or ["all"]),
            "subject begins with": filter_["subjectBeginsWith"],
            "subject ends with": filter_["subjectEndsWith"],
            "filters": "; ".join(map(_advanced, filter_.get("advancedFilters") or [])),
            "looks into arrays": "yes" if filter_.get("enableAdvancedFilteringOnArrays") else "",
            "attempts": retry["maxDeliveryAttempts"],
            "time to live": f"{retry['eventTimeToLiveInMinutes']} minutes",
            "dead letters": options.dead_letter_of(properties),
            "profile": settings["profile"],
            "ordered by": settings["orderedBy"],
            "deduplicated": settings["deduplicationWindow"],
            "expires": properties["expirationTimeUtc"],
            "topic": properties["topic"],
            "id": item["id"],
        }
    )


def _advanced(advanced: Body) -> str:
    """As `--advanced-filter` takes it."""
    one = advanced.get("value")
    values = advanced.get("values") or ([] if one is None else [one])
    return " ".join([advanced["key"], advanced["operatorType"], *map(_operand, values)])


def _operand(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shaped(webhook: Body) -> Body:
    """Batches, headers and the audience of tokens, where there are any."""
    most = webhook["maxEventsPerBatch"]
    size = webhook["preferredBatchSizeInKilobytes"]
    return {
        "batches": f"{most} events or {size} kB" if most > 1 else "",
        "headers": ", ".join(map(_header, webhook["deliveryAttributeMappings"] or [])),
        "entra application": webhook["azureActiveDirectoryApplicationIdOrUri"],
    }


def _header(attribute: Body) -> str:
    properties = attribute["properties"]
    if attribute["type"] == "Dynamic":
        return f"{attribute['name']} from {properties['sourceField']}"
    value = "(secret)" if properties["value"] is None else properties["value"]
    return f"{attribute['name']}={value}"
