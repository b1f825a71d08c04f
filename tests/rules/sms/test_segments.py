"""How many segments a message takes."""

import pytest

from switchhook.communication.sms.segments import count_segments


@pytest.mark.parametrize(
    ("message", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("é" * 160, 1),
        ("\n" * 160, 1),
        ("€" * 80, 1),
        ("€" * 80 + "a", 2),
        ("{" * 153, 2),
        ("{" * 153 + "a", 3),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 35 + "a", 2),
        ("ç" * 71, 2),
        ("a" * 70 + "`", 2),
        ("a" * 69 + "`", 1),
    ],
)
def test_segments_are_counted_in_the_narrowest_encoding(message: str, segments: int) -> None:
    """GSM-7 where all characters allow it, its extension counting twice; else UTF-16 units."""
    assert count_segments(message) == segments


LATIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in "^{}\\[~]|`")


def test_printable_ascii_takes_one_septet_each() -> None:
    """All but the extension's characters and the backquote, which needs UCS-2."""
    assert len(LATIN) == 86
    assert count_segments(LATIN + LATIN[:74]) == 1
    assert count_segments(LATIN + LATIN[:75]) == 2
