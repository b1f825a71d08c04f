"""The reference page of the carrier simulator says what the simulator does."""

import re
from pathlib import Path

from switchhook.clock import SECOND
from switchhook.communication.carriers.simulator import SPECIAL_FATES, fate
from switchhook.communication.sms import statuses

PAGE = Path(__file__).parents[3] / "docs/reference/carrier-simulator.md"
ROWS = re.findall(
    r"^\| `\.\.\.(\d{4})` \| (.+?) \| (.+?) \|(?: (.+?) \|)?$", PAGE.read_text(), re.M
)


def test_every_number_with_a_fate_is_documented() -> None:
    """Once each, and no other."""
    documented = [ending for ending, *_ in ROWS]

    assert sorted(documented) == sorted([*map(str, statuses.DETAILS), *SPECIAL_FATES])


def test_documented_statuses_are_true() -> None:
    """Status and text of the first table."""
    for ending, status, details, other in ROWS:
        if not other:
            code = fate("+1425555" + ending, 1).code
            assert (status, details) == (statuses.delivery_status(code), statuses.DETAILS[code])


def test_documented_behaviours_are_true() -> None:
    """Status, attempts and instants of the second table, for a message of five segments."""
    values = {"n": "5", "h": "2", "(n - h)": "3"}
    for ending, status, attempts, reported in ROWS:
        if not reported:
            continue
        result = fate("+1425555" + ending, 5)
        shown = ", ".join(f"{a.segments_succeeded} + {a.segments_failed}" for a in result.attempts)
        for name in ("(n - h)", "n", "h"):
            attempts = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", values[name], attempts)
        instants = re.findall(r"([\d.]+) s", reported)
        assert int(status) == result.code
        assert attempts.replace("then ", "") == shown
        assert [float(text) for text in instants] == [
            after / SECOND for after in result.reported_after
        ]
