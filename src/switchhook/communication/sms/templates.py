"""How does one rendering serve many events that differ in a few texts?

It is made with a mark in the place of each text; to fill it is to put the texts there.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter

from switchhook.grid.schemas import event_grid
from switchhook.grid.schemas.event_grid import ServiceEvent

# A character for private use: no address, number or text of our own has it.
_MARK = "\ue000"


def mark(number: int) -> str:
    """What stands for a text, known by its number (0 to 999)."""
    return f"{_MARK}{number:03}"


class Template:
    """An event with marks in it."""

    __slots__ = ("_envelope", "_id", "_parts", "_subject", "_texts_of")

    def __init__(self, marked: bytes) -> None:
        """`marked` is JSON with two marks or more; those of its id and subject stand for texts that
        JSON has as they are."""
        first, *others = marked.decode().split(_MARK)
        self._parts = [first]
        for other in others:
            self._parts += ("", other[3:])
        self._texts_of = itemgetter(*(int(other[:3]) for other in others))
        envelope = event_grid.envelope(marked)
        self._id, self._subject = _formatter(envelope.id), _formatter(envelope.subject)
        self._envelope = (
            envelope.eventType,
            envelope.dataVersion,
            envelope.metadataVersion,
            envelope.topic,
        )

    def fill(self, texts: Sequence[str]) -> ServiceEvent:
        """The event with these texts, each as JSON has it between its quotes."""
        parts = self._parts.copy()
        parts[1::2] = self._texts_of(texts)
        text = "".join(parts).encode()
        return ServiceEvent(self._id(*texts), self._subject(*texts), *self._envelope, text)


def _formatter(marked: str) -> Callable[..., str]:
    """What puts texts into the places of a short one."""
    first, *others = marked.replace("{", "{{").replace("}", "}}").split(_MARK)
    return (first + "".join([f"{{{int(each[:3])}}}{each[3:]}" for each in others])).format
