"""How log lines look: an event's name and its fields, one line each.

Keys, signatures and event data are never passed to a logger of ours; nothing here hides them. Other
libraries know less: their errors name addresses with path and query, so that only the kind of an
error is shown, and what they say for their own developers is not heard.
"""

import json
import logging
import sys
from typing import TextIO

from switchhook.clock import to_text

OWN = "switchhook"

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """`2026-01-01T00:00:00.000Z INFO delivery.attempted subscription=hook status=503`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = [f"{name}={_text(value)}" for name, value in vars(record).items() if _is_own(name)]
        time = to_text(int(record.created * 1000) * 1_000_000, digits=3)
        line = " ".join([time, record.levelname, _message(record), *fields])
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure(level: str, stream: TextIO = sys.stderr) -> None:
    """Send the log to `stream` from `level` on; libraries' own only from warnings on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FieldFormatter())
    handler.setLevel(level.upper())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(OWN).setLevel(level.upper())


def _message(record: logging.LogRecord) -> str:
    is_own = str(record.name).partition(".")[0] == OWN
    if is_own or not isinstance(record.args, tuple) or not record.args:
        return record.getMessage()
    return str(record.msg) % tuple(map(_without_words, record.args))


def _without_words(argument: object) -> object:
    return type(argument).__name__ if isinstance(argument, BaseException) else argument


def _is_own(name: str) -> bool:
    return name not in _STANDARD


def _text(value: object) -> str:
    text = str(value)
    # A field that holds spaces or line ends is quoted, so that a line stays one line.
    return text if text.isprintable() and " " not in text and text else json.dumps(text)
