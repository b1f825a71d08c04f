"""How does `listen` keep its event subscription? It expires soon, unless this process renews it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec

from switchhook.errors import ConnectError, RequestError

# A killed listener's event subscription is gone after so long.
LIFETIME = timedelta(minutes=5)
# With a virtual clock, which may move further than that at once.
VIRTUAL_LIFETIME = timedelta(days=3650)
# How often a listener looks whether its server, and its event subscription, are still there.
CHECK_EVERY = 2.0  # seconds

Body = dict[str, Any]


class Client(Protocol):
    """What is needed of a client of the management routes; `ArmClient` is one."""

    def get(self, path: str) -> Body:
        """GET a resource."""

    def put(self, path: str, body: Body) -> Body:
        """PUT a resource, and wait for the end of the operation."""

    def patch(self, path: str, body: Body) -> Body:
        """PATCH a resource, and wait for the end of the operation."""

    def delete(self, path: str) -> None:
        """DELETE a resource."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The event subscription to keep: the id of its source, its name, and what it asks for."""

    scope: str
    name: str
    endpoint_url: str
    filter: Body

    @property
    def path(self) -> str:
        """Its id."""
        return f"{self.scope}/providers/Microsoft.EventGrid/eventSubscriptions/{self.name}"

    def body(self, expires_at: str) -> Body:
        """The body that creates it."""
        destination = {"endpointType": "WebHook", "properties": {"endpointUrl": self.endpoint_url}}
        return {
            "properties": {
                "destination": destination,
                "filter": self.filter,
                "expirationTimeUtc": expires_at,
            }
        }


class KeptSubscription:
    """One event subscription of this process.

    `connect` opens a client anew each time: a server that comes back may have other ports.
    """

    def __init__(
        self,
        wanted: Wanted,
        *,
        connect: Callable[[], Client],
        note: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        lifetime: timedelta = LIFETIME,
    ) -> None:
        self._wanted = wanted
        self._connect = connect
        self._note = note
        self._now = now
        self._lifetime = lifetime
        self._expires_at = now()
        self._trouble = ""

    async def create(self) -> None:
        """Create it; the handshake comes meanwhile.

        Raises:
            ConnectError: no server runs.
            RequestError: the server refuses.
        """
        await self._write(lambda client, time: client.put(self._path, self._wanted.body(time)))

    async def keep(self, stop: asyncio.Event, check_every: float = CHECK_EVERY) -> None:
        """Renew it until `stop`; create it again when the server lost it."""
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), check_every)
            except TimeoutError:
                await self._check()

    async def delete(self) -> None:
        """Remove it; when that fails it expires by itself."""
        try:
            await self._call(lambda client: client.delete(self._path))
        except (ConnectError, RequestError) as error:
            self._note(f"the event subscription is left to expire: {error}")

    @property
    def _path(self) -> str:
        return self._wanted.path

    async def _check(self) -> None:
        """Look after it; trouble is said once, and over when it is over."""
        try:
            await self._look_after()
        except (ConnectError, RequestError) as error:
            if not self._trouble:
                self._note(f"no events for now, trying again: {error}")
            self._trouble = str(error)
        else:
            if self._trouble:
                self._note("listening again")
            self._trouble = ""

    async def _look_after(self) -> None:
        try:
            await self._call(lambda client: client.get(self._path))
            if self._now() > self._expires_at - self._lifetime * 2 / 3:
                await self._renew()
        except RequestError as error:
            if error.status != 404:
                raise
            await self.create()

    async def _renew(self) -> None:
        await self._write(
            lambda client, time: client.patch(self._path, {"expirationTimeUtc": time})
        )

    async def _write(self, write: Callable[[Client, str], Body]) -> None:
        expires_at = self._now() + self._lifetime
        text = expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        await self._call(lambda client: write(client, text))
        self._expires_at = expires_at

    async def _call(self, use: Callable[[Client], object]) -> None:
        # In a thread: the client blocks while the server asks our receiver for the handshake.
        await asyncio.to_thread(lambda: use(self._connect()))
