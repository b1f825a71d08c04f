"""`switchhook events tail`: the events that are accepted, without a receiver."""

import argparse
import os
import sys
from typing import Any, TextIO
from urllib.parse import urlencode

from switchhook.cli.arm_client import ArmClient, Body
from switchhook.cli.listen_output import printable, to_json_line, to_text, wants_colour
from switchhook.cli.sources import add_source, place_of
from switchhook.cli.spans import TIME_OR_SPAN, to_moment

ROUTE = "/providers/Switchhook.EventGrid/events"


def add_parser(actions: Any) -> None:
    """Add the action to `switchhook events`."""
    tail = actions.add_parser(
        "tail",
        help="print events as they are accepted, without a receiver",
        description="Print the events that are published, from the server's log: nothing is "
        "created and nothing is delivered. It ends with Ctrl-C or with the server.",
    )
    add_source(tail, default=None)
    tail.add_argument("--type", metavar="TYPE", help="only this event type")
    tail.add_argument("--subject-begins-with", metavar="TEXT", help="only such subjects")
    start = tail.add_mutually_exclusive_group()
    start.add_argument(
        "--since",
        metavar="TIME",
        help=f"begin then: {TIME_OR_SPAN} (default: now; with --no-follow the oldest event)",
    )
    start.add_argument("--position", type=int, metavar="N", help="begin at a position of the log")
    tail.add_argument(
        "--follow",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="wait for more at the end of the log (default: yes)",
    )
    tail.add_argument("--data", metavar="DIR", help="the data folder of the server")
    tail.add_argument("--json", action="store_true", help="print a line of JSON for each event")
    tail.set_defaults(run=lambda arguments: run(arguments, sys.stdout))


def run(arguments: argparse.Namespace, out: TextIO) -> int:
    """Print until the log or the server ends."""
    client = ArmClient.open(arguments.data)
    query = {
        "topic": place_of(client, arguments),
        "type": arguments.type,
        "subjectBeginsWith": arguments.subject_begins_with,
        "since": to_moment(arguments.since, "--since"),
        "position": arguments.position,
        "follow": str(arguments.follow).lower(),
    }
    given = {name: value for name, value in query.items() if value not in (None, "")}
    colour = wants_colour(out, os.environ)
    for line in client.lines(f"{ROUTE}?{urlencode(given)}"):
        out.write((to_json_line(line) if arguments.json else _shown(line, colour)) + "\n")
        out.flush()
    return 0


def _shown(line: Body, colour: bool) -> str:
    missed = line.get("missed")
    if missed:
        return (
            f"(missed: the log no longer has positions {missed['firstPosition']} to "
            f"{missed['endPosition'] - 1})"
        )
    event = line["event"]
    # A custom event has its own names for these; the line has what was read from it.
    known = {"eventTime": line["publishedAt"], "eventType": line["eventType"]}
    data = event if line["schema"] == "CustomEventSchema" else event.get("data")
    body = {**known, "subject": line["subject"] or "", "data": data}
    text = to_text(body, 0, colour=colour, event_id=line["id"])
    head, _, rest = text.partition("\n")
    topic = "/".join(filter(None, (line["topicName"], line["domainTopic"])))
    where = printable(f"position {line['position']}, {topic}")
    return f"{head}  ({where})\n{rest}"
