"""The Identity routes behind a real server on a free port, and raw requests to it."""

import json
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from switchhook import defaults
from switchhook.communication.identity.caller import Caller
from switchhook.grace import Grace
from switchhook.http.communication_api.bearer_authentication import BearerAuthenticator
from switchhook.http.communication_api.identity_api import VERSIONS, routes
from switchhook.http.communication_api.signed_endpoint import signed_endpoint
from switchhook.http.errors import exception_handlers, json_response
from switchhook.http.listener import listening
from tests.flow.identity.world import IdentityWorld, a_world
from tests.wire import Answer, a_context, exchange, signed_headers

VERSION = "api-version=2023-10-01"


@dataclass
class IdentityServer:
    """A server, the world behind it, and ways to reach it."""

    world: IdentityWorld
    port: int
    scheme: str
    ca: Path

    @property
    def endpoint(self) -> str:
        """The endpoint of every resource."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def connection_string(self) -> str:
        """As the portal shows it, for the default resource."""
        return f"endpoint={self.endpoint}/;accesskey={defaults.COMMUNICATION_KEYS[0]}"

    async def request(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        key: str = defaults.COMMUNICATION_KEYS[0],
        host: str = "",
        token: str | None = None,
        scheme: str = "Bearer",
    ) -> Answer:
        """A request as bytes on the wire: signed, or with a token."""
        host = host or f"127.0.0.1:{self.port}"
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body)
        content = content.encode() if isinstance(content, str) else content
        if token is None:
            headers = signed_headers(method, target, content, key, host, time.time())
        else:
            headers = {"Host": host, "Authorization": f"{scheme} {token}"}
        return await exchange(self.port, method, target, content, headers)


def _who_am_i(world: IdentityWorld) -> Route:
    """A route that users call with their tokens, as they call those of Chat."""

    async def answer(_: Request, caller: Caller, body: bytes) -> Response:
        scopes = sorted(caller.scopes)
        return json_response({"id": caller.raw_id, "scopes": scopes, "length": len(body)})

    authenticator = BearerAuthenticator(world.engine)
    endpoint = signed_endpoint(answer, authenticator=authenticator, versions=VERSIONS)
    return Route("/whoami", endpoint, methods=["GET", "POST"])


async def _serve(
    world: IdentityWorld, ca: Path, context: ssl.SSLContext | None = None
) -> AsyncIterator[IdentityServer]:
    """Serve a world."""
    app = Starlette(
        routes=[*routes(identity=world.engine, directory=world.directory), _who_am_i(world)],
        exception_handlers=exception_handlers(),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    async with listening(app, [listener], context, Grace(1)):
        port = listener.getsockname()[1]
        yield IdentityServer(world, port, "https" if context else "http", ca)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[IdentityServer]:
    """A server over the store in memory."""
    async for server in _serve(a_world(), tmp_path):
        yield server


@pytest.fixture
async def secure_server(tmp_path: Path) -> AsyncIterator[IdentityServer]:
    """The same over HTTPS, by an authority in a file."""
    path = tmp_path / "ca.pem"
    async for server in _serve(a_world(), path, a_context(path)):
        yield server
