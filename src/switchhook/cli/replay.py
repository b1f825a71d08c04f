"""`switchhook replay`: deliver events of the log again."""

import argparse
from typing import Any
from urllib.parse import quote

from switchhook.cli.arm_client import ArmClient, Body, add_options
from switchhook.cli.spans import TIME_OR_SPAN, to_moment
from switchhook.cli.subscription import add_action, open_named
from switchhook.cli.tables import print_json, print_pairs, print_table
from switchhook.grid.replay import DEFAULT_RATE

OWN = "providers/Switchhook.EventGrid"
_REPLAYS = f"/{OWN}/replays"


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("replay", help="deliver events of the log again")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    start = add_action(actions, "start", "deliver events again that are still in the log", _start)
    add_times(start, "published")
    start.add_argument("--subject-begins-with", metavar="TEXT", help="only these subjects")
    start.add_argument("--subject-ends-with", metavar="TEXT", help="only these subjects")
    start.add_argument(
        "--type",
        dest="types",
        nargs="+",
        action="extend",
        metavar="TYPE",
        help="only these event types; repeatable",
    )
    add_rate(start)
    start.add_argument("--as", dest="called", metavar="NAME", help="a name for the replay")
    listing = actions.add_parser("list", help="list the replays")
    add_options(listing)
    listing.set_defaults(run=_list)
    for name, help_, run in (
        ("show", "show how far a replay is", _show),
        ("cancel", "end a replay", _cancel),
    ):
        action = actions.add_parser(name, help=help_)
        action.add_argument("name", help="the replay's name")
        add_options(action)
        action.set_defaults(run=run)


def add_times(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --since and --until."""
    parser.add_argument("--since", metavar="TIME", help=f"{what} then or later: {TIME_OR_SPAN}")
    parser.add_argument("--until", metavar="TIME", help=f"{what} before that: the same")


def add_rate(parser: argparse.ArgumentParser) -> None:
    """Add --rate."""
    parser.add_argument(
        "--rate",
        type=int,
        default=DEFAULT_RATE,
        metavar="N",
        help="events a second (default: %(default)s)",
    )


def print_replay(arguments: argparse.Namespace, replay: Body) -> int:
    """Print one."""
    if arguments.json:
        print_json(replay)
        return 0
    properties = replay["properties"]
    print_pairs(
        {
            "name": replay["name"],
            "state": properties["state"],
            "run": properties["run"],
            "from": properties["source"],
            "event subscription": properties["eventSubscriptionId"],
            "since": properties["startTime"],
            "until": properties["endTime"],
            "subject begins with": properties["subjectBeginsWith"],
            "subject ends with": properties["subjectEndsWith"],
            "types": ", ".join(properties["includedEventTypes"] or []),
            "reason": properties["reason"],
            "events a second": properties["eventsPerSecond"],
            "queued": properties["queued"],
            "skipped": properties["skipped"] or None,
            "not at their end": properties["outstanding"] or None,
            "started": properties["startedTime"],
            "ended": properties["endedTime"],
        }
    )
    return 0


def _start(arguments: argparse.Namespace) -> int:
    client, path = open_named(arguments)
    properties = {
        "startTime": to_moment(arguments.since, "--since"),
        "endTime": to_moment(arguments.until, "--until"),
        "subjectBeginsWith": arguments.subject_begins_with,
        "subjectEndsWith": arguments.subject_ends_with,
        "includedEventTypes": arguments.types,
        "eventsPerSecond": arguments.rate,
    }
    name = arguments.called or _free_name(client)
    begun = client.put(f"{path}/{OWN}/replays/{quote(name, safe='')}", {"properties": properties})
    return print_replay(arguments, begun)


def _free_name(client: ArmClient) -> str:
    runs = [each["properties"]["run"] for each in client.list(_REPLAYS)]
    return f"replay-{max(runs, default=0) + 1}"


def _list(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    found = sorted(client.list(_REPLAYS), key=lambda each: int(each["properties"]["run"]))
    if arguments.json:
        print_json(found)
        return 0
    rows = [(each["name"], each["properties"]) for each in found]
    print_table(
        ("NAME", "STATE", "FROM", "QUEUED", "STARTED"),
        [(name, p["state"], p["source"], p["queued"], p["startedTime"]) for name, p in rows],
    )
    return 0


def _show(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    return print_replay(arguments, client.get(_path(arguments.name)))


def _cancel(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    return print_replay(arguments, client.post(f"{_path(arguments.name)}/cancel"))


def _path(name: str) -> str:
    return f"{_REPLAYS}/{quote(name, safe='')}"
