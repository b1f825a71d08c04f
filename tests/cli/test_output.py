"""What commands print comes from strangers: no terminal obeys it, and no number stops it."""

import json

import pytest

from switchhook.cli.json_read import read_json
from switchhook.cli.main import main
from switchhook.cli.tables import print_json, print_pairs, print_table

EVIL = "\x1b]0;t\x07\x1b[2J\x9b\u202e\r\ud800"
ESCAPED = "\\u001b]0;t\\u0007\\u001b[2J\\u009b\\u202e\\r\\ud800"


def test_tables_escape_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """And a line stays one line."""
    print_table(("NAME",), [(f"{EVIL}\n",)])

    assert capsys.readouterr().out == f"NAME\n{ESCAPED}\\n\n"


def test_pairs_escape_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """The ids of events and the answers of webhooks stand in them."""
    print_pairs({"name": EVIL})

    assert capsys.readouterr().out == f"name  {ESCAPED}\n"


def test_json_escapes_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """Also those that JSON itself allows; it stays the same document."""
    print_json({"a": [EVIL, "\u00fc"]})
    text = capsys.readouterr().out

    assert ESCAPED in text
    assert "\u00fc" in text
    assert json.loads(text) == {"a": [EVIL, "\u00fc"]}


def test_errors_escape_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """They may quote what a webhook answered, or what was typed."""
    assert main([EVIL]) == 2

    assert ESCAPED in capsys.readouterr().err


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1e999", "-1e999999999"])
def test_number_that_python_cannot_have_is_shown_as_text(number: str) -> None:
    """Publishers may write it; whoever looks at events must not fail by it."""
    assert read_json(f'{{"data": [{number}, 1, 1.5]}}') == {"data": [number, 1, 1.5]}
