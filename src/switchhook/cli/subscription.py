"""`switchhook subscription`: event subscriptions."""

import argparse
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from switchhook.cli import subscription_options as options
from switchhook.cli.arm_client import ArmClient, Body, add_options
from switchhook.cli.sources import add_source, is_named, scope_of
from switchhook.cli.tables import print_json, print_pairs, print_table, print_warnings
from switchhook.defaults import COMMUNICATION_NAME
from switchhook.errors import RequestError

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
    what = "list the event subscriptions of a source, or all"
    add_action(actions, "list", what, _list, named=False, default=None)
    show = add_action(actions, "show", "show an event subscription", _show)
    show.add_argument("--full-url", action="store_true", help="show the webhook with its query")
    show.add_argument("--secrets", action="store_true", help="show the values of secret headers")
    add_action(actions, "delete", "delete an event subscription", _delete)


def add_action(
    actions: Any,
    name: str,
    help_: str,
    run: Any,
    *,
    named: bool = True,
    default: str | None = COMMUNICATION_NAME,
) -> argparse.ArgumentParser:
    """Add a command on an event subscription, or on a source's, with the options that name it."""
    parser: argparse.ArgumentParser = actions.add_parser(name, help=help_)
    if named:
        parser.add_argument("name", help="the event subscription's name")
    add_source(parser, default)
    add_options(parser)
    parser.set_defaults(run=run)
    return parser


def _create(arguments: argparse.Namespace) -> int:
    client, path = open_named(arguments)
    changed = {} if not arguments.no_validate else {"validateEndpoint": False}
    _write_settings(client, path, {**options.settings(arguments), **changed})
    body = {"properties": options.definition(client, arguments, {})}
    made = _validated(client, path, lambda: client.put(path, body, waiting=_WAITING))
    _finish(arguments, client, path, made)
    return 0


def _update(arguments: argparse.Namespace) -> int:
    client, path = open_named(arguments)
    before = client.get(path)
    changed = options.settings(arguments)
    body = options.definition(client, arguments, before["properties"])
    _write_settings(client, path, changed)
    # An update of nothing asks the webhook again; a change of settings alone need not.
    asked = before
    if body or not changed:
        asked = _validated(client, path, lambda: client.patch(path, body, waiting=_WAITING))
    _finish(arguments, client, path, asked)
    return 0


def _validated(client: ArmClient, path: str, write: Callable[[], Body]) -> Body:
    """What `write` answers; when the webhook has refused, what is left of it and what to do."""
    try:
        return write()
    except RequestError as error:
        if not _is_left_failed(client, path, error):
            raise
        name = path.rpartition("/")[2]
        message = (
            f"{error.message}\nThe event subscription '{name}' is there, but Failed: it gets no "
            "events. Put the webhook right and run the command again, or create it with "
            f"--no-validate, or remove it: switchhook subscription delete {name}"
        )
        raise RequestError(error.status, error.code, message) from error


def _is_left_failed(client: ArmClient, path: str, error: RequestError) -> bool:
    """Whether it is the handshake that has failed; a body that is refused leaves nothing."""
    try:
        told = client.get(f"{path}/{_SETTINGS}")["properties"].get("lastValidationError")
    except RequestError:
        return False
    return bool(told) and told == error.message


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
    found = list(_all(client) if not is_named(arguments) else _of_source(client, arguments))
    if arguments.json:
        print_json(found)
    else:
        head = ("NAME", "STATE", "ENDPOINT", "SOURCE")
        print_table(head, [_row(client, item) for item in found])
    return 0


def _of_source(client: ArmClient, arguments: argparse.Namespace) -> Iterator[Body]:
    return client.list(f"{scope_of(client, arguments)}/{_COLLECTION}")


def _all(client: ArmClient) -> Iterator[Body]:
    """Those of every source; Azure lists the sources without a region, and those of a region."""
    regions = {
        source["location"]
        for kind in ("topics", "domains")
        for source in client.list(client.subscription_path(f"Microsoft.EventGrid/{kind}"))
    }
    for region in ("global", *sorted(regions - {"global"})):
        path = f"Microsoft.EventGrid/locations/{quote(region)}/eventSubscriptions"
        yield from client.list(client.subscription_path(path))


def _row(client: ArmClient, item: Body) -> tuple[str, ...]:
    properties = item["properties"]
    # The type of its provider goes without saying.
    source = properties["topic"].rpartition("/providers/")[2].partition("/")[2]
    return (
        item["name"],
        properties["provisioningState"] + _paused(client.get(f"{item['id']}/{_SETTINGS}")),
        options.webhook_of(properties)["endpointBaseUrl"],
        source,
    )


def _paused(settings: Body) -> str:
    return _PAUSED if settings["properties"]["isPaused"] else ""


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
