"""Who talks where in the bench of chat, and how is the server asked?"""

import json
import time
from collections.abc import Awaitable, Callable

import msgspec

from tests.crash.chat_client import User, chat_request, create_user, participants, path_of
from tests.crash.http_client import Answer, Connection
from tests.system.server_process import ServerProcess

LARGEST = 250  # participants
SENDERS = 64
PAGE = 5
_BODY = {"content": "The last table is free from eight.", "type": "text"}

# Asks once; a bench times it.
Ask = Callable[[], Awaitable[Answer]]


class Stage(msgspec.Struct, kw_only=True):
    """Users and threads of the bench."""

    user: User
    busy: User
    alone: User
    small: str
    large: str
    guests: list[User]
    many: list[str]
    middles: dict[str, int] = {}


class Client:
    """One user on one connection."""

    def __init__(self, connection: Connection, user: User) -> None:
        self._connection = connection
        self._user = user

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        """The answer, which must be a success."""
        request = chat_request(method, path, self._connection, self._user, body)
        answer = await self._connection.exchange(request)
        assert answer.status < 300, (method, path, answer)  # noqa: S101
        return answer

    async def create(self, others: list[User]) -> str:
        """A new thread with these users."""
        body = {"topic": "Table bookings", "participants": _guests(others)}
        answer = await self.ask("POST", path_of(), body)
        return str(json.loads(answer.body)["chatThread"]["id"])

    async def add(self, thread: str, others: list[User]) -> float:
        """Add these users in one request; the seconds until it was answered."""
        started = time.perf_counter()
        path = path_of(thread, "participants", ":add")
        await self.ask("POST", path, {"participants": _guests(others)})
        return time.perf_counter() - started

    def send(self, thread: str) -> Ask:
        """Sends a message."""
        return lambda: self.ask("POST", path_of(thread, "messages"), _BODY)

    def edit(self, thread: str, message: int) -> Ask:
        """Edits a message."""
        path = path_of(thread, "messages", str(message))
        return lambda: self.ask("PATCH", path, {"content": "The last table is gone."})

    def get(self, *segments: str, **query: str | int) -> Ask:
        """Reads something of chat."""
        values = {"api-version": "2025-03-15", "maxPageSize": PAGE} | query
        text = "&".join(f"{name}={value}" for name, value in values.items())
        return lambda: self.ask("GET", f"{path_of(*segments)}?{text}")


def _guests(users: list[User]) -> list[dict[str, object]]:
    return participants({each.raw_id: "Guest" for each in users})


async def prepare(server: ServerProcess) -> Stage:
    """Create users, and threads with nothing in them yet."""
    connection = await Connection.open(server.ready.http_endpoint)
    users = [await create_user(connection, server.ready) for _ in range(LARGEST)]
    user, busy, alone = users[:3]
    client = Client(connection, user)
    return Stage(
        user=user,
        busy=busy,
        alone=alone,
        small=await client.create([users[3]]),
        large=await client.create([users[3]]),
        guests=users[1:],
        many=[await client.create([users[3]]) for _ in range(SENDERS)],
    )
