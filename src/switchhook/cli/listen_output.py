"""How does `listen` show an event? In colour for people, as a line of JSON for programs."""

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TextIO

Event = dict[str, Any]

_TIME, _TYPE, _SUBJECT, _NOTE, _PLAIN = "\x1b[2m", "\x1b[1;36m", "\x1b[33m", "\x1b[35m", "\x1b[0m"


def wants_colour(out: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to use colours: on a terminal, unless NO_COLOR (no-color.org) says no."""
    return out.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def printer(out: TextIO, *, as_json: bool, colour: bool) -> Callable[[Event, int], None]:
    """What writes an event, and the number of attempts before this one, to `out`."""

    def show(event: Event, attempts: int) -> None:
        text = to_json_line(event) if as_json else to_text(event, attempts, colour=colour)
        out.write(text + "\n")
        out.flush()

    return show


def to_json_line(event: Event) -> str:
    """The event as it was delivered, on one line."""
    return printable(json.dumps(event, ensure_ascii=False, separators=(",", ":")))


def to_text(event: Event, attempts: int, *, colour: bool, event_id: str = "") -> str:
    """Time, type and subject on one line, the data below; a CloudEvent has other names for them.

    `event_id` is shown after the time where it is given.
    """
    paint = _paint if colour else _leave
    parts = [
        paint(_TIME, _local_time(str(event.get("eventTime", event.get("time", ""))))),
        paint(_TYPE, str(event.get("eventType", event.get("type", "")))),
        paint(_SUBJECT, str(event.get("subject", ""))),
    ]
    if event_id:
        parts.insert(1, printable(event_id))
    if attempts:
        parts.append(paint(_NOTE, f"(attempt {attempts + 1})"))
    data = json.dumps(event.get("data"), ensure_ascii=False, indent=2)
    lines = [printable(line) for line in data.split("\n")]
    return "\n".join(["  ".join(parts), *(f"  {line}" for line in lines)])


def _paint(style: str, text: str) -> str:
    return f"{style}{printable(text)}{_PLAIN}"


def _leave(_: str, text: str) -> str:
    return printable(text)


def printable(text: str) -> str:
    """No character that a terminal would obey: events come from strangers."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _local_time(text: str) -> str:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            time = time.astimezone()
    except (ValueError, OverflowError):  # no time, or none that the local zone can have
        return text
    return time.strftime("%H:%M:%S.") + f"{time.microsecond // 1000:03}"
