"""At which position of which trace does a request stand? W3C Trace Context."""

import re
from collections.abc import Iterable
from typing import NamedTuple

Headers = Iterable[tuple[bytes, bytes]]  # with lower-case names, as ASGI has them

# Version 00 has exactly these fields; later versions may add to them, and ff is none
# (W3C Trace Context, 3.2.2).
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
    r"(?P<more>-.*)?",
    re.DOTALL,
)
_LONGEST = 512


class TraceParent(NamedTuple):
    """A position in a trace: ids as lower-case hexadecimal text."""

    trace_id: str
    span_id: str
    is_sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"


def parse_traceparent(text: str) -> TraceParent | None:
    """The position that a `traceparent` header names; None for what is not valid."""
    found = _TRACEPARENT.fullmatch(text.strip(" \t")) if len(text) <= _LONGEST else None
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
        return None
    if not found["trace"].strip("0") or not found["span"].strip("0"):
        return None
    return TraceParent(found["trace"], found["span"], bool(int(found["flags"], 16) & 1))


def traceparent_of(headers: Headers) -> TraceParent | None:
    """The position that a request's headers name; None without exactly one valid one."""
    given = [value for name, value in headers if name == b"traceparent"]
    return parse_traceparent(given[0].decode("latin-1")) if len(given) == 1 else None
