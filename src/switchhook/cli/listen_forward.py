"""How does `listen --forward` pass a delivery on? Unchanged: method, body, `aeg-*` headers."""

import asyncio
import ssl
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import httptools

from switchhook.cli.listen_receiver import ReceivedRequest, Reply

# As long as Event Grid itself waits for an answer (delivery-and-retry article).
ANSWER_TIMEOUT = 30.0  # seconds
_READ_SIZE = 1 << 16


def is_target(url: str) -> bool:
    """Whether deliveries can be passed on to `url`."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and has_port
        and "@" not in parts.netloc
    )


class Forwarder:
    """Passes requests on to one URL, and its answers back; a redirect is an answer like any."""

    def __init__(self, url: str, note: Callable[[str], None]) -> None:
        """`url` passed `is_target`; `note` hears why it could not be reached."""
        parts = urlsplit(url)
        self._url = url
        self._note = note
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        query = f"?{parts.query}" if parts.query else ""
        self._target = (parts.path or "/") + query
        self._authority = parts.netloc

    async def __call__(self, request: ReceivedRequest) -> Reply:
        """The target's answer; 502 or 504, and a note, when there is none."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await self._exchange(request)
        except TimeoutError:
            self._note(f"{self._url} did not answer in {ANSWER_TIMEOUT:g} seconds")
            return Reply(HTTPStatus.GATEWAY_TIMEOUT)
        except (OSError, EOFError, httptools.HttpParserError) as error:
            self._note(f"cannot forward to {self._url}: {error}")
            return Reply(HTTPStatus.BAD_GATEWAY)

    async def _exchange(self, request: ReceivedRequest) -> Reply:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        try:
            writer.write(self._head(request) + request.body)
            await writer.drain()
            answer = _AnswerReader()
            while not answer.is_complete:
                data = await reader.read(_READ_SIZE)
                if not data:
                    return answer.end()
                answer.parser.feed_data(data)
            return answer.reply()
        finally:
            writer.close()

    def _head(self, request: ReceivedRequest) -> bytes:
        lines = [f"{request.method} {self._target} HTTP/1.1", f"Host: {self._authority}"]
        lines += [
            f"{name}: {value}"
            for name, value in request.headers
            if name == "content-type" or name.startswith("aeg-")
        ]
        lines += [f"Content-Length: {len(request.body)}", "Connection: close", "", ""]
        return "\r\n".join(lines).encode("latin-1")


class _AnswerReader:
    """Callbacks of the parser."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.is_complete = False
        self._has_headers = False
        self._is_framed = False
        self._content_type = ""
        self._body: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"content-type":
                self._content_type = value.decode("latin-1")
            case b"content-length" | b"transfer-encoding":
                self._is_framed = True

    def on_headers_complete(self) -> None:
        self._has_headers = True

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.is_complete = True

    def end(self) -> Reply:
        """The answer of a target that closed the connection, which may be how it ends a body."""
        if not self._has_headers or self._is_framed:
            raise EOFError("the connection was closed before the answer was complete")
        return self.reply()

    def reply(self) -> Reply:
        return Reply(self.parser.get_status_code(), b"".join(self._body), self._content_type)
