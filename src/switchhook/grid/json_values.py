"""How is JSON decoded for comparisons: exactly, and without ever raising?"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

_LARGEST_EXPONENT = 10**18 - 1  # of a Decimal


def to_number(text: str) -> Decimal:
    """A JSON number as a decimal, exactly; an exponent beyond any decimal's is the largest one."""
    try:
        return Decimal(text)
    except InvalidOperation:
        digits, _, exponent = text.lower().partition("e")
        if not digits.strip("-0."):
            return Decimal(0)
        largest = -_LARGEST_EXPONENT if exponent.startswith("-") else _LARGEST_EXPONENT
        return Decimal(f"{'-' if digits.startswith('-') else ''}1e{largest}")


_decoder = msgspec.json.Decoder(float_hook=to_number)


def decode(text: bytes) -> Any:
    """The JSON value of `text`, numbers as int or Decimal; None when it cannot be decoded."""
    try:
        return _decoder.decode(text)
    except RecursionError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _decode_leniently(text)


def _decode_leniently(text: bytes) -> Any:
    """With what JSON allows and the quick decoder refuses: half of a surrogate pair as an escape,
    and integers of thousands of digits. Nothing finds a value in what is not JSON at all."""
    try:
        return json.loads(
            text, parse_float=to_number, parse_int=to_number, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


# --- for people ----------------------------------------------------------------------------------

_MANY_CHARACTERS = 200
_MANY_ITEMS = 5


def to_short_text(value: Any) -> str:
    """A decoded value as JSON that fits into a sentence: what is long or nested is cut short."""
    if not isinstance(value, list):
        return _shorten(value)
    items = [_shorten(item) for item in value[:_MANY_ITEMS]]
    return f"[{', '.join(items + ['...'] * (len(value) > _MANY_ITEMS))}]"


def _shorten(value: Any) -> str:
    # Nested values are not written down: their depth is the publisher's choice.
    if isinstance(value, list):
        return "[...]" if value else "[]"
    if isinstance(value, dict):
        return "{...}" if value else "{}"
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, Decimal) else str(value)
    text = text.encode(errors="backslashreplace").decode()  # half of a surrogate pair
    return text if len(text) <= _MANY_CHARACTERS else f"{text[:_MANY_CHARACTERS]}..."
