"""`switchhook reset`: a running server that has seen nothing yet."""

import argparse
from typing import Any

from switchhook.cli.arm_client import ArmClient, add_options


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "reset",
        help="forget what has happened",
        description="Forget what has happened: events, deliveries that wait, dead letters that "
        "were not written yet, histories, SMS messages and opt-outs, chat threads and messages. "
        "Resources and their keys stay, and so do users and their tokens.",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="remove every resource and user too; the default resources and those of the TOML file "
        "come back",
    )
    add_options(parser)
    parser.set_defaults(run=_reset)


def _reset(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    client.post("/providers/Switchhook.EventGrid/reset", {"all": arguments.all}, timeout=None)
    return 0
