"""Chat, Identity and real time behind one HTTPS server, with heartbeats as a test wants them."""

import contextlib
import secrets
import socket
import ssl
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette

from switchhook.authority.signer import Signer
from switchhook.clock import SystemClock
from switchhook.communication.chat.engine import ChatEngine
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.engine import IdentityEngine
from switchhook.communication.identity.requests import CreateUser, TokenRequest
from switchhook.communication.realtime.hub import Hub
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import TokenError, TokenFlaw
from switchhook.grace import Grace
from switchhook.grid.ports import Store
from switchhook.http.communication_api import chat_api
from switchhook.http.communication_api.bearer_authentication import BearerAuthenticator
from switchhook.http.cors import Cors
from switchhook.http.errors import exception_handlers
from switchhook.http.listener import listening
from switchhook.http.realtime_api import routes as realtime_api
from switchhook.http.realtime_api.channel import Timing
from switchhook.http.realtime_api.sessions import Sessions
from tests.browser.user_page import User
from tests.flow.identity.world import KEY
from tests.flow.sms.world import a_resource
from tests.flow.stores import commits_to


@dataclass(frozen=True)
class ChatServer:
    """A server, and the users of its resource."""

    port: int
    resource: CommunicationResource
    identity: IdentityEngine

    async def user(self) -> User:
        """A new user."""
        wanted = CreateUser(token=TokenRequest(scopes=(Scope.CHAT,)))
        raw_id, issued = await self.identity.create(self.resource, wanted)
        assert issued is not None
        return User(raw_id, issued.token)


@contextlib.asynccontextmanager
async def serving_chat(
    context: ssl.SSLContext, store: Store, *, port: int = 0, timing: Timing | None = None
) -> AsyncIterator[ChatServer]:
    """A server on a free port, or on that port."""
    resource, directory = a_resource(), CommunicationDirectory()
    directory.put(resource)

    commit = commits_to(store)

    def verify(*_: Any) -> Any:
        raise TokenError(TokenFlaw.UNREADABLE)

    identity = IdentityEngine(
        store=store,
        commit=commit,
        clock=SystemClock(),
        directory=directory,
        signing=lambda: Signer(KEY),
        verify=verify,
        new_guid=uuid.uuid4,
        random_bytes=secrets.token_bytes,
    )
    hub = Hub()
    chat = ChatEngine(
        store=store,
        commit=commit,
        clock=SystemClock(),
        directory=directory,
        users=identity,
        new_guid=uuid.uuid4,
        random_bytes=secrets.token_bytes,
        push=hub.push,
    )
    await chat.due_work.resume()
    sessions = Sessions(hub=hub, caller_of=identity.caller_of, timing=timing)
    reader = BearerAuthenticator(identity, max_body_size=chat_api.MAX_BODY_SIZE)
    routes = [
        *chat_api.routes(chat=chat, authenticator=reader),
        *realtime_api.routes(sessions=sessions, caller_of=identity.caller_of),
    ]
    app = Cors(
        Starlette(routes=routes, exception_handlers=exception_handlers()),
        realtime_api.BROWSER_PREFIXES,
    )
    listener = socket.create_server(("127.0.0.1", port))
    async with listening(app, [listener], context, Grace(1)):
        yield ChatServer(listener.getsockname()[1], resource, identity)
        await sessions.close()
    await chat.due_work.close()
