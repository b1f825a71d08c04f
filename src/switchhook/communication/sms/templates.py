"""How does one rendering serve many events that differ in a few texts?

It is made with a mark in the place of each text; to fill it is to put the texts there.
"""

from collections.abc import Sequence
from operator import itemgetter

# A character for private use: no address, number or text of our own has it.
_MARK = "\ue000"


def mark(number: int) -> str:
    """What stands for a text, known by its number (0 to 999)."""
    return f"{_MARK}{number:03}"


class Template:
    """An event with marks in it."""

    __slots__ = ("_parts", "_texts_of")

    def __init__(self, marked: bytes) -> None:
        """`marked` is JSON with two marks or more."""
        first, *others = marked.decode().split(_MARK)
        self._parts = [first]
        for other in others:
            self._parts += ("", other[3:])
        self._texts_of = itemgetter(*(int(other[:3]) for other in others))

    def fill(self, texts: Sequence[str]) -> bytes:
        """The event with these texts, each as JSON has it between its quotes."""
        parts = self._parts.copy()
        parts[1::2] = self._texts_of(texts)
        return "".join(parts).encode()
