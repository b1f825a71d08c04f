"""How many segments does a message take on the air?

A segment is 140 bytes: 160 characters of 7 bits (GSM 03.38) or 70 of 16 bits (UCS-2). In a longer
message each segment gives 6 bytes to the header that joins them again (3GPP TS 23.040, 9.2.3.24).
"""

import re

# 3GPP TS 23.038, 6.2.1 and 6.2.1.1: the default alphabet, and its extension table, each character
# of which is sent as an escape and a second septet.
_DEFAULT = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_ALL = _DEFAULT | _EXTENSION

# Nearly every message: each character is one septet.
_IS_DEFAULT = re.compile(f"[{re.escape(''.join(sorted(_DEFAULT)))}]*").fullmatch

GSM_7 = (160, 153)
UCS_2 = (70, 67)


def count_segments(message: str) -> int:
    """The number of segments of `message`; an empty one still takes one."""
    septets = _count_septets(message)
    if septets is not None:
        return _count(septets, *GSM_7)
    return _count(len(message.encode("utf-16-le")) // 2, *UCS_2)


def _count_septets(message: str) -> int | None:
    if _IS_DEFAULT(message):
        return len(message)
    characters = set(message)
    if not characters <= _ALL:
        return None
    return len(message) + sum(message.count(character) for character in characters & _EXTENSION)


def _count(units: int, single: int, each: int) -> int:
    return 1 if units <= single else -(-units // each)
