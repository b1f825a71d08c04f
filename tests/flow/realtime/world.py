"""A server of real time without the rest: users with tokens, and a hub that a test pushes into."""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect

from switchhook.communication.directory import named_by
from switchhook.communication.identity.caller import Caller, Scope
from switchhook.communication.realtime.hub import Hub
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError
from switchhook.grace import Grace
from switchhook.http.cors import Cors
from switchhook.http.errors import exception_handlers
from switchhook.http.listener import listening
from switchhook.http.realtime_api.channel import Timing
from switchhook.http.realtime_api.routes import BROWSER_PREFIXES, routes
from switchhook.http.realtime_api.sessions import Sessions
from tests.wire import Answer, exchange, header_names

GUID = "11111111-2222-4333-8444-555555555555"
RESOURCE = CommunicationResource(
    resource_id="/subscriptions/s/resourceGroups/g/providers/p/communicationServices/c",
    name="c",
    immutable_id=GUID,
    topic="topic-1",
    keys=("a2V5", "a2V5"),
)
ALICE = f"8:acs:{GUID}_aaaaaaaa-0000-0000-0000-000000000001"
BOB = f"8:acs:{GUID}_bbbbbbbb-0000-0000-0000-000000000002"
CAROL = f"8:acs:{GUID}_cccccccc-0000-0000-0000-000000000003"
WITHIN = 10.0  # seconds


class Tokens:
    """Whose token is which; a test may take one out of force."""

    def __init__(self) -> None:
        self._callers: dict[str, Caller] = {}

    def issue(
        self,
        token: str,
        raw_id: str,
        resource: CommunicationResource = RESOURCE,
        scope: Scope = Scope.CHAT,
    ) -> None:
        """Put a token in force."""
        self._callers[token] = Caller(resource=resource, raw_id=raw_id, scopes=frozenset((scope,)))

    def revoke(self, token: str) -> None:
        """Take a token out of force."""
        del self._callers[token]

    def revoke_all(self) -> None:
        """Take every token out of force."""
        self._callers.clear()

    async def caller_of(self, token: str, host: str = "", /) -> Caller:
        """As the server asks for it."""
        caller = self._callers.get(token)
        if caller is None or named_by(host) not in (None, caller.resource.name):
            raise RequestError(401, "Unauthorized", "Request is not authorized.")
        return caller


@dataclass
class Comings:
    """Who has come and gone."""

    log: list[tuple[str, str]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def connected(self, resource: CommunicationResource, raw_id: str) -> None:
        """See PresenceListener."""
        self._note("connected", raw_id)

    def disconnected(self, resource: CommunicationResource, raw_id: str) -> None:
        """See PresenceListener."""
        self._note("disconnected", raw_id)

    def _note(self, what: str, raw_id: str) -> None:
        self.log.append((what, raw_id))
        self.changed.set()

    async def until(self, *log: tuple[str, str]) -> None:
        """Wait until exactly that has happened."""
        try:
            async with asyncio.timeout(WITHIN):
                while self.log != list(log):
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError(self.log) from None


class Visitor:
    """Raw requests to a server on this machine, over HTTP."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def ask(
        self, method: str, target: str, token: str = "", body: bytes = b"", **headers: str
    ) -> Answer:
        """One request, with the token as the client of real time sends it."""
        sent = header_names(headers)
        if token:
            sent["X-Skypetoken"] = token
        return await exchange(self.port, method, target, body or None, sent)

    async def session(self, token: str, endpoint: str = "page", proof: str = "") -> Any:
        """Ask for a session, as the client does."""
        query = f"cor_id=c&con_num=1_1&epid={endpoint}" + (f"&sr={proof}&v=v4" if proof else "")
        answer = await self.ask("POST", f"/realtime/trouter/v4/a?{query}", token)
        assert answer.status == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.body

    async def handshake(self, token: str, session: Any) -> str:
        """The id of a socket for a session."""
        proof = session["connectparams"]["sr"]
        answer = await self.ask("GET", f"/socket.io/1/?sr={proof}&v=v4&t=1", token)
        assert answer.status == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        socket_id, silence, close, transports = answer.text.split(":")
        assert silence == close
        assert transports.split(",") == ["websocket", "xhr-polling"]
        return socket_id

    @contextlib.asynccontextmanager
    async def page(self, token: str, endpoint: str = "page") -> AsyncIterator["Page"]:
        """A page that is connected."""
        session = await self.session(token, endpoint)
        socket_id = await self.handshake(token, session)
        async with connect(self.socket_url(socket_id), proxy=None) as socket:
            page = Page(socket, session)
            await page.greeted()
            yield page

    def socket_url(self, socket_id: str) -> str:
        """Where a WebSocket is opened."""
        return f"ws://127.0.0.1:{self.port}/socket.io/1/websocket/{socket_id}?v=v4"


class World(Visitor):
    """A server, and raw requests to it."""

    def __init__(self, port: int, tokens: Tokens, timing: Timing) -> None:
        super().__init__(port)
        self.tokens = tokens
        self.hub = Hub()
        self.comings = Comings()
        self.hub.listen(self.comings)
        self.sessions = Sessions(hub=self.hub, caller_of=tokens.caller_of, timing=timing)


@dataclass
class Page:
    """A connected page, speaking socket.io by hand."""

    socket: ClientConnection
    session: Any

    async def packet(self) -> str:
        """The next packet."""
        async with asyncio.timeout(WITHIN):
            received = await self.socket.recv()
        assert isinstance(received, str)
        return received

    async def packets(self) -> None:
        """Read until the connection is closed."""
        while True:
            await self.packet()

    async def greeted(self) -> None:
        """Read what comes first."""
        assert await self.packet() == "1::"
        greeting = json.loads((await self.packet()).removeprefix("5:::"))
        assert greeting["name"] == "trouter.connected"
        assert greeting["args"][0]["ttl"] == 86400

    async def push(self) -> Any:
        """The body of the next push; it is answered."""
        packet = await self.packet()
        request = json.loads(packet.removeprefix("3:::"))
        assert self.session["url"].endswith(request["url"])
        answer = {"id": request["id"], "status": 200, "headers": {}, "body": ""}
        await self.socket.send(f"3:::{json.dumps(answer)}")
        return json.loads(request["body"])

    async def ping(self) -> None:
        """Nothing has come but the answer to this."""
        await self.socket.send('5:7+::{"name":"ping"}')
        assert await self.packet() == '6:::7+["pong"]'


@contextlib.asynccontextmanager
async def serving(
    *,
    port: int = 0,
    context: ssl.SSLContext | None = None,
    tokens: Tokens | None = None,
    timing: Timing | None = None,
    public_url: str = "",
) -> AsyncIterator[World]:
    """A server on a free port, or on that port; `public_url` is where clients reach it."""
    listener = socket.create_server(("127.0.0.1", port))
    world = World(listener.getsockname()[1], tokens or Tokens(), timing or Timing())
    world.tokens.issue("alice", ALICE)
    world.tokens.issue("bob", BOB)
    world.tokens.issue("carol", CAROL)
    app = Cors(
        Starlette(
            routes=routes(
                sessions=world.sessions,
                caller_of=world.tokens.caller_of,
                public_url=lambda: public_url,
            ),
            exception_handlers=exception_handlers(),
        ),
        BROWSER_PREFIXES,
    )
    async with listening(app, [listener], context, Grace(1)):
        yield world
        await world.sessions.close()
