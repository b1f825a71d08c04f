"""`switchhook topic`: custom topics."""

import argparse
from typing import Any

from switchhook.cli.grid_resource import GridResource
from switchhook.cli.topic_options import add_topic_options, body_of

_TOPIC = GridResource(
    noun="topic",
    type="topics",
    shown={"endpoint": "endpoint", "input schema": "inputSchema"},
)


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("topic", help="custom topics")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create = _TOPIC.add_action(actions, "create", "create a topic, or replace it", _create)
    add_topic_options(create)
    _TOPIC.add_usual_actions(actions)
    _TOPIC.add_key_actions(actions)


def _create(arguments: argparse.Namespace) -> int:
    return _TOPIC.create(arguments, body_of(arguments))
