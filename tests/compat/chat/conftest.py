"""Servers and clients for the tests of chat."""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from switchhook.grid.ports import Store as StorePort
from switchhook.stores.sqlite import SqliteStore
from tests.compat.chat.clients import Clients, python_clients
from tests.compat.chat.server import ChatServer, JavaScript, Store, javascript_process, serve
from tests.node import ROOT, node_with_clients
from tests.wire import a_context


@pytest.fixture
def store_kind() -> str:
    """Which store is behind the server: `memory` or `sqlite`."""
    return "memory"


@asynccontextmanager
async def a_store(kind: str, folder: Path) -> AsyncIterator[StorePort]:
    """A store of that kind."""
    if kind == "memory":
        yield Store()
        return
    async with SqliteStore.open(folder) as store:
        yield store


@pytest.fixture
async def server(store_kind: str, tmp_path: Path) -> AsyncIterator[ChatServer]:
    """A server over HTTP."""
    async with a_store(store_kind, tmp_path / "data") as store, serve(store=store) as server:
        yield server


@pytest.fixture
async def clients(store_kind: str, server: ChatServer) -> AsyncIterator[Clients]:
    """The blocking clients where the store is in memory, those of asyncio over SQLite."""
    kind = "sync" if store_kind == "memory" else "async"
    async with python_clients(kind, server.endpoint) as clients:
        yield clients


@pytest.fixture
def ca_bundle(tmp_path: Path) -> Path:
    """Where the authority of `secure_server` is written to."""
    return tmp_path / "ca.pem"


@pytest.fixture
async def secure_server(
    store_kind: str, ca_bundle: Path, tmp_path: Path
) -> AsyncIterator[ChatServer]:
    """A server over HTTPS."""
    async with (
        a_store(store_kind, tmp_path / "data") as store,
        serve(store=store, context=a_context(ca_bundle)) as server,
    ):
        yield server


@pytest.fixture
async def javascript(secure_server: ChatServer, ca_bundle: Path) -> AsyncIterator[JavaScript]:
    """The JavaScript client of `secure_server`."""
    async with javascript_client(secure_server, ca_bundle) as javascript:
        yield javascript


def javascript_client(
    server: ChatServer, ca_bundle: Path
) -> AbstractAsyncContextManager[JavaScript]:
    """The JavaScript client, which trusts the server's authority."""
    environment = os.environ | {"ENDPOINT": server.endpoint, "CA": str(ca_bundle)}
    script = ROOT / "tests/compat/js/chat_client.mjs"
    return javascript_process(node_with_clients(), script, environment)
