"""`switchhook subscription`: event subscriptions."""

import argparse
from typing import Any

from switchhook.cli.arm_client import ArmClient, Body, add_options
from switchhook.cli.tables import print_json, print_pairs, print_table, print_warnings
from switchhook.defaults import COMMUNICATION_NAME

_COLLECTION = "providers/Microsoft.EventGrid/eventSubscriptions"
_SETTINGS = "providers/Switchhook.EventGrid/deliverySettings/default"


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("subscription", help="event subscriptions")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = _action(actions, "create", "create an event subscription, or replace it", _create)
    create.add_argument("--endpoint", required=True, metavar="URL", help="the webhook")
    _add_definition(create)
    create.add_argument(
        "--no-validate", action="store_true", help="deliver without asking the webhook first"
    )
    update = _action(actions, "update", "change an event subscription", _update)
    update.add_argument("--endpoint", metavar="URL", help="the webhook")
    _add_definition(update)
    _action(actions, "list", "list the event subscriptions of a source", _list, named=False)
    show = _action(actions, "show", "show an event subscription", _show)
    show.add_argument("--full-url", action="store_true", help="show the webhook with its query")
    _action(actions, "delete", "delete an event subscription", _delete)


def _action(
    actions: Any, name: str, help_: str, run: Any, *, named: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=help_)
    if named:
        parser.add_argument("name", help="the event subscription's name")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--topic", metavar="NAME", help="a custom topic")
    source.add_argument("--domain", metavar="NAME[/TOPIC]", help="a domain, or one of its topics")
    source.add_argument(
        "--communication",
        metavar="NAME",
        default=COMMUNICATION_NAME,
        help="a Communication Services resource (default: %(default)s)",
    )
    source.add_argument("--scope", metavar="ID", help="the id of any source")
    add_options(parser)
    parser.set_defaults(run=run)
    return parser


def _add_definition(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--type", action="append", metavar="TYPE", help="an event type; repeat for more"
    )
    parser.add_argument("--subject-begins-with", metavar="TEXT")
    parser.add_argument("--subject-ends-with", metavar="TEXT")
    parser.add_argument("--subject-case-sensitive", action="store_true", default=None)
    parser.add_argument("--max-delivery-attempts", type=int, metavar="N", help="1 to 30")
    parser.add_argument("--ttl", type=int, metavar="MINUTES", help="1 to 1440")
    parser.add_argument("--expires", metavar="TIME", help="such as 2030-01-01T00:00:00Z")
    parser.add_argument("--label", action="append", metavar="TEXT", help="repeat for more")


def _create(arguments: argparse.Namespace) -> int:
    client, path = _open(arguments)
    if arguments.no_validate:
        client.put(f"{path}/{_SETTINGS}", {"properties": {"validateEndpoint": False}})
    _print(arguments, client.put(path, {"properties": _definition(arguments, {})}))
    print_warnings(client)
    return 0


def _update(arguments: argparse.Namespace) -> int:
    client, path = _open(arguments)
    before = client.get(path)["properties"]
    _print(arguments, client.patch(path, _definition(arguments, before)))
    print_warnings(client)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    client, path = _open(arguments)
    subscription = client.get(path)
    settings = client.get(f"{path}/{_SETTINGS}")["properties"]
    if arguments.full_url:
        properties = subscription["properties"]["destination"]["properties"]
        properties["endpointUrl"] = client.post(f"{path}/getFullUrl")["endpointUrl"]
    _print(arguments, subscription, settings)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    found = list(client.list(f"{_scope(client, arguments)}/{_COLLECTION}"))
    if arguments.json:
        print_json(found)
    else:
        print_table(
            ("NAME", "STATE", "ENDPOINT"),
            [
                (
                    item["name"],
                    item["properties"]["provisioningState"],
                    item["properties"]["destination"]["properties"]["endpointBaseUrl"],
                )
                for item in found
            ],
        )
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    client, path = _open(arguments)
    client.delete(path)
    return 0


def _open(arguments: argparse.Namespace) -> tuple[ArmClient, str]:
    client = ArmClient.open(arguments.data)
    return client, f"{_scope(client, arguments)}/{_COLLECTION}/{arguments.name}"


def _scope(client: ArmClient, arguments: argparse.Namespace) -> str:
    if arguments.scope:
        scope: str = arguments.scope.rstrip("/")
        return scope if scope.startswith("/") else f"/{scope}"
    if arguments.topic:
        return client.topic_id(arguments.topic)
    if arguments.domain:
        return client.domain_id(arguments.domain)
    return client.communication_id(arguments.communication)


def _definition(arguments: argparse.Namespace, before: Body) -> Body:
    """The members that were given; a filter and a retry policy are sent whole, as ARM wants."""
    definition: Body = {}
    if arguments.endpoint:
        definition["destination"] = {
            "endpointType": "WebHook",
            "properties": {"endpointUrl": arguments.endpoint},
        }
    filter_ = {
        "includedEventTypes": arguments.type,
        "subjectBeginsWith": arguments.subject_begins_with,
        "subjectEndsWith": arguments.subject_ends_with,
        "isSubjectCaseSensitive": arguments.subject_case_sensitive,
    }
    retry_policy = {
        "maxDeliveryAttempts": arguments.max_delivery_attempts,
        "eventTimeToLiveInMinutes": arguments.ttl,
    }
    for name, given in (("filter", filter_), ("retryPolicy", retry_policy)):
        known = {key: value for key, value in given.items() if value is not None}
        if known:
            definition[name] = {**before.get(name, {}), **known}
    if arguments.expires:
        definition["expirationTimeUtc"] = arguments.expires
    if arguments.label:
        definition["labels"] = arguments.label
    return definition


def _print(arguments: argparse.Namespace, item: Body, settings: Body | None = None) -> None:
    if arguments.json:
        print_json(item if settings is None else {**item, "deliverySettings": settings})
        return
    properties = item["properties"]
    destination = properties["destination"]["properties"]
    filter_, retry = properties["filter"], properties["retryPolicy"]
    print_pairs(
        {
            "name": item["name"],
            "state": properties["provisioningState"],
            "error": (settings or {}).get("lastValidationError"),
            "warning": "; ".join((settings or {}).get("warnings", [])),
            "endpoint": destination["endpointUrl"] or destination["endpointBaseUrl"],
            "types": ", ".join(filter_["includedEventTypes"] or ["all"]),
            "subject begins with": filter_["subjectBeginsWith"],
            "subject ends with": filter_["subjectEndsWith"],
            "attempts": retry["maxDeliveryAttempts"],
            "time to live": f"{retry['eventTimeToLiveInMinutes']} minutes",
            "expires": properties["expirationTimeUtc"],
            "topic": properties["topic"],
            "id": item["id"],
        }
    )
