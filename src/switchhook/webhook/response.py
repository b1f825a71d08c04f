"""What did the webhook answer? Bytes in, one response out; no I/O.

httptools finds the messages; this file decides which of them is the answer, what of it is kept and
when to stop reading. Nobody wants the headers of most answers: those that are asked for are read
from the head once more.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import overload

import httptools

from switchhook.grid.ports import WebhookResponse

KEPT_BODY = 64 * 1024
MAX_HEAD = 64 * 1024
# An empty answer up to this size is remembered: a webhook's next one mostly has the same bytes.
MAX_USUAL = 1024
# An answer that is longer is cut here, and its connection closed: all that is kept has come.
MAX_RESPONSE = MAX_HEAD + KEPT_BODY

_Pairs = tuple[tuple[str, str], ...]


class ResponseReader:
    """Reads the answers of one connection, one after another; call `reset` between them.

    `received` counts bytes since then. `is_complete` says that the answer is there, `fault` why
    there will be none, and `can_reuse` whether another request may follow on the connection.

    `usual` is an answer that came as a whole, without a body, and left the connection for another.
    Where nothing was received and these bytes come again, nothing need be fed: the parser keeps
    nothing between two messages, and `usual_response` is what it would find.
    """

    __slots__ = (
        "_body",
        "_head",
        "_keeps_alive",
        "_kept",
        "_parser",
        "_status",
        "_usual_headers",
        "_usual_status",
        "can_reuse",
        "fault",
        "is_complete",
        "received",
        "usual",
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.usual: bytes | None = None
        self._usual_status: int | None = None
        self._usual_headers = Headers(b"")
        self.reset()

    def reset(self) -> None:
        """Expect the answer to a new request."""
        self._status: int | None = None
        self._head = b""  # what came until its end was seen, which may be more
        self._body: list[bytes] = []
        self._kept = 0
        self._keeps_alive = False
        self.received = 0
        self.fault = ""
        self.is_complete = False
        self.can_reuse = False

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self.received += len(data)
        if self._status is None:
            self._head += data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.fault = "it switched to another protocol, which nobody asked for"
        except httptools.HttpParserError as error:
            if self.is_complete:
                self.can_reuse = False
            else:
                self.fault = f"its answer is not HTTP/1.1 ({error}); it began with {data[:40]!r}"
        if self.received > MAX_HEAD:
            self._check_limits()
        elif self.can_reuse and not self._kept and self.received == len(data) <= MAX_USUAL:
            self.usual, self._usual_status = data, self._status
            self._usual_headers = Headers(data)

    def end(self) -> bool:
        """The connection ended: whether that completes the answer.

        It does for an answer without a length (RFC 9112, section 6.3, the last rule).
        """
        if self._status is not None and not self.fault and not self._has_length():
            self.is_complete = True
        return self.is_complete

    def response(self, duration: int) -> WebhookResponse:
        """The complete answer."""
        return WebhookResponse(
            status=self._status,
            headers=Headers(self._head),
            body=b"".join(self._body) if self._body else b"",
            duration=duration,
        )

    def usual_response(self, duration: int) -> WebhookResponse:
        """The response that the bytes of `usual` are."""
        return WebhookResponse(
            status=self._usual_status, headers=self._usual_headers, duration=duration
        )

    def _has_length(self) -> bool:
        return any(
            name == "content-length"
            or (name == "transfer-encoding" and value.lower().endswith("chunked"))
            for name, value in Headers(self._head)
        )

    def _check_limits(self) -> None:
        if self._status is None or _head_size(self._head) > MAX_HEAD:
            self.fault = self.fault or f"the head of its answer is larger than {MAX_HEAD} bytes"
        elif self.received > MAX_RESPONSE:
            self.is_complete = True

    # --- called by httptools; after the answer is complete they only note that more came --------

    def on_message_begin(self) -> None:
        self.can_reuse = False

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        # 100, 102 and 103 announce the answer (RFC 9110, section 15.2).
        if status >= 200 and not self.is_complete:
            self._status = status
            self._keeps_alive = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        room = KEPT_BODY - self._kept
        if room > 0 and not self.is_complete:
            self._body.append(body[:room])
            self._kept += len(body)

    def on_message_complete(self) -> None:
        if self._status is not None and not self.is_complete:
            self.is_complete = True
            self.can_reuse = self._keeps_alive


class Headers(Sequence[tuple[str, str]]):
    """The headers of the answer in bytes that were parsed before, read when they are asked for."""

    __slots__ = ("_head", "_pairs")

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._pairs: _Pairs | None = None

    @overload
    def __getitem__(self, place: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, place: slice) -> _Pairs: ...
    def __getitem__(self, place: int | slice) -> tuple[str, str] | _Pairs:
        return self._all()[place]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all())

    def _all(self) -> _Pairs:
        if self._pairs is None:
            self._pairs = tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1").rstrip())
                for name, value in _HeaderReader(self._head).headers
            )
        return self._pairs


def _head_size(head: bytes) -> int:
    return sum(len(name) + len(value) + 4 for name, value in _HeaderReader(head).headers)


class _HeaderReader:
    """Collects the headers of the first message that is no announcement; trailers are left out."""

    def __init__(self, head: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self._is_complete = False
        self._parser = httptools.HttpResponseParser(self)
        with contextlib.suppress(httptools.HttpParserError):  # of what follows the head
            self._parser.feed_data(head)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_complete:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() >= 200:
            self._is_complete = True
        elif not self._is_complete:
            self.headers.clear()
