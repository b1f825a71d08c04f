"""Is a log line one line, with its fields?"""

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from switchhook.logs import OWN, FieldFormatter, configure


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The stream of a configured log; what other tests configured is put back."""
    root, own = logging.getLogger(), logging.getLogger(OWN)
    handlers, level, own_level = root.handlers[:], root.level, own.level
    for handler in handlers:
        root.removeHandler(handler)
    stream = io.StringIO()
    configure("debug", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    own.setLevel(own_level)


def _record(message: str, **fields: object) -> logging.LogRecord:
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO"} | fields)
    record.created = 1_772_366_400.1239
    return record


def test_line_has_time_level_event_and_fields() -> None:
    """Fields come in the order in which they were given."""
    record = _record("delivery.attempted", subscription="hook", status=503)

    line = FieldFormatter().format(record)

    assert line == ("2026-03-01T12:00:00.123Z INFO delivery.attempted subscription=hook status=503")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (17, "17"),
        (None, "None"),
        ("", '""'),
        ("two words", '"two words"'),
        ("line\nend", '"line\\nend"'),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("zeilenende\u2028", '"zeilenende\\u2028"'),
        ("größe", "größe"),
    ],
)
def test_field_that_could_break_the_line_is_quoted(value: object, text: str) -> None:
    """A client's text cannot forge a line or a field."""
    line = FieldFormatter().format(_record("x", field=value))

    assert line.endswith(f"x field={text}")


def test_arguments_of_the_message_are_filled_in() -> None:
    """Other libraries log so."""
    assert FieldFormatter().format(_record("%s of %d", args=("one", 2))).endswith("one of 2")


def test_exception_follows_its_line() -> None:
    """With its traceback."""
    try:
        raise ValueError("broken")
    except ValueError:
        record = _record("engine.turn_failed", exc_info=sys.exc_info())

    first, *rest = FieldFormatter().format(record).splitlines()

    assert first.endswith("INFO engine.turn_failed")
    assert rest[-1] == "ValueError: broken"


def test_configured_log_goes_to_its_stream_from_its_level_on(lines: io.StringIO) -> None:
    """The level is taken in any case."""
    configure("INFO", lines)
    log = logging.getLogger("switchhook.test")

    log.debug("hidden")
    log.info("seen", extra={"field": 1})

    assert lines.getvalue().endswith(" INFO seen field=1\n")
    assert "hidden" not in lines.getvalue()


def test_libraries_are_heard_from_warnings_on(lines: io.StringIO) -> None:
    """Their own chatter is not the product's."""
    for name in ("uvicorn", "uvicorn.error", "asyncio", "urllib3.connectionpool", "any.other"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).debug("chatter")
        logging.getLogger(name).warning("trouble")

    assert "chatter" not in lines.getvalue()
    assert lines.getvalue().count("trouble") == 5


def test_libraries_are_not_heard_below_the_level(lines: io.StringIO) -> None:
    """Whoever asks for errors only gets none of their warnings."""
    configure("error", lines)

    logging.getLogger("uvicorn").warning("trouble")

    assert lines.getvalue() == ""


def test_errors_of_libraries_are_named_by_their_kind(lines: io.StringIO) -> None:
    """Their words hold addresses, whose path and query may be secret."""
    error = ConnectionError("Max retries exceeded with url: /v1/traces?key=secret")

    logging.getLogger("opentelemetry.exporter").warning("Transient %s, again in %.1fs", error, 2)

    assert lines.getvalue().endswith(" WARNING Transient ConnectionError, again in 2.0s\n")
