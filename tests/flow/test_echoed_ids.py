"""A client's request id comes back as it was sent; can it hold more of an answer than an id?"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from switchhook.errors import RequestError
from switchhook.grace import Grace
from switchhook.http.communication_api.authentication import read_body
from switchhook.http.communication_api.signed_endpoint import signed_endpoint
from switchhook.http.cors import Cors
from switchhook.http.direct_routes import DirectRoutes
from switchhook.http.listener import Door, listening

_CONTROLS = [*range(0x20), 0x7F]
_TAB = 0x09
_ENDS = [b"\r\n", b"\n\r", b"\r\n ", b"\r\n\t", b"\n ", b"\r ", b"\x00\r\n", b"\x0b\n"]


class _Everybody:
    async def authenticate(self, request: Request) -> tuple[str, bytes]:
        body = await read_body(request)
        if body == b"refuse":
            raise RequestError(400, "BadRequest", "No.")
        return "somebody", body


async def _answer(_: Request, __: str, body: bytes) -> Response:
    return PlainTextResponse(body)


@pytest.fixture(params=["on the connection", "through ASGI"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    """The port of a server that answers with what it is sent."""
    endpoint = signed_endpoint(_answer, authenticator=_Everybody(), versions=("2026-01-23",))
    others = Starlette()
    routes = DirectRoutes([Route("/sms", endpoint, methods=["POST"])], others)
    cors = Cors(routes, ("/sms",))
    is_direct = request.param == "on the connection"
    door = Door(None, cors, direct=routes if is_direct else None, own_lines=cors.lines)
    listener = socket.create_server(("127.0.0.1", 0))
    async with listening(door, [listener], None, Grace(1.0)):
        yield listener.getsockname()[1]


async def _ask(port: int, client_id: bytes, body: bytes = b"a lamp") -> bytes:
    """All that comes back for one request with that id, until the server closes."""
    lines = [
        b"POST /sms?api-version=2026-01-23 HTTP/1.1",
        b"Host: a",
        b"Connection: close",
        b"Content-Length: %d" % len(body),
        b"X-Ms-Return-Client-Request-Id: true",
        b"X-Ms-Client-Request-Id: " + client_id,
        b"",
        body,
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\r\n".join(lines))
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


@pytest.mark.parametrize("body", [b"a lamp", b"refuse"])
async def test_an_id_comes_back_byte_for_byte(port: int, body: bytes) -> None:
    """Whatever it has of Latin-1."""
    client_id = b"mine: 1;\t\xe9\xff"
    head, _, _ = (await _ask(port, client_id, body)).partition(b"\r\n\r\n")

    assert head.split(b"\r\n").count(b"x-ms-client-request-id: " + client_id) == 1


@pytest.mark.parametrize("between", [bytes([each]) for each in _CONTROLS] + _ENDS)
@pytest.mark.parametrize("body", [b"a lamp", b"refuse"])
async def test_no_control_character_in_an_id_splits_an_answer(
    port: int, between: bytes, body: bytes
) -> None:
    """One answer, in whose head nothing stands that a client made."""
    answer = await _ask(port, b"a" + between + b"Set-Cookie: b=1" + between + b"c", body)
    head, _, content = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")

    assert len(re.findall(rb"HTTP/1\.1 \d", answer)) == 1
    assert not [line for line in lines if line.lower().startswith(b"set-cookie")]
    assert not [byte for line in lines for byte in line if byte in _CONTROLS and byte != _TAB]
    assert head.count(b"x-ms-client-request-id:") <= 1
    assert b"Set-Cookie" not in content
