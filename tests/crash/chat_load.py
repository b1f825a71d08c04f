"""The load on chat: users who talk in threads of their own, and others who share a large one."""

import asyncio
import random

from tests.crash.chat_books import ChatBooks, ThreadBook
from tests.crash.chat_client import Reader
from tests.crash.chat_events import Kind
from tests.crash.chat_inspection import settle
from tests.crash.chat_talker import OWNERS, Cast, Exchange, Talker
from tests.crash.http_client import Connection
from tests.system.server_process import Ready

SHARED_RUNS = 5  # after so many runs, another thread is shared


class ChatLoad:
    """Everybody's part in one run of the server."""

    def __init__(
        self, books: ChatBooks, cast: Cast, exchange: Exchange, run: int, seed: random.Random
    ) -> None:
        self._books = books
        self._cast = cast
        self._exchange = exchange
        self._run = run
        self._random = seed
        self._talkers: list[Talker] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, ready: Ready) -> None:
        """Connect everybody, then let them talk."""
        if not self._cast.owners:
            await self._cast.meet(ready)
        everybody = [*self._cast.owners, *self._cast.speakers]
        for user in everybody:
            connection = await Connection.open(ready.http_endpoint)
            self._talkers.append(
                Talker(self._books, self._cast, self._exchange, connection, user, self._random)
            )
        speakers = self._talkers[OWNERS:]
        shared = await self._shared(speakers[0])
        talks = [each.own_threads(self._run) for each in self._talkers[:OWNERS]]
        talks += [each.share(shared) for each in speakers]
        self._tasks = [asyncio.create_task(each) for each in talks]

    async def end(self) -> None:
        """Let everybody wait for the last answer, or lose the connection."""
        for each in self._talkers:
            each.is_ending = True
        await asyncio.gather(*self._tasks)

    async def _shared(self, creator: "Talker") -> ThreadBook:
        """The large thread of this run; it outlives some kills."""
        alive = [each for each in self._books.threads.values() if each.is_shared]
        if alive and alive[-1].run > self._run - SHARED_RUNS:
            return alive[-1]
        others = [*self._cast.speakers, *self._cast.guests]
        names = {each.raw_id: self._cast.token(Kind.ADD) for each in others}
        del names[creator.user.raw_id]
        assert await creator.create(names, self._run, is_shared=True), "no shared thread"
        return list(self._books.threads.values())[-1]


async def inspect(books: ChatBooks, cast: Cast, ready: Ready) -> None:
    """Read everything back; what differs from the books becomes a problem."""
    connection = await Connection.open(ready.http_endpoint)
    for user in (*cast.owners, *cast.speakers, *cast.guests):
        reader = Reader(connection, user)
        await cast.find_creation(books, reader, run=0)
        own = [each for each in books.threads.values() if each.created_by == user.raw_id]
        for thread in own:
            reading = await reader.thread(thread.id)
            settle(books, thread, reading)
            for newest in reading.messages[:1]:
                if await reader.message(thread.id, newest.id) != newest:
                    books.problems.append(f"message {newest.id} is not as it is listed")
    # Who is in a thread is known when all of them have been read.
    for user in (*cast.owners, *cast.speakers, *cast.guests):
        listed = await Reader(connection, user).threads()
        wanted = {
            each.id: each.topic
            for each in books.threads.values()
            if user.raw_id in each.participants and not each.is_deleted
        }
        if listed != wanted:
            difference = sorted(listed.items() ^ wanted.items())
            books.problems.append(f"threads of {user.raw_id} differ: {difference[:5]}")
    connection.close()
