"""Which headers of the subscriber's choice does a delivery carry?

Source: delivery-properties.md; azure-mgmt-eventgrid 10.4.0, `StaticDeliveryAttributeMapping` and
`DynamicDeliveryAttributeMapping`.
"""

from collections.abc import Sequence

import msgspec

from switchhook.grid.subscriptions import DeliveryAttribute

MAX_DELIVERY_ATTRIBUTES = 10
MAX_VALUE_BYTES = 4096
# What a batch has whose events disagree about a dynamic value is not documented; the first event's
# value is sent, as for `aeg-data-version`.
EVENT_THAT_A_BATCH_SHOWS = 0

_JSON_TEXTS = {b"true": "true", b"false": "false", b"null": None}


def attribute_headers(
    attributes: Sequence[DeliveryAttribute], rendered: Sequence[bytes]
) -> dict[str, str]:
    """The names and values for a delivery of these events, in the form in which they are sent.

    A dynamic attribute whose source is absent, an object, an array or too long has no header; what
    Azure sends then is not documented.
    """
    shown = rendered[EVENT_THAT_A_BATCH_SHOWS]
    found = {}
    for attribute in attributes:
        value: str | None = attribute.value
        if attribute.source_field is not None:
            value = value_at(shown, attribute.source_field)
        if value is not None and len(value.encode(errors="replace")) <= MAX_VALUE_BYTES:
            found[attribute.name] = value
    return found


def value_at(event: bytes, path: str) -> str | None:
    """The text of the string, number or truth value at a dotted path; None for anything else.

    Numbers keep the digits with which they were published.
    """
    text = event
    try:
        for depth, step in enumerate(path.removeprefix("$.").split(".")):
            found = _member(text, step, any_case=depth == 0)
            if found is None:
                return None
            text = found
        return _scalar(text)
    except (
        msgspec.DecodeError
    ):  # publishing leaves `data` unread: it may hold half a surrogate pair
        return None


def header_text(text: str) -> bytes:
    """Anybody's text as a header value: nothing that could end the line or the header."""
    if text.isascii() and text.isprintable():  # nearly all are
        return text.encode()
    return "".join(c if " " <= c <= "~" else "?" for c in text).encode()


def _member(text: bytes, name: str, *, any_case: bool) -> bytes | None:
    if text[:1] != b"{":
        return None
    members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    if name not in members and any_case:  # the articles write `Subject` and `subject`
        name = next((each for each in members if each.lower() == name.lower()), name)
    found = members.get(name)
    return None if found is None else bytes(found)


def _scalar(text: bytes) -> str | None:
    if text in _JSON_TEXTS:
        return _JSON_TEXTS[text]
    if text[:1] in (b"{", b"["):
        return None
    if text[:1] == b'"':
        return msgspec.json.decode(text, type=str)
    return text.decode("ascii")
