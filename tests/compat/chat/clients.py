"""The official Python clients, sync and asyncio, behind one way of calling them.

A test then says once what both have to do.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from azure.communication.chat import ChatClient, CommunicationTokenCredential
from azure.communication.chat.aio import ChatClient as AsyncChatClient
from azure.communication.chat.aio import (
    CommunicationTokenCredential as AsyncCommunicationTokenCredential,
)
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport


class AllowHttp(SansIOHTTPPolicy[Any, Any]):
    """Lets a bearer token go over HTTP."""

    def on_request(self, request: Any) -> None:
        """See `SansIOHTTPPolicy`."""
        request.context.options["enforce_https"] = False


class Clients(Protocol):
    """Either client of a server."""

    def chat(self, token: str) -> Any:
        """A chat client of the user with that token."""

    def thread(self, chat: Any, thread_id: str) -> Any:
        """That client's client of a thread."""

    async def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """The result of an operation that is no list."""

    async def pages(self, function: Callable[..., Any], **options: Any) -> list[list[Any]]:
        """The pages of a list."""


class SyncClients:
    """The blocking client, each call in a thread."""

    def __init__(self, endpoint: str, transport: RequestsTransport, retries: int) -> None:
        self._endpoint = endpoint
        self._options = _options(endpoint, transport, retries)

    def chat(self, token: str) -> Any:
        """See `Clients`."""
        return ChatClient(self._endpoint, CommunicationTokenCredential(token), **self._options)

    def thread(self, chat: Any, thread_id: str) -> Any:
        """See `Clients`."""
        return chat.get_chat_thread_client(thread_id, **self._options)

    async def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """See `Clients`."""
        return await asyncio.to_thread(function, *args, **options)

    async def pages(self, function: Callable[..., Any], **options: Any) -> list[list[Any]]:
        """See `Clients`."""

        def read() -> list[list[Any]]:
            return [list(page) for page in function(**options).by_page()]

        return await asyncio.to_thread(read)


class AsyncClients:
    """The asyncio client."""

    def __init__(self, endpoint: str, transport: AioHttpTransport, retries: int) -> None:
        self._endpoint = endpoint
        self._options = _options(endpoint, transport, retries)

    def chat(self, token: str) -> Any:
        """See `Clients`."""
        credential = AsyncCommunicationTokenCredential(token)
        return AsyncChatClient(self._endpoint, credential, **self._options)

    def thread(self, chat: Any, thread_id: str) -> Any:
        """See `Clients`."""
        return chat.get_chat_thread_client(thread_id, **self._options)

    async def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """See `Clients`."""
        result = function(*args, **options)
        return await result if inspect.isawaitable(result) else result

    async def pages(self, function: Callable[..., Any], **options: Any) -> list[list[Any]]:
        """See `Clients`."""
        return [[item async for item in page] async for page in function(**options).by_page()]


def _options(endpoint: str, transport: object, retries: int) -> dict[str, Any]:
    """The options of a client; over HTTPS, those that anybody would give."""
    options: dict[str, Any] = {"transport": transport, "retry_total": retries}
    if endpoint.startswith("http:"):
        options["per_call_policies"] = [AllowHttp()]
    return options


class PatientTransport(RequestsTransport):  # type: ignore[misc] # the package exports it as Any
    """Waits by somebody else's clock."""

    def __init__(self, wait: Callable[[float], None], **options: Any) -> None:
        super().__init__(**options)
        self._wait = wait

    def sleep(self, duration: float) -> None:
        """See `RequestsTransport`."""
        self._wait(duration)


class AsyncPatientTransport(AioHttpTransport):  # type: ignore[misc] # the same
    """The same for asyncio."""

    def __init__(self, wait: Callable[[float], Awaitable[None]], **options: Any) -> None:
        super().__init__(**options)
        self._wait = wait

    async def sleep(self, duration: float) -> None:
        """See `AioHttpTransport`."""
        await self._wait(duration)


Wait = Callable[[float], Awaitable[None]]


async def _never(_: float) -> None:
    raise AssertionError("there is nothing to wait for")


@asynccontextmanager
async def python_clients(
    kind: str,
    endpoint: str,
    *,
    ca: Path | None = None,
    wait: Wait = _never,
    retries: int = 0,
) -> AsyncIterator[Clients]:
    """The `sync` or `async` clients of an endpoint, closed at the end.

    They trust `ca`, and `wait` is how they wait before they repeat a request.
    """
    loop = asyncio.get_running_loop()

    def wait_in_thread(seconds: float) -> None:
        asyncio.run_coroutine_threadsafe(_as_coroutine(wait, seconds), loop).result()

    options = {"connection_verify": str(ca)} if ca else {}
    if kind == "sync":
        with PatientTransport(wait_in_thread, **options) as transport:
            yield SyncClients(endpoint, transport, retries)
    else:
        async with AsyncPatientTransport(wait, **options) as async_transport:
            yield AsyncClients(endpoint, async_transport, retries)


async def _as_coroutine(wait: Wait, seconds: float) -> None:
    await wait(seconds)
