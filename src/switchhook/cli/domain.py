"""`switchhook domain`: domains and their topics."""

import argparse
from typing import Any

from switchhook.cli.arm_client import ArmClient
from switchhook.cli.grid_resource import GridResource
from switchhook.cli.tables import print_json, print_table
from switchhook.cli.topic_options import add_topic_options, body_of
from switchhook.grid.resources.records import AUTO_CREATE, AUTO_DELETE

_DOMAIN = GridResource(
    noun="domain",
    type="domains",
    shown={"endpoint": "endpoint", "input schema": "inputSchema"},
)


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("domain", help="domains and their topics")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = _DOMAIN.add_action(actions, "create", "create a domain, or replace it", _create)
    add_topic_options(create)
    create.add_argument(
        "--no-auto-create-topics",
        action="store_true",
        help="refuse event subscriptions to topics that were not created before",
    )
    create.add_argument(
        "--no-auto-delete-topics",
        action="store_true",
        help="keep a topic when its last event subscription goes",
    )
    _DOMAIN.add_usual_actions(actions)
    _DOMAIN.add_key_actions(actions)
    _add_topics_parser(actions)


def _add_topics_parser(actions: Any) -> None:
    topics = actions.add_parser("topics", help="the topics of a domain")
    own = topics.add_subparsers(required=True, metavar="ACTION")
    _DOMAIN.add_action(own, "list", "list the topics of a domain", _list_topics)
    for name, help_, run in (
        ("create", "create a topic, unless it is there", _create_topic),
        ("delete", "delete a topic and its event subscriptions", _delete_topic),
    ):
        action = _DOMAIN.add_action(own, name, help_, run)
        action.add_argument("topic", help="the topic's name")


def _create(arguments: argparse.Namespace) -> int:
    body = body_of(arguments)
    body["properties"] |= {
        AUTO_CREATE: not arguments.no_auto_create_topics,
        AUTO_DELETE: not arguments.no_auto_delete_topics,
    }
    return _DOMAIN.create(arguments, body)


def _list_topics(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    found = list(client.list(f"{_DOMAIN.path(client, arguments.name)}/topics"))
    if arguments.json:
        print_json(found)
    else:
        print_table(("NAME",), [(topic["name"],) for topic in found])
    return 0


def _create_topic(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    made = client.put(_topic_id(client, arguments), {})
    if arguments.json:
        print_json(made)
    else:
        print(made["id"])
    return 0


def _delete_topic(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    return client.remove(_topic_id(client, arguments))


def _topic_id(client: ArmClient, arguments: argparse.Namespace) -> str:
    return client.domain_id(f"{arguments.name}/{arguments.topic}")
