"""`switchhook dead-letters`: events that were given up, dead-lettered or dropped."""

import argparse
import itertools
from typing import Any
from urllib.parse import quote, urlencode

from switchhook.cli.arm_client import API_VERSION, ArmClient, Body, add_options
from switchhook.cli.replay import OWN, add_rate, add_times, print_replay
from switchhook.cli.sources import is_named
from switchhook.cli.spans import to_moment
from switchhook.cli.subscription import add_action, open_named
from switchhook.cli.tables import print_json, print_pairs, print_table
from switchhook.defaults import COMMUNICATION_NAME
from switchhook.errors import StartError

_LETTERS = f"/{OWN}/deadLetters"
_SHOWN = 100


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("dead-letters", help="events that were given up")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = add_action(
        actions, "list", "list them, the newest first", _list, named=False, default=None
    )
    _add_selection(listing)
    listing.add_argument(
        "--limit", type=int, default=_SHOWN, metavar="N", help="at most (default: %(default)s)"
    )
    show = actions.add_parser("show", help="show one, with its event")
    show.add_argument("name", help="its name in the list")
    add_options(show)
    show.set_defaults(run=_show)
    redrive = add_action(
        actions, "redrive", "deliver them again", _redrive, named=False, default=None
    )
    redrive.add_argument("names", nargs="*", metavar="NAME", help="only these, by their names")
    redrive.add_argument("--all", action="store_true", help="all that the server has")
    _add_selection(redrive)
    add_rate(redrive)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--subscription",
        dest="name",
        metavar="NAME",
        help="only those of this event subscription of the source (default: of all)",
    )
    parser.add_argument("--reason", help="only this one, such as NotRetriable")
    parser.add_argument("--state", help="only written, dropped or waiting ones")
    add_times(parser, "given up")


def _selection(arguments: argparse.Namespace) -> Body:
    asked = {
        "startTime": to_moment(arguments.since, "--since"),
        "endTime": to_moment(arguments.until, "--until"),
        "reason": arguments.reason,
        "state": arguments.state,
    }
    return {name: value for name, value in asked.items() if value}


def _open(arguments: argparse.Namespace) -> tuple[ArmClient, str]:
    """A client, and where the dead letters of the subscription, or of all, are listed."""
    if not arguments.name:
        if is_named(arguments):
            raise StartError("name the event subscription of the source as well: --subscription")
        return ArmClient.open(arguments.data), _LETTERS
    if not is_named(arguments):
        arguments.communication = COMMUNICATION_NAME
    client, path = open_named(arguments)
    return client, path + _LETTERS


def _list(arguments: argparse.Namespace) -> int:
    client, path = _open(arguments)
    query = urlencode({"api-version": API_VERSION, **_selection(arguments)})
    found = list(itertools.islice(client.list(f"{path}?{query}"), max(arguments.limit, 0)))
    if arguments.json:
        print_json(found)
    else:
        print_table(
            ("NAME", "EVENT", "TYPE", "SUBSCRIPTION", "REASON", "STATE"),
            [_row(each["name"], each["properties"]) for each in found],
        )
    return 0


def _row(name: str, properties: Body) -> tuple[str, ...]:
    again = properties["redrivenByRun"]
    return (
        name,
        properties["eventId"],
        properties["eventType"],
        properties["eventSubscription"],
        properties["reason"],
        properties["state"] + (f", again in run {again}" if again else ""),
    )


def _show(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    letter = client.get(f"{_LETTERS}/{quote(arguments.name, safe='')}")
    if arguments.json:
        print_json(letter)
        return 0
    properties = letter["properties"]
    event = properties.pop("event")
    print_pairs({"name": letter["name"], **properties})
    print()
    print_json(event)
    return 0


def _redrive(arguments: argparse.Namespace) -> int:
    selection = _selection(arguments)
    if arguments.names:
        selection["names"] = arguments.names
    _check_choice(arguments, is_any=bool(selection or arguments.name))
    client, path = _open(arguments)
    begun = client.post(f"{path}/redrive", {**selection, "eventsPerSecond": arguments.rate})
    print_replay(arguments, begun)
    if not arguments.json:
        # The server answers before it has read them, and so before it knows how many there are.
        print(f"\nhow many, and how far: switchhook replay show {begun['name']}")
    return 0


def _check_choice(arguments: argparse.Namespace, *, is_any: bool) -> None:
    """Nobody shall deliver everything again by leaving out a word."""
    if not is_any and not arguments.all and not is_named(arguments):
        raise StartError(
            "say which: their names, --subscription, --reason, --state, --since, --until, or --all"
        )
    if is_any and arguments.all:
        raise StartError("--all is for all dead letters of the server: give nothing else with it")
