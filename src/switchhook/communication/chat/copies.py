"""How does one event become many, one for each of up to 250 participants?

The copies of an event differ in four places: `id`, `subject`, the recipient's identifier and the
last number of `transactionId`. It is rendered once, with marks in those places, which are then
filled for each copy.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Protocol

import msgspec

from switchhook.communication import catalogue
from switchhook.guids import NewGuid

_encode = msgspec.json.encode


class Render(Protocol):
    """Renders the event for one recipient, as JSON."""

    def __call__(self, *, event_id: str, recipient: str, number: str) -> bytes:
        """`recipient` is a raw id, `number` the last one of the transaction id."""


class Template:
    """An event for the recipients of one prefix: what all copies share, and the places between."""

    def __init__(self, render: Render, prefix: str, mark: str) -> None:
        """`mark` is a text of letters and digits that nothing in the event contains."""
        event_id, rest, number = (f"{mark}{letter}" for letter in "xyz")
        text = render(event_id=event_id, recipient=f"{prefix}{rest}", number=number)
        first, *others = text.split(mark.encode())
        parts = [first]
        for other in others:
            parts += (other[:1], other[1:])
        self._parts = parts
        self._ids, self._rests, self._numbers = (
            tuple(index for index in range(1, len(parts), 2) if parts[index] == letter)
            for letter in (b"x", b"y", b"z")
        )

    def fill(self, event_id: str, rest: str, number: int) -> bytes:
        """The copy for the recipient whose raw id goes on with `rest` after the prefix."""
        parts = self._parts
        encoded = event_id.encode()
        for index in self._ids:
            parts[index] = encoded
        encoded = _encode(rest)[1:-1]
        for index in self._rests:
            parts[index] = encoded
        encoded = b"%d" % number
        for index in self._numbers:
            parts[index] = encoded
        return b"".join(parts)


def copies(
    render: Render,
    recipients: Sequence[str],
    *,
    numbers: "count[int]",
    new_guid: NewGuid,
) -> Iterator[bytes]:
    """The event for each of `recipients`, in their order, with a GUID and a number of its own."""
    templates: dict[str, Template] = {}
    for raw_id in recipients:
        prefix = catalogue.prefix_of(raw_id)
        template = templates.get(prefix)
        if template is None:
            template = templates[prefix] = Template(render, prefix, str(new_guid()))
        yield template.fill(str(new_guid()), raw_id[len(prefix) :], next(numbers))
