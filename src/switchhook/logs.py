"""How log lines look: an event's name and its fields, one line each.

Keys, signatures and event data are never passed to a logger; nothing here hides them.
"""

import json
import logging
import sys
from typing import TextIO

from switchhook.clock import to_text

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """`2026-01-01T00:00:00.000Z INFO delivery.attempted subscription=hook status=503`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = [f"{name}={_text(value)}" for name, value in vars(record).items() if _is_own(name)]
        time = to_text(int(record.created * 1000) * 1_000_000, digits=3)
        line = " ".join([time, record.levelname, record.getMessage(), *fields])
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure(level: str, stream: TextIO = sys.stderr) -> None:
    """Send the log to `stream` from `level` on; libraries' own only from warnings on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FieldFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("uvicorn", "uvicorn.error", "asyncio", "azure"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _is_own(name: str) -> bool:
    return name not in _STANDARD


def _text(value: object) -> str:
    text = str(value)
    # A field that holds spaces or line ends is quoted, so that a line stays one line.
    return text if text.isprintable() and " " not in text and text else json.dumps(text)
