"""`switchhook communication`: Communication Services resources and what belongs to them."""

import argparse
import json
from typing import Any
from urllib.parse import quote

from switchhook.cli.arm_client import ArmClient, Body, add_options
from switchhook.cli.sources import add_communication
from switchhook.cli.tables import print_json, print_pairs, print_table
from switchhook.communication.arm_rules import render_event_settings
from switchhook.communication.resources import EventSettings
from switchhook.grid.resources.ids import COMMUNICATION

_NUMBERS = "providers/Switchhook.Communication/phoneNumbers"
_EVENTS = "providers/Switchhook.Communication/eventSettings/default"


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("communication", help="Communication Services resources")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = _action(actions, "create", "create a resource, or replace it", _create)
    create.add_argument("--data-location", default="United States", help="(default: %(default)s)")
    _action(actions, "list", "list the resources", _list, named=False)
    _action(actions, "show", "show a resource", _show)
    _action(actions, "delete", "delete a resource and its event subscriptions", _delete)
    _action(actions, "keys", "show the access keys and connection strings", _keys)
    _add_number_parser(actions)
    _add_events_parser(actions)


def _add_number_parser(actions: Any) -> None:
    number = actions.add_parser("number", help="the numbers that a resource owns")
    numbers = number.add_subparsers(required=True, metavar="ACTION")
    add = _action(numbers, "add", "give a number to a resource", _add_number, named=False)
    add.add_argument("number", help="such as +15555550123, a short code or a text")
    add.add_argument("--kind", help="tollFree, geographic, shortCode or alphanumeric")
    _action(numbers, "list", "list the numbers of a resource", _list_numbers, named=False)
    remove = _action(numbers, "remove", "take a number away", _remove_number, named=False)
    remove.add_argument("number")
    for parser in numbers.choices.values():
        add_communication(parser)


def _add_events_parser(actions: Any) -> None:
    events = actions.add_parser("events", help="how a resource's events look")
    settings = events.add_subparsers(required=True, metavar="ACTION")
    _action(settings, "show", "show the settings", _show_events, named=False)
    change = _action(settings, "set", "change settings", _set_events, named=False)
    defaults = render_event_settings(EventSettings()).items()
    named = ", ".join(f"{name}={_shown(value)}" for name, value in defaults)
    change.description = (
        "Change how the resource's events look from now on; settings that are not named stay. "
        f"With their defaults they are: {named}. null takes the answer of the profile."
    )
    change.add_argument(
        "settings", nargs="+", metavar="NAME=VALUE", help="such as profile=GA or smsKeyCasing=null"
    )
    for parser in settings.choices.values():
        add_communication(parser)


def _action(
    actions: Any, name: str, help_: str, run: Any, *, named: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=help_)
    if named:
        parser.add_argument("name", help="the resource's name")
    add_options(parser)
    parser.set_defaults(run=run)
    return parser


def _create(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    body = {"location": "global", "properties": {"dataLocation": arguments.data_location}}
    _print(arguments, client.put(client.communication_id(arguments.name), body))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    _print(arguments, client.get(client.communication_id(arguments.name)))
    return 0


def _list(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    path = client.subscription_path(f"{COMMUNICATION}/CommunicationServices")
    found = list(client.list(path))
    if arguments.json:
        print_json(found)
    else:
        print_table(
            ("NAME", "HOST"), [(item["name"], item["properties"]["hostName"]) for item in found]
        )
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    return client.remove(client.communication_id(arguments.name))


def _keys(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    keys = client.post(f"{client.communication_id(arguments.name)}/listKeys")
    if arguments.json:
        print_json(keys)
    else:
        print_pairs(keys)
    return 0


def _add_number(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    path = f"{client.communication_id(arguments.communication)}/{_NUMBERS}/{_number(arguments)}"
    number = client.put(path, {"properties": {"kind": arguments.kind}})
    if arguments.json:
        print_json(number)
    else:
        print_pairs({"number": number["properties"]["value"], "kind": number["properties"]["kind"]})
    return 0


def _list_numbers(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    numbers = list(client.list(f"{client.communication_id(arguments.communication)}/{_NUMBERS}"))
    if arguments.json:
        print_json(numbers)
    else:
        rows = [(item["properties"]["value"], item["properties"]["kind"]) for item in numbers]
        print_table(("NUMBER", "KIND"), rows)
    return 0


def _remove_number(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    return client.remove(
        f"{client.communication_id(arguments.communication)}/{_NUMBERS}/{_number(arguments)}"
    )


def _show_events(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    _print_events(
        arguments, client.get(f"{client.communication_id(arguments.communication)}/{_EVENTS}")
    )
    return 0


def _set_events(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    path = f"{client.communication_id(arguments.communication)}/{_EVENTS}"
    properties = client.get(path)["properties"]
    for setting in arguments.settings:
        name, _, value = setting.partition("=")
        properties[name] = _value(value)
    _print_events(arguments, client.put(path, {"properties": properties}))
    return 0


def _shown(value: Any) -> str:
    """A value as it is typed."""
    return value if isinstance(value, str) else json.dumps(value)


def _value(text: str) -> Any:
    """JSON where it is JSON (true, false, null), the text itself otherwise."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _number(arguments: argparse.Namespace) -> str:
    return quote(arguments.number.lstrip("+"), safe="")


def _print_events(arguments: argparse.Namespace, settings: Body) -> None:
    if arguments.json:
        print_json(settings)
    else:
        print_table(
            ("SETTING", "VALUE"),
            [(name, json.dumps(value)) for name, value in settings["properties"].items()],
        )


def _print(arguments: argparse.Namespace, resource: Body) -> None:
    if arguments.json:
        print_json(resource)
        return
    properties = resource["properties"]
    print_pairs(
        {
            "name": resource["name"],
            "host": properties["hostName"],
            "data location": properties["dataLocation"],
            "immutable id": properties["immutableResourceId"],
            "id": resource["id"],
        }
    )
