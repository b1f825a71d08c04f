"""`switchhook events tail`: the events that are accepted, without a receiver."""

import argparse
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO
from urllib.parse import urlencode

from switchhook.cli.arm_client import ArmClient, Body
from switchhook.cli.explain import add_place, place_of
from switchhook.cli.listen_output import to_json_line, to_text, wants_colour
from switchhook.errors import StartError

ROUTE = "/providers/Switchhook.EventGrid/events"

_SPAN = re.compile(r"(\d{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add_parser(actions: Any) -> None:
    """Add the action to `switchhook events`."""
    tail = actions.add_parser(
        "tail",
        help="print events as they are accepted, without a receiver",
        description="Print the events that are published, from the server's log: nothing is "
        "created and nothing is delivered. It ends with Ctrl-C or with the server.",
    )
    add_place(tail)
    tail.add_argument("--type", metavar="TYPE", help="only this event type")
    tail.add_argument("--subject-begins-with", metavar="TEXT", help="only such subjects")
    start = tail.add_mutually_exclusive_group()
    start.add_argument(
        "--since",
        metavar="TIME",
        help="begin then: 10m (s, m, h, d ago) or 2030-01-01T00:00:00Z (default: now; with "
        "--no-follow the oldest event)",
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
    since = _since(arguments.since, datetime.now(UTC)) if arguments.since else None
    client = ArmClient.open(arguments.data)
    query = {
        "topic": place_of(client, arguments),
        "type": arguments.type,
        "subjectBeginsWith": arguments.subject_begins_with,
        "since": since,
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
    head, _, rest = to_text(body, 0, colour=colour).partition("\n")
    return f"{head}  (position {line['position']}, {line['topicName']})\n{rest}"


def _since(text: str, now: datetime) -> str:
    span = _SPAN.fullmatch(text)
    if span is None:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise StartError(
                f"--since: '{text}' is neither a span such as 10m nor a time such as "
                "2030-01-01T00:00:00Z"
            ) from None
    else:
        found = _ago(now, int(span[1]), _UNITS[span[2]])
    return found.astimezone(UTC).isoformat()


def _ago(now: datetime, count: int, unit: str) -> datetime:
    try:
        return now - timedelta(**{unit: count})
    except OverflowError:
        return datetime.fromtimestamp(0, UTC)
