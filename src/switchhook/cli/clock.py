"""`switchhook clock`: show and move the time of a server that runs with --virtual-clock."""

import argparse
from typing import Any

from switchhook.cli.arm_client import CLOCK, ArmClient, Body, add_options
from switchhook.cli.spans import to_iso
from switchhook.cli.tables import print_json, print_pairs
from switchhook.errors import StartError


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("clock", help="the virtual clock of a server for tests")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser("show", help="show the time of the server")
    add_options(show)
    show.set_defaults(run=_show)
    advance = actions.add_parser(
        "advance",
        help="move time on",
        description="Move the time of a server that runs with --virtual-clock. Each retry, expiry "
        "and other action that comes due on the way has happened when the command ends.",
    )
    advance.add_argument(
        "by", nargs="?", metavar="SPAN", help="how far, such as 24h, 90s, 10m or 1d12h"
    )
    advance.add_argument("--to", metavar="TIME", help="until when, such as 2030-01-01T00:00:00Z")
    add_options(advance)
    advance.set_defaults(run=_advance)


def _show(arguments: argparse.Namespace) -> int:
    _print(arguments, ArmClient.open(arguments.data).get(CLOCK))
    return 0


def _advance(arguments: argparse.Namespace) -> int:
    if (arguments.by is None) == (arguments.to is None):
        raise StartError("clock advance takes either a span such as 24h or --to TIME")
    body = {"to": arguments.to} if arguments.by is None else {"by": to_iso(arguments.by, "SPAN")}
    client = ArmClient.open(arguments.data)
    # Webhooks that hang may take half a minute for each of their attempts.
    _print(arguments, client.post(f"{CLOCK}/advance", body, timeout=None))
    return 0


def _print(arguments: argparse.Namespace, answer: Body) -> None:
    if arguments.json:
        print_json(answer)
    else:
        print_pairs(answer["properties"])
