"""Who has asked for a connection, and may a connection be opened?

A session belongs to one user and lives in memory: after a restart the client asks for a new one. It
is named by an id, which stands in addresses, and opened by secrets, which only its client has.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from hmac import compare_digest
from typing import Protocol

from switchhook.communication.identity.caller import Caller
from switchhook.communication.realtime.hub import Hub
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError, StoreError
from switchhook.http.realtime_api.channel import Channel, Timing

# Azure publishes no such limits (assumed).
MAX_SESSIONS_PER_USER = 32
MAX_SESSIONS = 10_000

# Seconds that a session is said to live (assumed). Its token ends it earlier: tokens live 24 hours
# at most.
LIFETIME = 86_400


class CallerOf(Protocol):
    """Tells whose token it is."""

    async def __call__(self, token: str, host: str = "", /) -> Caller:
        """The user; `host`, if it names a resource, must name the user's.

        Raises:
            RequestError: 401, the token is not in force.
        """


class Session:
    """A page that has, or may open, a connection."""

    def __init__(self, id_: str, secret: str, caller: Caller, token: str, endpoint: str) -> None:
        self.id = id_
        self.secret = secret
        self.caller = caller
        self.token = token
        self.endpoint = endpoint
        self.socket_secret = ""
        self.channel: Channel | None = None
        # Until when its registration lasts; None before its connection has one: it hears what
        # happens from the moment it is connected. The past once it has unregistered.
        self.registered_until: float | None = None
        self.registration = ""

    @property
    def path(self) -> str:
        """The path of its address, to which pushes go in name."""
        return f"/v4/f/{self.id}/"

    @property
    def user(self) -> tuple[str, str]:
        """Whose it is."""
        return user_of(self.caller)


def user_of(caller: Caller) -> tuple[str, str]:
    """A user, apart from the token."""
    return caller.resource.topic, caller.raw_id


class Sessions:
    """All sessions, and the connections that they have open."""

    def __init__(
        self,
        *,
        hub: Hub,
        caller_of: CallerOf,
        timing: Timing | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        random_text: Callable[[], str] = lambda: secrets.token_hex(20),
    ) -> None:
        self._hub = hub
        self._caller_of = caller_of
        self.timing = timing or Timing()
        self._monotonic = monotonic
        self._random_text = random_text
        self._sessions: dict[str, Session] = {}
        self._of_user: dict[tuple[str, str], dict[str, Session]] = {}
        self._idle: dict[str, float] = {}  # when they are forgotten, in that order
        self._lives: dict[asyncio.Task[None], str] = {}  # with the topic of each
        self._is_closed = False

    def open(self, caller: Caller, token: str, endpoint: str, proof: str) -> Session:
        """A session for a user; the one that `proof` names, if it is still there.

        Raises:
            RequestError: 429, the user has too many; 503, the server has.
        """
        self._forget_idle()
        session = self.find(proof)
        if session is None or session.user != user_of(caller):
            session = self._create(caller, token, endpoint)
        session.token, session.caller, session.endpoint = token, caller, endpoint or session.id
        if session.channel is None:
            self._wait_for_connection(session)
        return session

    def _create(self, caller: Caller, token: str, endpoint: str) -> Session:
        self._make_room(user_of(caller))
        session = Session(self._random_text(), self._random_text(), caller, token, endpoint)
        self._sessions[session.id] = session
        self._of_user.setdefault(session.user, {})[session.id] = session
        return session

    def _make_room(self, user: tuple[str, str]) -> None:
        own = self._of_user.get(user, {})
        if len(own) >= MAX_SESSIONS_PER_USER:
            unused = next((each for each in own.values() if each.channel is None), None)
            if unused is None:
                message = f"The user has {MAX_SESSIONS_PER_USER} real-time connections already."
                raise RequestError(429, "TooManyRequests", message)
            self.drop(unused)
        if len(self._sessions) >= MAX_SESSIONS:
            message = f"The server has {MAX_SESSIONS} real-time connections already."
            raise RequestError(503, "ServiceUnavailable", message)

    def find(self, proof: str) -> Session | None:
        """The session that a proof (`{id}.{secret}`) opens."""
        id_, _, secret = proof.partition(".")
        session = self._sessions.get(id_)
        return session if session is not None and _same(session.secret, secret) else None

    def at(self, path: str) -> Session | None:
        """The session whose address ends with that path."""
        id_ = path.removesuffix("/").rpartition("/")[2]
        session = self._sessions.get(id_)
        return session if session is not None and path.endswith(session.path) else None

    def of(self, caller: Caller) -> list[Session]:
        """The sessions of a user."""
        return list(self._of_user.get(user_of(caller), {}).values())

    def allow_socket(self, session: Session) -> str:
        """Let the session open one connection; answers its id, which is secret."""
        session.socket_secret = self._random_text()
        if session.channel is None:
            self._wait_for_connection(session)
        return f"{session.id}.{session.socket_secret}"

    def for_socket(self, socket_id: str) -> Session | None:
        """The session that may open, or has open, the connection of that id."""
        id_, _, secret = socket_id.partition(".")
        session = self._sessions.get(id_)
        if session is None or not session.socket_secret:
            return None
        return session if _same(session.socket_secret, secret) else None

    def connect(self, session: Session) -> Channel:
        """Open the session's connection, in place of one that it has; it lives until it ends."""
        if session.channel is not None:
            session.channel.end()
        channel = Channel(
            path=session.path,
            lifetime=LIFETIME,
            is_listening=lambda: self._is_listening(session),
            monotonic=self._monotonic,
        )
        session.channel = channel
        session.registered_until = None
        self._idle.pop(session.id, None)
        if self._is_closed:
            channel.end()
        self._hub.connect(*_names(session), session.endpoint, channel)
        life = asyncio.create_task(
            self._live(session, channel, session.endpoint, session.socket_secret)
        )
        self._lives[life] = session.user[0]
        life.add_done_callback(self._lives.pop)
        return channel

    def drop(self, session: Session) -> None:
        """Forget a session and end its connection."""
        self._idle.pop(session.id, None)
        if self._sessions.pop(session.id, None) is not None:
            own = self._of_user[session.user]
            del own[session.id]
            if not own:
                del self._of_user[session.user]
        if session.channel is not None:
            session.channel.end()

    async def forget(self, topic: str) -> None:
        """End every connection to a resource, by the incarnation of its topic.

        It returns once they have ended, and whoever listens has heard of it.
        """
        for session in list(self._sessions.values()):
            if session.user[0] == topic:
                self.drop(session)
        self._hub.forget(topic)
        lives = [life for life, of_topic in self._lives.items() if of_topic == topic]
        if lives:
            await asyncio.wait(lives)

    async def close(self) -> None:
        """End every connection; later ones end as they come."""
        self._is_closed = True
        for session in list(self._sessions.values()):
            self.drop(session)
        await asyncio.gather(*self._lives)

    def register(self, session: Session, registration: str, ttl: float) -> None:
        """The session hears what happens for `ttl` seconds."""
        session.registration = registration
        session.registered_until = self._monotonic() + ttl

    def unregister(self, session: Session) -> None:
        """The session hears nothing any more."""
        session.registered_until = self._monotonic()

    def _is_listening(self, session: Session) -> bool:
        until = session.registered_until
        return until is None or until > self._monotonic()

    async def _live(
        self, session: Session, channel: Channel, endpoint: str, socket_secret: str
    ) -> None:
        try:
            while not channel.is_over:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(channel.over(), self.timing.heartbeat)
                    break
                await self._beat(session, channel)
        finally:
            channel.end()
            self._hub.disconnect(*_names(session), endpoint, channel)
            if session.socket_secret == socket_secret:
                session.socket_secret = ""  # it opens one connection: a late poll opens no other
            if session.channel is channel:
                session.channel = None
                if session.id in self._sessions:
                    self._wait_for_connection(session)

    async def _beat(self, session: Session, channel: Channel) -> None:
        if channel.silence > self.timing.silence:
            channel.end()
        elif not await self._is_in_force(session):
            self.drop(session)
            channel.end()
        else:
            channel.beat()

    async def _is_in_force(self, session: Session) -> bool:
        try:
            return user_of(await self._caller_of(session.token)) == session.user
        except RequestError:
            return False
        except StoreError:
            return True  # it cannot tell now: the next heartbeat asks again

    def _wait_for_connection(self, session: Session) -> None:
        self._idle.pop(session.id, None)
        self._idle[session.id] = self._monotonic() + self.timing.idle

    def _forget_idle(self) -> None:
        now = self._monotonic()
        while self._idle:
            id_, until = next(iter(self._idle.items()))
            if until > now:
                return
            self.drop(self._sessions[id_])


def _names(session: Session) -> tuple[CommunicationResource, str]:
    return session.caller.resource, session.caller.raw_id


def _same(one: str, other: str) -> bool:
    return compare_digest(one.encode(), other.encode("utf-8", "replace"))
