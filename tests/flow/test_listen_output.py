"""How `switchhook listen` shows events, and what its command line accepts."""

import argparse
import io
import json
import time
from collections.abc import Iterator

import pytest

from switchhook.cli import listen
from switchhook.cli.listen_output import printer, to_json_line, to_text, wants_colour
from tests.builders import an_event


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_utc")
def test_an_event_for_people_has_time_type_subject_and_data() -> None:
    """One line, and the data below."""
    event = an_event(eventTime="2026-01-01T10:20:30.4567Z", subject="/phonenumber/1555")

    assert to_text(event, 0, colour=False) == (
        '10:20:30.456  Shop.OrderPlaced  /phonenumber/1555\n  {\n    "total": 12.5\n  }'
    )


@pytest.mark.usefixtures("in_utc")
def test_a_cloud_event_has_them_too() -> None:
    """Under the names of CloudEvents."""
    event = {"type": "Order", "time": "2026-01-01T10:20:30Z", "subject": "a", "data": 1}

    assert to_text(event, 0, colour=False) == "10:20:30.000  Order  a\n  1"


@pytest.mark.usefixtures("in_utc")
def test_a_repeated_attempt_says_so() -> None:
    """So that a rehearsed failure can be watched."""
    text = to_text(an_event(), 2, colour=False)

    assert text.startswith("00:00:00.000  Shop.OrderPlaced  orders/17  (attempt 3)\n")


def test_colours_are_ended() -> None:
    """Each coloured part ends with a reset."""
    head = to_text(an_event(), 1, colour=True).split("\n")[0]

    assert head.count("\x1b[0m") == 4
    assert head.count("\x1b[") == 8


@pytest.mark.parametrize("colour", [False, True])
def test_control_characters_of_an_event_are_escaped(colour: bool) -> None:
    """Events come from strangers, and a terminal obeys what it prints."""
    evil = "\x1b[2J\x07\x9b\u202e\n"
    event = an_event(subject=evil, eventType=evil, eventTime=evil, data={evil: evil})

    text = to_text(event, 0, colour=colour)

    assert "\x1b[2J" not in text
    assert not set("\x07\x9b\u202e") & set(text)
    assert "\\u001b[2J\\u0007\\u009b\\u202e\\n" in text


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon"])
def test_time_that_no_zone_has_is_shown_as_it_is(time: str) -> None:
    """A publisher may write any."""
    assert to_text(an_event(eventTime=time), 0, colour=False).startswith(f"{time}  ")


def test_an_event_for_programs_is_one_line_of_json() -> None:
    """The event as it was delivered, line ends and terminal commands escaped."""
    event = an_event(data={"text": "one\ntwo\x9b\U000e0001 häuser"})

    line = to_json_line(event)

    assert json.loads(line) == event
    assert "\n" not in line
    assert "\x9b" not in line
    assert "häuser" in line


def test_missing_members_are_shown_as_nothing() -> None:
    """A forwarded request of somebody else is no reason to fail."""
    assert to_text({}, 0, colour=False).endswith("null")


def test_the_printer_writes_and_flushes() -> None:
    """Each event ends its line at once."""
    out = io.StringIO()

    printer(out, as_json=True, colour=False)({"id": "1"}, 0)
    printer(out, as_json=False, colour=False)({"data": 1}, 0)

    assert out.getvalue().startswith('{"id":"1"}\n')
    assert out.getvalue().endswith("  1\n")


@pytest.mark.parametrize(
    ("out", "environ", "expected"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    out: io.StringIO, environ: dict[str, str], expected: bool
) -> None:
    """NO_COLOR counts when it is not empty (no-color.org)."""
    assert wants_colour(out, environ) is expected


def parsed(*words: str) -> argparse.Namespace:
    """The command line as `listen` reads it."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    listen.add_parser(parser.add_subparsers())
    return parser.parse_args(["listen", *words])


def test_types_can_be_given_together_or_one_by_one() -> None:
    """`--type A B` and `--type A --type B` are the same."""
    assert parsed("--type", "A", "B").type == ["A", "B"]
    assert parsed("--type", "A", "--type", "B").type == ["A", "B"]


@pytest.mark.parametrize(
    "words",
    [
        ("--respond", "99"),
        ("--respond", "many"),
        ("--delay", "-1"),
        ("--delay", "nan"),
        ("--delay", "soon"),
        ("--forward", "localhost:7071"),
        ("--forward", "http://localhost/", "--respond", "503"),
        ("--topic", "a", "--communication", "b"),
    ],
)
def test_wrong_options_are_refused(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the option."""
    with pytest.raises(SystemExit) as ended:
        parsed(*words)

    assert ended.value.code == 2
    assert words[-2] in capsys.readouterr().err
