"""Is a request's body JSON that the log may hold: not too large, and readable for ever?"""

from collections.abc import Iterator

import msgspec

from switchhook.errors import RequestError
from switchhook.grid.events import EventSchema
from switchhook.grid.schemas import refusals

# event-schema.md: "1 MB per array and per event"; the limit is read as 2**20 bytes. An event is a
# part of its request's body, so that one check serves for both.
MAX_BODY_BYTES = 1 << 20
# includes/limits.md (Nov 2023), events per request.
MAX_EVENTS = 5000

# How much deeper the stack may be when an accepted body is read again: decoding is recursive.
_SPARE_DEPTH = 100
# A level takes two bytes. So long a text has half of the levels that Python's stack has at most:
# it can be read wherever it is.
SHALLOW_BYTES = 1000

EMPTY = "Unexpected end when reading JSON."
TOO_DEEP = "The JSON received is nested too deeply."

Members = dict[str, msgspec.Raw]

_text = msgspec.json.Decoder(msgspec.Raw)
_texts = msgspec.json.Decoder(list[msgspec.Raw])
_members = msgspec.json.Decoder(Members)
_string = msgspec.json.Decoder(str)

_TOKENS = {
    b'"': "String",
    b"{": "StartObject",
    b"[": "StartArray",
    b"t": "Boolean",
    b"f": "Boolean",
    b"n": "Null",
}


def too_large() -> RequestError:
    """The refusal of a body over the limit."""
    return refusals.too_large(f"The maximum size ({MAX_BODY_BYTES}) has been exceeded.")


def too_many() -> RequestError:
    """The refusal of too many events."""
    return refusals.too_large(f"The maximum number of events ({MAX_EVENTS}) has been exceeded.")


def check(body: bytes) -> None:
    """Refuse what is not JSON, or is nested too deeply to be read again."""
    if not body.strip():
        raise refusals.invalid(EMPTY)
    try:
        check_encoding(body)
        _text.decode(body)
    except RecursionError as problem:
        raise refusals.invalid(TOO_DEEP) from problem
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise refusals.not_valid(problem) from problem
    if len(body) > SHALLOW_BYTES:
        refuse_depth(body)


def check_encoding(body: bytes) -> None:
    """Raise `UnicodeDecodeError` if it is not UTF-8: a `Raw` value is passed over unread."""
    if not body.isascii():
        body.decode()


def refuse_depth(body: bytes) -> None:
    """Refuse JSON that could not be read a little deeper in the stack."""
    try:
        _text.decode(b"[" * _SPARE_DEPTH + body + b"]" * _SPARE_DEPTH)
    except RecursionError as problem:
        raise refusals.invalid(TOO_DEEP) from problem


def objects(body: bytes, schema: EventSchema) -> Iterator[Members]:
    """The members of each object in a checked body, which must be an array of nothing else."""
    expect(token(body), "StartArray", schema)
    for element in _texts.decode(body):
        expect(token(element), "StartObject", schema)
        yield _members.decode(element)


def expect(actual: str, expected: str, schema: EventSchema, name: str = "") -> None:
    """Refuse another token than the expected one."""
    if actual != expected:
        raise refusals.wrong_token(schema, expected=expected, actual=actual, name=name)


def token(text: bytes | msgspec.Raw) -> str:
    """What Azure's JSON reader calls the token that begins a value."""
    value = bytes(text).strip()
    if name := _TOKENS.get(value[:1]):
        return name
    return "Float" if any(letter in b".eE" for letter in value) else "Integer"


def members(text: msgspec.Raw) -> Members:
    """The members of an object."""
    return _members.decode(text)


def string(text: msgspec.Raw) -> str:
    """A string's value."""
    return _string.decode(text)
