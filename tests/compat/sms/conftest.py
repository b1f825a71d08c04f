"""The SMS routes behind a real server on a free port, and raw requests to it."""

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import trustme
from starlette.applications import Starlette

from switchhook import defaults
from switchhook.grace import Grace
from switchhook.http.communication_api.sms_api import routes
from switchhook.http.errors import exception_handlers
from switchhook.http.listener import listening
from switchhook.stores.memory import MemoryStore
from switchhook.stores.sqlite import SqliteStore
from tests.flow.sms.world import SmsWorld, a_world

VERSIONED_SMS = "/sms?api-version=2021-03-07"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any


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
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await asyncio.to_thread(self._exchange, method, target, body, sent)

    def _exchange(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            content = response.read()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, json.loads(content) if content else None)
        finally:
            connection.close()


def signed_headers(
    method: str, target: str, body: bytes, key: str, host: str, at: float
) -> dict[str, str]:
    """The headers of a signed request."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    date = formatdate(at, usegmt=True)
    text = f"{method}\n{target}\n{date};{host};{digest}"
    mac = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    signature = base64.b64encode(mac).decode()
    return {
        "Host": host,
        "x-ms-date": date,
        "x-ms-content-sha256": digest,
        "Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
        f"&Signature={signature}",
    }


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
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(ca_bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    async for server in serve(a_world(), context):
        yield server
