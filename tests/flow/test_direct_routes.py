"""What becomes of requests on the direct way, and of those that it does not serve?"""

import logging
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from switchhook.grace import Grace
from switchhook.http.direct_routes import DirectRoutes
from switchhook.http.errors import exception_handlers
from switchhook.http.listener import listening
from tests import wire


async def _name(request: Request) -> Response:
    return PlainTextResponse(request.path_params["name"])


async def _fail(_: Request) -> Response:
    raise ZeroDivisionError


async def _other(request: Request) -> Response:
    return PlainTextResponse(f"other {request.url.path}")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server with two direct routes, and others behind them."""
    direct = [
        Route("/things/{name}", _name, methods=["GET"]),
        Route("/things/{name}/failures", _fail, methods=["POST"]),
    ]
    others = Starlette(
        routes=[*direct, Route("/{path:path}", _other, methods=["GET"])],
        exception_handlers=exception_handlers(),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    async with listening(DirectRoutes(direct, others), [listener], None, Grace(1.0)):
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
