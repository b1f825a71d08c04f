"""Which pages may call what? A real server, and what a browser would send."""

import socket
from collections.abc import AsyncIterator, Mapping

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from switchhook.errors import RequestError
from switchhook.grace import Grace
from switchhook.http.cors import Cors
from switchhook.http.errors import exception_handlers
from switchhook.http.listener import listening
from tests import wire

ORIGIN = "https://shop.example"
OPEN = (
    "/chat/threads",
    "/identities",
    "/identities/8:acs:x",
    "/access/entra/:exchangeAccessToken",
    "/teamsUser/:exchangeAccessToken",
)


async def answer(request: Request) -> Response:
    """What any route does."""
    if request.headers.get("authorization") != "Bearer good":
        raise RequestError(401, "Unauthorized", "Request is not authorized.")
    return Response(b"{}", headers={"x-ms-request-id": "1"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server with a data plane and other routes."""
    routes = [
        Route(path, answer, methods=["GET", "POST"])
        for path in (*OPEN, "/chatter", "/subscriptions/s")
    ]
    app = Cors(Starlette(routes=routes, exception_handlers=exception_handlers()))
    listener = socket.create_server(("127.0.0.1", 0))
    async with listening(app, [listener], None, Grace(1)):
        yield listener.getsockname()[1]


async def exchange(
    port: int, method: str, path: str, **headers: str
) -> tuple[int, Mapping[str, str]]:
    """A request from a page; the answer's status and headers."""
    sent = {"Origin": ORIGIN} | wire.header_names(headers)
    answer = await wire.exchange(port, method, path, None, sent)
    return answer.status, answer.headers


async def test_preflight_allows_what_the_page_asks_for(port: int) -> None:
    """`Authorization` by name, as no wildcard covers it."""
    asked = "authorization,content-type,x-ms-client-request-id,repeatability-request-id"

    status, headers = await exchange(
        port,
        "OPTIONS",
        "/chat/threads/19%3Ax%40thread.v2/messages?api-version=2025-03-15",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers=asked,
    )

    assert status == 204
    assert "content-length" not in headers
    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-allow-headers"] == asked
    methods = set(headers["access-control-allow-methods"].split(", "))
    assert methods == {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
    assert headers["vary"] == "Access-Control-Request-Headers"
    assert "access-control-allow-credentials" not in headers
    assert int(headers["access-control-max-age"]) > 0


@pytest.mark.parametrize("asked", ["", "no headers at all", "x-ok, b@d"])
async def test_strange_header_names_are_not_repeated(port: int, asked: str) -> None:
    """The usual ones are allowed then."""
    _, headers = await exchange(
        port,
        "OPTIONS",
        "/chat/threads",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers=asked,
    )

    assert set(headers["access-control-allow-headers"].split(", ")) == {
        "authorization",
        "content-type",
        "x-ms-client-request-id",
        "repeatability-request-id",
    }


@pytest.mark.parametrize("credential", ["Bearer good", "Bearer bad"])
async def test_answers_can_be_read(port: int, credential: str) -> None:
    """Refusals too, with the headers that clients read."""
    status, headers = await exchange(port, "GET", "/chat/threads", Authorization=credential)

    assert status == (200 if credential == "Bearer good" else 401)
    assert headers["access-control-allow-origin"] == "*"
    assert set(headers["access-control-expose-headers"].split(", ")) == {
        "api-supported-versions",
        "location",
        "operation-location",
        "repeatability-result",
        "retry-after",
        "www-authenticate",
        "x-ms-client-request-id",
        "x-ms-error-code",
        "x-ms-request-id",
    }


@pytest.mark.parametrize("path", OPEN)
async def test_every_service_of_browsers_is_open(port: int, path: str) -> None:
    """Chat and whatever gives out tokens."""
    _, asked = await exchange(port, "OPTIONS", path, Access_Control_Request_Method="POST")
    _, headers = await exchange(port, "POST", path, Authorization="Bearer good")

    assert asked["access-control-allow-origin"] == headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("PUT", "/chat/threads", 405), ("GET", "/chat/nothing", 404)]
)
async def test_what_is_not_there_can_be_read_too(
    port: int, method: str, path: str, status: int
) -> None:
    """A page learns why, instead of failing without a reason."""
    found, headers = await exchange(port, method, path)

    assert found == status
    assert headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/subscriptions/s", "/chatter", "/"])
async def test_other_routes_stay_closed(port: int, path: str) -> None:
    """Neither preflight nor answer lets a page in."""
    preflight, asked = await exchange(port, "OPTIONS", path, Access_Control_Request_Method="PUT")
    _, headers = await exchange(port, "GET", path, Authorization="Bearer good")

    assert preflight in (404, 405)
    assert not [name for name in (*asked, *headers) if name.startswith("access-control-")]


async def test_options_of_no_page_is_a_method_like_others(port: int) -> None:
    """405, for a route that has none."""
    status, _ = await exchange(port, "OPTIONS", "/chat/threads")

    assert status == 405
