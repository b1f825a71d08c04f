"""What becomes of requests on the direct way, and of those that it does not serve?"""

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from switchhook.grace import Grace
from switchhook.http.cors import Cors
from switchhook.http.direct_routes import DirectRoutes
from switchhook.http.errors import exception_handlers
from switchhook.http.listener import Door, listening
from tests import wire


async def _name(request: Request) -> Response:
    return PlainTextResponse(request.path_params["name"])


async def _fail(_: Request) -> Response:
    raise ZeroDivisionError


async def _echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def _other(request: Request) -> Response:
    return PlainTextResponse(f"other {request.url.path}")


@pytest.fixture(params=["on the connection", "through ASGI"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    """The port of a server with direct routes, and others behind them."""
    direct = [
        Route("/things/{name}", _name, methods=["GET"]),
        Route("/things/{name}/failures", _fail, methods=["POST"]),
        Route("/things/{name}/echo", _echo, methods=["POST"]),
    ]
    others = Starlette(
        routes=[*direct, Route("/{path:path}", _other, methods=["GET"])],
        exception_handlers=exception_handlers(),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    routes = DirectRoutes(direct, others)
    cors = Cors(routes, ("/things",))
    is_direct = request.param == "on the connection"
    door = Door(None, cors, direct=routes if is_direct else None, own_lines=cors.lines)
    async with listening(door, [listener], None, Grace(1.0)):
        yield listener.getsockname()[1]


async def test_a_direct_route_has_the_parameters_of_its_path(port: int) -> None:
    answer = await wire.exchange(port, "GET", "/things/a%20lamp", None, {})

    assert (answer.status, answer.text) == (200, "a lamp")


@pytest.mark.parametrize("path", ["/", "/thing/one", "/things", "/things/one/two", "//things/one"])
async def test_other_paths_are_left_to_the_other_routes(port: int, path: str) -> None:
    answer = await wire.exchange(port, "GET", path, None, {})

    assert (answer.status, answer.text) == (200, f"other {path}")


async def test_another_method_is_refused_as_by_every_route(port: int) -> None:
    answer = await wire.exchange(port, "DELETE", "/things/one", None, {})

    assert (answer.status, answer.body["error"]["code"]) == (405, "MethodNotAllowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_an_error_of_our_own_is_logged_and_worded_as_everywhere(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await wire.exchange(port, "POST", "/things/one/failures", None, {})

    assert (answer.status, answer.body["error"]["code"]) == (500, "InternalServerError")
    assert [record.message for record in caplog.records] == ["request.failed"]


def _post(body: bytes, *lines: bytes, name: bytes = b"a") -> bytes:
    length = b"Content-Length: %d" % len(body)
    first = b"POST /things/%s/echo HTTP/1.1" % name
    return b"\r\n".join((first, b"Host: a", length, *lines, b"", body))


async def _talk(port: int, *pieces: bytes) -> bytes:
    """All that comes back, until the server closes, for these pieces, each sent on its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seen = b""
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        # An answer to a request of its own says that the server has read so far.
        other, asks = await asyncio.open_connection("127.0.0.1", port)
        asks.write(b"GET /things/mark HTTP/1.0\r\n\r\n")
        assert b"mark" in await other.read()
        asks.close()
    seen = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return seen


_LAST = b"Connection: close"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([_post(b"a lamp", _LAST)], id="at once"),
        pytest.param([_post(b"a lamp", _LAST)[:9], _post(b"a lamp", _LAST)[9:]], id="head in two"),
        pytest.param([_post(b"a lamp", _LAST)[:-6], b"a lamp"], id="body later"),
        pytest.param([_post(b"a lamp", _LAST)[:-2], b"mp"], id="body in two"),
        pytest.param(
            [
                b"POST /things/a/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n2\r\na \r\n4\r\nlamp\r\n0\r\n\r\n"
            ],
            id="chunks",
        ),
    ],
)
async def test_a_request_may_come_whole_or_in_pieces(port: int, pieces: list[bytes]) -> None:
    answer = await _talk(port, *pieces)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b"a lamp"
    for line in (b"connection: close", b"content-length: 6", b"access-control-allow-origin: *"):
        assert head.split(b"\r\n").count(line) == 1
    assert re.search(rb"\r\ndate: ", head)


async def test_requests_in_one_write_are_answered_in_order(port: int) -> None:
    others = b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"
    asked = [_post(b"one"), others, _post(b"two"), _post(b"three", _LAST)]
    answer = await _talk(port, b"".join(asked))

    assert re.findall(rb"one|other /other|two|three", answer) == [
        b"one",
        b"other /other",
        b"two",
        b"three",
    ]


async def test_a_body_that_is_announced_is_asked_for(port: int) -> None:
    whole = _post(b"a lamp", b"Expect: 100-continue", _LAST)
    answer = await _talk(port, whole[:-6], b"a lamp")

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\na lamp")


async def test_answer_to_head_has_no_body(port: int) -> None:
    answer = await _talk(port, b"HEAD /things/lamp HTTP/1.0\r\nHost: a\r\n\r\n")

    assert b"content-length: 4" in answer
    assert answer.endswith(b"\r\n\r\n")
