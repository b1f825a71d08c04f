"""The routes of chat behind a real server on a free port, and ways to call them."""

import asyncio
import json
import secrets
import socket
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from switchhook import defaults
from switchhook.authority.signer import Signer
from switchhook.clock import Clock, VirtualClock, to_datetime
from switchhook.communication.chat.engine import ChatEngine
from switchhook.communication.chat.happenings import Happening, TypingStarted
from switchhook.communication.chat.rate_limits import RateLimits
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.engine import IdentityEngine
from switchhook.communication.identity.requests import CreateUser, TokenRequest
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import CommitUnknownError, TokenError, TokenFlaw
from switchhook.grace import Grace
from switchhook.grid.ports import Store as StorePort
from switchhook.http.communication_api import chat_api
from switchhook.http.communication_api.bearer_authentication import BearerAuthenticator
from switchhook.http.cors import Cors
from switchhook.http.errors import exception_handlers
from switchhook.http.listener import listening
from switchhook.stores.memory import MemoryStore
from tests.flow.identity.world import KEY, RealTime
from tests.flow.sms.world import a_resource
from tests.flow.stores import commits_to
from tests.wire import Answer, exchange, header_names, signed_headers

ANSWERED_WITHIN = 60.0


class Store(MemoryStore):
    """A store that fails when it is told to."""

    fails = False

    async def commit(self, *args: Any, **options: Any) -> int:
        """See `Store`."""
        if self.fails:
            raise CommitUnknownError("the disk is gone")
        return await super().commit(*args, **options)


@dataclass(frozen=True)
class User:
    """A user of the resource, with a token."""

    raw_id: str
    token: str


@dataclass
class ChatServer:
    """A server, what is behind it, and ways to reach it."""

    endpoint: str
    port: int
    clock: VirtualClock
    resource: CommunicationResource
    directory: CommunicationDirectory
    identity: IdentityEngine
    chat: ChatEngine
    happenings: list[Happening]
    credentials: RealTime

    async def users(self, count: int, scopes: Sequence[str] = ("chat",)) -> list[User]:
        """New users of the resource."""
        token = TokenRequest(scopes=tuple(Scope(each) for each in scopes))
        created = [
            await self.identity.create(self.resource, CreateUser(token=token)) for _ in range(count)
        ]
        return [User(raw_id, issued.token) for raw_id, issued in created if issued]

    async def token_for(self, user: User) -> User:
        """The user with a new token."""
        request = TokenRequest(scopes=(Scope.CHAT,))
        issued = await self.identity.issue(self.resource, user.raw_id, request)
        return User(user.raw_id, issued.token)

    async def revoke(self, user: User) -> None:
        """End the user's tokens."""
        await self.identity.revoke(self.resource, user.raw_id)

    async def delete(self, user: User) -> None:
        """Delete the user."""
        await self.identity.delete(self.resource, user.raw_id)

    def now(self) -> datetime:
        """The time of the server's clock, as replies write it."""
        now = to_datetime(self.clock.now())
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    async def advance(self, **span: float) -> None:
        """Move time, and let happen what becomes due."""
        await self.clock.advance(timedelta(**span))

    def age_credentials(self, **span: float) -> None:
        """Move the real time by which tokens age."""
        self.credentials.move(timedelta(**span).total_seconds())

    def typing(self) -> list[TypingStarted]:
        """Who has been told to be typing."""
        return [each for each in self.happenings if isinstance(each, TypingStarted)]

    async def request(
        self,
        method: str,
        target: str,
        body: Any = None,
        user: User | None = None,
        **headers: str,
    ) -> Answer:
        """A request with the user's token; a body that is no bytes is written as JSON."""
        sent = header_names(headers)
        if user is not None:
            sent["authorization"] = f"Bearer {user.token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return await exchange(self.port, method, target, body, sent)

    async def signed(self, method: str, target: str) -> Answer:
        """A request signed with the resource's access key."""
        host = f"127.0.0.1:{self.port}"
        key = defaults.COMMUNICATION_KEYS[0]
        headers = signed_headers(method, target, b"", key, host, time.time())
        return await exchange(self.port, method, target, b"", headers)


@dataclass
class _Behind:
    """What is behind the routes."""

    store: StorePort
    limits: Callable[[Clock], RateLimits]
    clock: VirtualClock = field(default_factory=VirtualClock)
    resource: CommunicationResource = field(default_factory=a_resource)
    credentials: RealTime = field(default_factory=RealTime)
    happenings: list[Happening] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory = directory = CommunicationDirectory()
        directory.put(self.resource)
        self.identity = IdentityEngine(
            store=self.store,
            commit=commits_to(self.store),
            clock=self.clock,
            directory=directory,
            signing=lambda: Signer(KEY),
            verify=_accept_no_entra_token,
            new_guid=uuid.uuid4,
            random_bytes=secrets.token_bytes,
            now=self.credentials,
            on_delete=lambda *deleted: self.chat.user_deleted_changes(*deleted),
        )
        self.chat = ChatEngine(
            store=self.store,
            commit=commits_to(self.store),
            clock=self.clock,
            directory=directory,
            users=self.identity,
            new_guid=uuid.uuid4,
            random_bytes=secrets.token_bytes,
            push=lambda _, happening: self.happenings.append(happening),
            limits=self.limits(self.clock),
        )
        self.clock.wait_for(self.chat.due_work.quiet)


def _accept_no_entra_token(*_: Any) -> Any:
    raise TokenError(TokenFlaw.UNREADABLE)


@asynccontextmanager
async def serve(
    *,
    store: StorePort | None = None,
    limits: Callable[[Clock], RateLimits] = lambda _: RateLimits.off(),
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[ChatServer]:
    """Serve a resource without users; without rate limits, unless they are asked for."""
    behind = _Behind(store or Store(), limits)
    routes = chat_api.routes(
        chat=behind.chat,
        authenticator=BearerAuthenticator(behind.identity, max_body_size=chat_api.MAX_BODY_SIZE),
    )
    app = Cors(Starlette(routes=routes, exception_handlers=exception_handlers()))
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    async with listening(app, [listener], context, Grace(1)):
        yield ChatServer(
            endpoint=f"{'https' if context else 'http'}://127.0.0.1:{port}",
            port=port,
            clock=behind.clock,
            resource=behind.resource,
            directory=behind.directory,
            identity=behind.identity,
            chat=behind.chat,
            happenings=behind.happenings,
            credentials=behind.credentials,
        )
    await behind.chat.due_work.close()


class JavaScript:
    """A process of Node that has the official client and does what it is told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def __call__(
        self, user: User, method: str, *args: Any, thread_id: str = ""
    ) -> dict[str, Any]:
        """Call a method of the chat client, or of the client of a thread."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"token": user.token, "threadId": thread_id, "method": method, "args": args}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        line = await asyncio.wait_for(self._process.stdout.readline(), ANSWERED_WITHIN)
        assert line, "Node ended: see what it wrote to stderr"
        answer: dict[str, Any] = json.loads(line)
        return answer


@asynccontextmanager
async def javascript_process(
    node: str, script: Path, environment: Mapping[str, str]
) -> AsyncIterator[JavaScript]:
    """Start Node."""
    process = await asyncio.create_subprocess_exec(
        *(node, str(script)),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    try:
        yield JavaScript(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), ANSWERED_WITHIN)
