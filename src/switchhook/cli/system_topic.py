"""`switchhook system-topic`: the names under which a source's events are managed."""

import argparse
from typing import Any

from switchhook.cli.arm_client import ArmClient, add_options
from switchhook.cli.tables import print_json, print_pairs, print_table
from switchhook.grid.resources.ids import EVENT_GRID

_TOPIC_TYPE = "Microsoft.Communication.CommunicationServices"


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("system-topic", help="system topics")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = _action(actions, "create", "create a system topic, or replace it", _create)
    create.add_argument(
        "--communication", required=True, metavar="NAME", help="the resource whose events it has"
    )
    _action(actions, "list", "list the system topics", _list, named=False)
    _action(actions, "show", "show a system topic", _show)
    _action(actions, "delete", "delete a system topic and its event subscriptions", _delete)


def _action(
    actions: Any, name: str, help_: str, run: Any, *, named: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=help_)
    if named:
        parser.add_argument("name", help="the system topic's name")
    add_options(parser)
    parser.set_defaults(run=run)
    return parser


def _create(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    source = client.communication_id(arguments.communication)
    body = {"location": "global", "properties": {"source": source, "topicType": _TOPIC_TYPE}}
    _print(arguments, client.put(client.system_topic_id(arguments.name), body))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    _print(arguments, client.get(client.system_topic_id(arguments.name)))
    return 0


def _list(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    topics = list(client.list(client.subscription_path(f"{EVENT_GRID}/systemTopics")))
    if arguments.json:
        print_json(topics)
    else:
        print_table(
            ("NAME", "SOURCE"),
            [(topic["name"], topic["properties"]["source"]) for topic in topics],
        )
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    client.delete(client.system_topic_id(arguments.name))
    return 0


def _print(arguments: argparse.Namespace, topic: dict[str, Any]) -> None:
    if arguments.json:
        print_json(topic)
        return
    properties = topic["properties"]
    print_pairs(
        {
            "name": topic["name"],
            "source": properties["source"],
            "type": properties["topicType"],
            "state": properties["provisioningState"],
            "id": topic["id"],
        }
    )
