"""`switchhook system-topic`: the names under which a source's events are managed."""

import argparse
from typing import Any

from switchhook.cli.arm_client import ArmClient
from switchhook.cli.grid_resource import GridResource

_TOPIC_TYPE = "Microsoft.Communication.CommunicationServices"
_SYSTEM_TOPIC = GridResource(
    noun="system topic",
    type="systemTopics",
    shown={"source": "source", "type": "topicType"},
)


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("system-topic", help="system topics")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = _SYSTEM_TOPIC.add_action(
        actions, "create", "create a system topic, or replace it", _create
    )
    create.add_argument(
        "--communication", required=True, metavar="NAME", help="the resource whose events it has"
    )
    _SYSTEM_TOPIC.add_usual_actions(actions)


def _create(arguments: argparse.Namespace) -> int:
    source = ArmClient.open(arguments.data).communication_id(arguments.communication)
    properties = {"source": source, "topicType": _TOPIC_TYPE}
    return _SYSTEM_TOPIC.create(arguments, {"location": "global", "properties": properties})
