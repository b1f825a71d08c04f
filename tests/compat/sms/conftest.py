"""The SMS routes behind a real server on a free port, and raw requests to it."""

import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.applications import Starlette

from switchhook import defaults
from switchhook.grace import Grace
from switchhook.http.communication_api.sms_api import routes
from switchhook.http.errors import exception_handlers
from switchhook.http.listener import listening
from switchhook.stores.memory import MemoryStore
from switchhook.stores.sqlite import SqliteStore
from tests.flow.sms.world import SmsWorld, a_world
from tests.wire import Answer, a_context, exchange, header_names, signed_headers

VERSIONED_SMS = "/sms?api-version=2021-03-07"


@dataclass
class SmsServer:
    """A server, the world behind it, and ways to reach it."""

    world: SmsWorld
    port: int
    scheme: str

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
        body: bytes = b"",
        *,
        key: str = defaults.COMMUNICATION_KEYS[0],
        host: str = "",
        sign_at: float = 0,
        **headers: str,
    ) -> Answer:
        """A signed request as bytes on the wire."""
        host = host or f"127.0.0.1:{self.port}"
        sent = signed_headers(method, target, body, key, host, time.time() + sign_at)
        sent |= header_names(headers)
        return await exchange(self.port, method, target, body, sent)


async def serve(world: SmsWorld, context: ssl.SSLContext | None = None) -> AsyncIterator[SmsServer]:
    """Serve a world; credentials age by real time, messages by the test's clock."""
    app = Starlette(
        routes=routes(sms=world.engine, directory=world.directory),
        exception_handlers=exception_handlers(),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    async with listening(app, [listener], context, Grace(1)):
        yield SmsServer(world, listener.getsockname()[1], "https" if context else "http")
    await world.engine.due_work.close()


@pytest.fixture
async def server() -> AsyncIterator[SmsServer]:
    """A server over the store in memory."""
    async for server in serve(a_world()):
        yield server


@pytest.fixture(params=["memory", "sqlite"])
async def server_over_each_store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[SmsServer]:
    """A server over each store in turn."""
    if request.param == "memory":
        async for server in serve(a_world(store=MemoryStore())):
            yield server
        return
    async with SqliteStore.open(tmp_path / "data") as store:
        async for server in serve(a_world(store=store)):
            yield server


@pytest.fixture
def ca_bundle(tmp_path: Path) -> Path:
    """Where the authority of `secure_server` is written to."""
    return tmp_path / "ca.pem"


@pytest.fixture
async def secure_server(ca_bundle: Path) -> AsyncIterator[SmsServer]:
    """A server over HTTPS."""
    async for server in serve(a_world(), a_context(ca_bundle)):
        yield server
