"""`switchhook topic`: custom topics."""

import argparse
from typing import Any

from switchhook.cli.arm_client import ArmClient, add_options
from switchhook.cli.tables import print_json, print_pairs, print_table
from switchhook.grid.resources.ids import EVENT_GRID


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("topic", help="custom topics")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = _action(actions, "create", "create a topic, or replace it", _create)
    create.add_argument("--location", help="where it says to be")
    _action(actions, "list", "list the topics", _list, named=False)
    _action(actions, "show", "show a topic", _show)
    _action(actions, "delete", "delete a topic and its event subscriptions", _delete)
    _action(actions, "keys", "show the access keys", _keys)
    regenerate = _action(actions, "regenerate-key", "replace an access key", _regenerate_key)
    regenerate.add_argument("key", choices=["key1", "key2"])


def _action(
    actions: Any, name: str, help_: str, run: Any, *, named: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=help_)
    if named:
        parser.add_argument("name", help="the topic's name")
    add_options(parser)
    parser.set_defaults(run=run)
    return parser


def _create(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    body = {"location": arguments.location} if arguments.location else {}
    _print(arguments, client.put(client.topic_id(arguments.name), body))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    _print(arguments, client.get(client.topic_id(arguments.name)))
    return 0


def _list(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    topics = list(client.list(client.subscription_path(f"{EVENT_GRID}/topics")))
    if arguments.json:
        print_json(topics)
    else:
        print_table(
            ("NAME", "ENDPOINT"),
            [(topic["name"], topic["properties"]["endpoint"]) for topic in topics],
        )
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    client.delete(client.topic_id(arguments.name))
    return 0


def _keys(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    _print_keys(arguments, client.post(f"{client.topic_id(arguments.name)}/listKeys"))
    return 0


def _regenerate_key(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    path = f"{client.topic_id(arguments.name)}/regenerateKey"
    _print_keys(arguments, client.post(path, {"keyName": arguments.key}))
    return 0


def _print_keys(arguments: argparse.Namespace, keys: dict[str, Any]) -> None:
    if arguments.json:
        print_json(keys)
    else:
        print_pairs(keys)


def _print(arguments: argparse.Namespace, topic: dict[str, Any]) -> None:
    if arguments.json:
        print_json(topic)
        return
    properties = topic["properties"]
    print_pairs(
        {
            "name": topic["name"],
            "endpoint": properties["endpoint"],
            "state": properties["provisioningState"],
            "location": topic["location"],
            "id": topic["id"],
        }
    )
