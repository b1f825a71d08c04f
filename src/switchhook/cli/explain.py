"""`switchhook explain`: why did an event not arrive?"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from switchhook.cli.arm_client import ArmClient, Body, add_options
from switchhook.cli.explain_output import to_text
from switchhook.cli.listen_output import printable, wants_colour
from switchhook.cli.sources import add_source, is_named, place_of
from switchhook.cli.tables import print_json
from switchhook.errors import StartError

ROUTE = "/providers/Switchhook.EventGrid/explainEvent"

# Whoever has the id of a message has often tried that first.
_OTHER_IDS = (
    "An event has an id of its own: a message, thread or user has another one. 'switchhook events "
    "tail --no-follow' prints the events of the log with their data, ids and positions."
)

_DESCRIPTION = (
    "Tell what became of an event: when it was accepted, which event subscriptions wanted it and "
    "which did not and why, every attempt to deliver it and what comes next. With --event FILE it "
    "tells which event subscriptions would want an event, and publishes nothing."
)


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "explain",
        help="tell why an event did not arrive",
        description=_DESCRIPTION,
        allow_abbrev=False,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("id", nargs="?", help="the id of an event that was published")
    what.add_argument(
        "--position",
        type=int,
        metavar="N",
        help="its position in the log, as 'switchhook events tail' shows it",
    )
    what.add_argument(
        "--event", metavar="FILE", help="an event as JSON that is not published; - reads it"
    )
    add_source(parser, default=None)
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="how many events of the same id, the newest first (default: 10)",
    )
    add_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.event is not None and not is_named(arguments):
        raise StartError(
            "--event needs --topic, --domain, --communication or --scope: whose subscriptions "
            "to ask"
        )
    question = _question(arguments)
    client = ArmClient.open(arguments.data)
    question |= {"topic": place_of(client, arguments) or None}
    answer = client.post(ROUTE, question)
    if arguments.json:
        print_json(answer)
    else:
        _print(answer)
        if arguments.id is not None and _is_unknown(answer):
            print(_OTHER_IDS)
    return 0 if answer["value"] else 1


def _question(arguments: argparse.Namespace) -> Body:
    if arguments.event is not None:
        return {"event": _read_event(arguments.event)}
    if arguments.position is not None:
        return {"position": arguments.position}
    return {"id": arguments.id, "limit": arguments.limit}


def _print(answer: Body) -> None:
    colour = wants_colour(sys.stdout, os.environ)
    for number, explanation in enumerate(answer["value"]):
        print("\n" * bool(number) + to_text(explanation, colour=colour))
    if not answer["value"]:
        print(printable(answer.get("message", "There is no such event on this page.")))
    if answer["before"] is not None:
        print("\nThere may be more events of this id: ask for more with --limit.")


def _is_unknown(answer: Body) -> bool:
    """Whether a log that has events has none that was asked for, on this page or another."""
    log = answer["log"]
    is_empty: bool = log["firstPosition"] == log["endPosition"]
    return not answer["value"] and answer["before"] is None and not is_empty


def _read_event(name: str) -> Any:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
        event = json.loads(text)
    except OSError as error:
        raise StartError(f"--event: cannot read {name}: {error.strerror}") from error
    except ValueError as error:
        raise StartError(f"--event: {name} is not JSON: {error}") from error
    if isinstance(event, list) and len(event) == 1:
        return event[0]  # as a publish request has it
    if not isinstance(event, dict):
        raise StartError(f"--event: {name} must hold one event, a JSON object")
    return event
