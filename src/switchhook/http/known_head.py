"""How is a publish request recognized whose head is that of the one before?

A client mostly says the same before each body. Between two requests the parser of a connection
keeps nothing, so that the same bytes mean the same again, and need not be read again.
"""

import msgspec

from switchhook.grid.schemas.json_text import MAX_BODY_BYTES
from switchhook.http.publish_head import PublishHead

_LENGTH = b"content-length"
# Digits of a length: those of the longest body there may be.
_DIGITS = len(str(MAX_BODY_BYTES))
# Longer heads are not kept: there is one for each idle connection.
_KEPT_BYTES = 4 << 10
_FORBIDDEN = (b"transfer-encoding", b"expect", b"upgrade")


class KnownHead(msgspec.Struct, frozen=True, gc=False):
    """The bytes of a head before its `content-length` and behind it, and what it says.

    `text` are all of them, as they came; `body` is where its own body begins, and how long it is.
    """

    before: bytes
    behind: bytes
    head: PublishHead
    text: bytes
    body: tuple[int, int]

    def body_in(self, data: bytes) -> tuple[int, int] | None:
        """Where the body begins, and how long it is, of a request that `data` begins with; None if
        its head is another one, or the body is too long."""
        if data.startswith(self.text):
            return self.body
        before, behind = self.before, self.behind
        if not data.startswith(before):
            return None
        start = len(before)
        end = data.find(b"\r", start, start + _DIGITS + 1)
        digits = data[start:end]
        if not digits.isdigit() or not data.startswith(behind, end):
            return None
        length = int(digits)
        return (end + len(behind), length) if length <= MAX_BODY_BYTES else None


def known_head(data: bytes, head: PublishHead) -> KnownHead | None:
    """What to recognize the next request by, when `data` begins with one that has this head; None
    where the head alone does not say where the next request begins."""
    fields = head.fields
    length = fields.get(_LENGTH, b"")
    if head.is_last or not length or any(name in fields for name in _FORBIDDEN):
        return None
    text = data[: data.find(b"\r\n\r\n", 0, _KEPT_BYTES) + 4]
    lines = len(head.headers) + 2
    if text.count(b"\r\n") != lines or text.count(b"\n") != lines:
        return None  # it has ends of lines that are read, though they are not written so
    name = text.lower().find(b"\r\n%b:" % _LENGTH)
    start = text.find(length, name + len(_LENGTH) + 3)
    before, behind = text[:start], text[start + len(length) :]
    if not behind.startswith(b"\r") or int(length) > MAX_BODY_BYTES:
        return None
    return KnownHead(before, behind, head, text, (len(text), int(length)))
