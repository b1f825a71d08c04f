"""A user who talks: creates threads, sends, edits and deletes messages, lets others in and out."""

import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from tests.crash.chat_books import Action, ChatBooks, Outcome, ThreadBook
from tests.crash.chat_client import (
    Reader,
    User,
    WireThread,
    chat_request,
    create_user,
    identifier,
    participants,
    path_of,
)
from tests.crash.chat_events import Kind
from tests.crash.chat_inspection import settle
from tests.crash.http_client import Answer, Connection
from tests.system.server_process import Ready

OWNERS, SPEAKERS, GUESTS = 6, 6, 13
_FIRST_GUESTS, _MOST_ADDED = 3, 3
_RECENT = 20  # which messages are changed
_OWNER_WEIGHTS = {
    Kind.SEND: 48,
    Kind.EDIT: 15,
    Kind.DELETE: 9,
    Kind.ADD: 9,
    Kind.REMOVE: 9,
    Kind.RETITLE: 4,
    Kind.CREATE: 4,
    Kind.DELETE_THREAD: 2,
}
_SPEAKER_WEIGHTS = {Kind.SEND: 60, Kind.EDIT: 25, Kind.DELETE: 15}

Exchange = Callable[[Connection, bytes], Awaitable[Answer | None]]


@dataclass
class Cast:
    """Who takes part in a campaign, and which tokens are taken."""

    owners: list[User] = field(default_factory=list)
    speakers: list[User] = field(default_factory=list)
    guests: list[User] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    # Creations without an answer, by the raw id of who asked.
    creating: dict[str, Action] = field(default_factory=dict)

    async def meet(self, ready: Ready) -> None:
        """Create all users."""
        connection = await Connection.open(ready.http_endpoint)
        for users, count in (
            (self.owners, OWNERS),
            (self.speakers, SPEAKERS),
            (self.guests, GUESTS),
        ):
            users += [await create_user(connection, ready) for _ in range(count)]
        connection.close()

    async def find_creation(self, books: ChatBooks, reader: Reader, run: int) -> None:
        """Look for the thread of a creation that had no answer."""
        creation = self.creating.pop(reader.user.raw_id, None)
        if creation is None:
            return
        listed = await reader.threads()
        found = [id_ for id_, topic in listed.items() if topic == creation.token]
        if not found:
            creation.outcome = Outcome.NOTHING
            return
        creation.thread_id = found[0]
        books.found += 1
        books.create(creation, run)

    def token(self, kind: Kind) -> str:
        """What nobody has said before."""
        return f"{kind} {next(self.numbers)}"


class Talker:
    """A user with one connection, and one request on the way at any time."""

    def __init__(
        self,
        books: ChatBooks,
        cast: Cast,
        exchange: Exchange,
        connection: Connection,
        user: User,
        seed: random.Random,
    ) -> None:
        self.user = user
        self.is_ending = False
        self._books = books
        self._cast = cast
        self._exchange = exchange
        self._connection = connection
        self._random = seed

    async def own_threads(self, run: int) -> None:
        """See what became of the last request of the run before, then talk on."""
        try:
            await self._look_back(run)
        except ConnectionError:
            return
        while not self.is_ending:
            thread = self._last_thread()
            kind = self._choose(_OWNER_WEIGHTS)
            if thread is None or kind == Kind.CREATE:
                guests = self._random.sample(self._cast.guests, _FIRST_GUESTS)
                names = {each.raw_id: self._cast.token(Kind.ADD) for each in guests}
                is_answered = await self.create(names, run)
            else:
                is_answered = await self._act(thread, kind)
            if not is_answered:
                return
        self._connection.close()

    async def share(self, thread: ThreadBook) -> None:
        """Talk in a thread in which others talk too."""
        while not self.is_ending:
            if not await self._act(thread, self._choose(_SPEAKER_WEIGHTS)):
                return
        self._connection.close()

    async def create(self, names: dict[str, str], run: int, *, is_shared: bool = False) -> bool:
        """Create a thread; whether there was an answer."""
        action = Action(
            kind=Kind.CREATE,
            by=self.user.raw_id,
            token=self._cast.token(Kind.CREATE),
            recipients=frozenset(names),
            names=names,
        )
        self._books.begin(action)
        self._cast.creating[self.user.raw_id] = action
        return await self._send_creation(action, run, is_shared=is_shared)

    async def _send_creation(self, action: Action, run: int, *, is_shared: bool = False) -> bool:
        body = {"topic": action.token, "participants": participants(action.names)}
        # The client's own retries repeat this id: they must not make another thread.
        repeatability_id = f"00000000-0000-4000-8000-{action.token.partition(' ')[2]:0>12}"
        request = chat_request(
            "POST",
            path_of(),
            self._connection,
            self.user,
            body,
            repeatability_request_id=repeatability_id,
        )
        answer = await self._exchange(self._connection, request)
        if answer is None:
            return False
        if self._is_right(action, answer, 201):
            action.thread_id = _new_id(answer)
            del self._cast.creating[self.user.raw_id]
            self._books.create(action, run, is_shared=is_shared)
        return True

    async def _look_back(self, run: int) -> None:
        """Settle what had no answer. Of creations some are asked for again, some looked for."""
        reader = Reader(self._connection, self.user)
        creation = self._cast.creating.get(self.user.raw_id)
        if creation is not None and self._random.random() < 0.5:
            if not await self._send_creation(creation, run):
                raise ConnectionResetError("the connection was lost")
        elif creation is not None:
            await self._cast.find_creation(self._books, reader, run)
        thread = self._last_thread()
        if thread is not None:
            settle(self._books, thread, await reader.thread(thread.id))

    def _last_thread(self) -> ThreadBook | None:
        own = (
            each
            for each in reversed(self._books.threads.values())
            if each.created_by == self.user.raw_id and not each.is_shared
        )
        last = next(own, None)
        return None if last is None or last.is_deleted else last

    def _choose(self, weights: dict[Kind, int]) -> Kind:
        return self._random.choices(list(weights), list(weights.values()))[0]

    async def _act(self, thread: ThreadBook, kind: Kind) -> bool:
        match kind:
            case Kind.ADD | Kind.REMOVE:
                return await self._change_participants(thread, kind)
            case Kind.RETITLE | Kind.DELETE_THREAD:
                return await self._change_thread(thread, kind)
            case _:
                return await self._change_messages(thread, kind)

    async def _change_messages(self, thread: ThreadBook, kind: Kind) -> bool:
        own = thread.own_texts(self.user.raw_id)[-_RECENT:]
        if kind == Kind.SEND or not own:
            action = self._action(Kind.SEND, thread)
            path, body = path_of(thread.id, "messages"), {"content": action.token, "type": "text"}
            return await self._ask(action, "POST", path, body, 201)
        message = self._random.choice(own)
        action = self._action(kind, thread, message_id=message)
        path = path_of(thread.id, "messages", message)
        if kind == Kind.EDIT:
            return await self._ask(action, "PATCH", path, {"content": action.token}, 204)
        return await self._ask(action, "DELETE", path, None, 204)

    async def _change_participants(self, thread: ThreadBook, kind: Kind) -> bool:
        present = [each for each in thread.participants if each != self.user.raw_id]
        absent = [each.raw_id for each in self._cast.guests if each.raw_id not in present]
        if kind == Kind.REMOVE and present:
            leaver = self._random.choice(present)
            names = {leaver: thread.participants[leaver]}
            action = self._action(kind, thread, names=names)
            path = path_of(thread.id, "participants", ":remove")
            return await self._ask(action, "POST", path, identifier(leaver), 204)
        joining = self._random.sample(absent, min(_MOST_ADDED, len(absent)))
        if not joining:
            return await self._change_messages(thread, Kind.SEND)
        names = {each: self._cast.token(Kind.ADD) for each in joining}
        action = self._action(Kind.ADD, thread, names=names)
        path = path_of(thread.id, "participants", ":add")
        return await self._ask(action, "POST", path, {"participants": participants(names)}, 201)

    async def _change_thread(self, thread: ThreadBook, kind: Kind) -> bool:
        action = self._action(kind, thread)
        if kind == Kind.RETITLE:
            return await self._ask(
                action, "PATCH", path_of(thread.id), {"topic": action.token}, 204
            )
        return await self._ask(action, "DELETE", path_of(thread.id), None, 204)

    def _action(
        self,
        kind: Kind,
        thread: ThreadBook,
        *,
        message_id: str = "",
        names: dict[str, str] | None = None,
    ) -> Action:
        """An action whose events go to all who are, were or will be there, but to this user."""
        match kind:
            case Kind.DELETE:
                token = f"{thread.id}/{message_id}"
            case Kind.DELETE_THREAD:
                token = thread.id
            case _:
                token = self._cast.token(kind)
        action = Action(
            kind=kind,
            by=self.user.raw_id,
            token=token,
            recipients=frozenset({*thread.participants, *(names or {})} - {self.user.raw_id}),
            thread_id=thread.id,
            message_id=message_id,
            names=names or {},
        )
        self._books.begin(action)
        return action

    async def _ask(
        self, action: Action, method: str, path: str, body: object, expected: int
    ) -> bool:
        """Send a request; whether there was an answer."""
        request = chat_request(method, path, self._connection, self.user, body)
        answer = await self._exchange(self._connection, request)
        if answer is None:
            return False
        if self._is_right(action, answer, expected):
            if action.kind == Kind.SEND:
                action.message_id = _new_id(answer)
            self._books.settle(action, Outcome.DONE)
        return True

    def _is_right(self, action: Action, answer: Answer, expected: int) -> bool:
        if answer.status != expected:
            self._books.problems.append(f"{action.kind} refused: {answer.status} {answer.body!r}")
        return answer.status == expected


class _Created(msgspec.Struct, rename="camel"):
    id: str = ""
    chat_thread: WireThread | None = None


def _new_id(answer: Answer) -> str:
    created = msgspec.json.decode(answer.body, type=_Created)
    return created.chat_thread.id if created.chat_thread else created.id
