"""`switchhook faults`: make the deliveries of an event subscription fail on purpose."""

import argparse
from typing import Any

from switchhook.cli.arm_client import Body
from switchhook.cli.spans import to_iso
from switchhook.cli.subscription import add_action, open_named
from switchhook.cli.tables import print_json, print_pairs
from switchhook.errors import StartError

_FAULTS = "providers/Switchhook.EventGrid/deliveryFaults/default"
_WRONG = ("status", "drop", "duplicate", "delay", "reorder")


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("faults", help="make deliveries fail on purpose")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    put = add_action(actions, "set", "let the next deliveries go wrong", _set)
    put.add_argument(
        "--next",
        dest="count",
        type=int,
        default=1,
        metavar="N",
        help="how many requests (default: %(default)s)",
    )
    wrong = put.add_mutually_exclusive_group()
    wrong.add_argument(
        "--status", type=int, metavar="CODE", help="fail with this status; nothing is sent"
    )
    wrong.add_argument("--drop", action="store_true", help="fail as if the connection had broken")
    wrong.add_argument("--duplicate", action="store_true", help="send each twice")
    put.add_argument("--delay", metavar="DURATION", help="wait before, such as 5s")
    put.add_argument(
        "--reorder", action="store_true", help="hold each back until the next was sent"
    )
    add_action(actions, "show", "show what is still to go wrong", _show)
    add_action(actions, "clear", "let deliveries go as they should", _clear)


def _set(arguments: argparse.Namespace) -> int:
    if not any(getattr(arguments, name) for name in _WRONG):
        raise StartError(f"say what is to go wrong: one of {', '.join(f'--{n}' for n in _WRONG)}")
    client, path = open_named(arguments)
    properties = {
        "count": arguments.count,
        "status": arguments.status,
        "dropConnection": arguments.drop,
        "delay": to_iso(arguments.delay, "--delay") if arguments.delay else None,
        "duplicate": arguments.duplicate,
        "reorder": arguments.reorder,
    }
    return _print(arguments, client.put(f"{path}/{_FAULTS}", {"properties": properties}))


def _show(arguments: argparse.Namespace) -> int:
    client, path = open_named(arguments)
    return _print(arguments, client.get(f"{path}/{_FAULTS}"))


def _clear(arguments: argparse.Namespace) -> int:
    client, path = open_named(arguments)
    client.delete(f"{path}/{_FAULTS}")
    return 0


def _print(arguments: argparse.Namespace, fault: Body) -> int:
    if arguments.json:
        print_json(fault)
        return 0
    properties = fault["properties"]
    print_pairs(
        {
            "next": properties["count"],
            "status": properties["status"],
            "connection dropped": "yes" if properties["dropConnection"] else None,
            "delay": properties["delay"],
            "sent twice": "yes" if properties["duplicate"] else None,
            "held back": "yes" if properties["reorder"] else None,
        }
    )
    return 0
