"""Is a chat user connected? Publishes UserDisconnected when one has gone and does not come back.

The presence events article says no more than that the service regards a user as disconnected: here
that is when the last real-time connection has been gone for a grace period.

Memory knows who is connected; the store follows, one commit for all that changed meanwhile. After a
restart everyone who was written down has one more grace period to come back.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import islice
from uuid import UUID

from switchhook.clock import SECOND, Clock, to_text
from switchhook.communication import catalogue
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.due_work import BACK_OFF, DueWork
from switchhook.communication.presence_store import (
    CONNECTED,
    DUE,
    USERS,
    Written,
    change,
    decode,
    parse_due,
    parts_of,
    user_key,
)
from switchhook.communication.records import under
from switchhook.communication.resources import CommunicationResource
from switchhook.grid.ports import Change, Delete, Record, Records
from switchhook.grid.publish import CommitEvents, batch_of

USER_DISCONNECTED = "Microsoft.Communication.UserDisconnected"

# How long a user without a connection still counts as connected, in nanoseconds (assumed).
DEFAULT_GRACE = 30 * SECOND
# How many users go into one commit.
WRITE_LIMIT = 500

_log = logging.getLogger(__name__)


class _User:
    """What memory knows of a user; `written` is what the store has, None for no record."""

    __slots__ = ("connections", "due_at", "written")

    def __init__(self) -> None:
        self.connections = 0
        self.due_at = 0
        self.written: Written | None = None

    @property
    def wanted(self) -> Written:
        """What the store shall have."""
        return CONNECTED if self.connections else Written(due_at=self.due_at)


class Presence:
    """Counts the live connections of each user.

    `connected` and `disconnected` return at once and may be called in any order and number: what
    is written is how the user is then. A user's record and the event that ends it are one commit.
    """

    def __init__(
        self,
        *,
        store: Records,
        commit: CommitEvents,
        clock: Clock,
        directory: CommunicationDirectory,
        new_guid: Callable[[], UUID],
        grace: int = DEFAULT_GRACE,
    ) -> None:
        """`grace` is in nanoseconds."""
        self._store = store
        self._commit = commit
        self._clock = clock
        self._directory = directory
        self._new_guid = new_guid
        self._grace = grace
        self._users: dict[str, _User] = {}
        self._unwritten: dict[str, None] = {}
        # Between a decision and its commit nothing else is written: records are in its order.
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._is_backing_off = False
        self._is_closed = False
        self._due_work = DueWork(DUE, records=store, clock=clock, work=self._pass)

    def connected(self, resource: CommunicationResource, raw_id: str) -> None:
        """The user has one more connection."""
        key = user_key(resource.topic, raw_id)
        user = self._users.get(key)
        if user is None:
            user = self._users[key] = _User()
        user.connections += 1
        if user.connections == 1:
            self._note(key)

    def disconnected(self, resource: CommunicationResource, raw_id: str) -> None:
        """The user has one connection less."""
        key = user_key(resource.topic, raw_id)
        user = self._users.get(key)
        if user is None or user.connections == 0:
            return  # of a resource that was deleted meanwhile
        user.connections -= 1
        if user.connections == 0:
            user.due_at = self._clock.now() + self._grace
            self._note(key)

    async def resume(self) -> None:
        """Take up who was connected when the last run ended; the directory must be complete."""
        start = ""
        while records := await self._store.scan(USERS, start=start, limit=WRITE_LIMIT):
            for record in records:
                self._take_up(record)
            start = f"{records[-1].key}\0"
        await self._due_work.resume()

    async def forget(self, topic: str) -> None:
        """Forget who was connected to a resource; who still is to one that exists remains so."""
        async with self._writing:
            for key in [key for key in self._users if key.startswith(f"{topic}/")]:
                is_gone = self._users[key].connections == 0
                if is_gone or self._directory.by_topic(topic) is None:
                    self._users.pop(key)
                    self._unwritten.pop(key, None)
                else:
                    self._users[key].written = None
                    self._note(key)
            while records := await under(self._store, USERS, topic, WRITE_LIMIT):
                deletions = [
                    each
                    for record in records
                    for each in change(record.key, decode(record.value), None)
                ]
                await self._commit(deletions, ())

    @property
    def is_busy(self) -> bool:
        """Whether something is to be written now, or is due."""
        return self._task is not None or self._due_work.is_busy

    async def quiet(self) -> None:
        """Return when all is written and nothing due is in flight."""
        while self.is_busy:
            if self._task is not None:
                await asyncio.wait((self._task,))
            await self._due_work.quiet()

    async def close(self) -> None:
        """Write what is not written yet, and stop; connections have ended by then."""
        if self._task is None and self._unwritten:
            self._task = asyncio.get_running_loop().create_task(self._write())
        self._is_closed = True
        while self._task is not None:
            await asyncio.wait((self._task,))
        await self._due_work.close()

    def _take_up(self, record: Record) -> None:
        user = self._users.setdefault(record.key, _User())
        if user.written is not None:
            return  # whoever has come back already
        user.written = decode(record.value)
        if user.connections == 0:
            # Nobody could come back while the server was down: the grace period begins again.
            user.due_at = self._clock.now() + self._grace
        self._note(record.key)

    def _note(self, key: str) -> None:
        self._unwritten[key] = None
        self._begin()

    def _begin(self) -> None:
        waits = self._is_backing_off or self._is_closed
        if self._task is None and self._unwritten and not waits:
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._unwritten:
                async with self._writing:
                    await self._write_some()
        except Exception:  # noqa: BLE001 - what is not written stays so; it must be tried again
            _log.warning("presence.not_written", exc_info=True)
            self._is_backing_off = True
            self._clock.call_at(self._clock.now() + BACK_OFF, self._try_again)
        finally:
            self._task = None

    def _try_again(self) -> None:
        self._is_backing_off = False
        self._begin()

    async def _write_some(self) -> None:
        """Write down how some users are by now."""
        keys = list(islice(self._unwritten, WRITE_LIMIT))
        after: dict[_User, Written] = {}
        changes: list[Change] = []
        for key in keys:
            del self._unwritten[key]
            user = self._users.get(key)
            if user is not None:
                after[user] = user.wanted
                changes += change(key, user.written, after[user])
        await self._commit_users(keys, changes, after)

    async def _commit_users(
        self, keys: Sequence[str], changes: Sequence[Change], after: dict[_User, Written]
    ) -> None:
        if not changes:
            return
        try:
            await self._commit(changes, ())
        except BaseException:
            self._unwritten |= dict.fromkeys(keys)
            raise
        for user, written in after.items():
            user.written = written
        due = [written.due_at for written in after.values() if written.due_at is not None]
        self._due_work.expect(min(due, default=None))

    async def _pass(self, due: Sequence[Record], now: int) -> None:
        async with self._writing:
            plan = _Pass()
            for record in due:
                self._decide(plan, record)
            batches = []
            for topic, users in plan.gone.items():
                resource = self._directory.by_topic(topic)
                if resource is not None:
                    events = [self._event(resource, raw_id, now) for raw_id in users]
                    batches.append(batch_of(topic, events, now))
            await self._commit(plan.changes, batches)
            self._settle(plan)

    def _decide(self, plan: "_Pass", record: Record) -> None:
        """Whether that user is gone, or is back, or was never due then."""
        due_at, key = parse_due(record.key)
        user = self._users.get(key)
        if user is None or user.written is None or user.written.due_at != due_at:
            plan.changes.append(Delete(DUE, record.key))
        elif user.wanted.due_at == due_at:
            topic, raw_id = parts_of(key)
            # The condition makes the event one: should an outcome have been unknown before.
            plan.changes += [Delete(DUE, record.key, record.revision), Delete(USERS, key)]
            plan.gone.setdefault(topic, []).append(raw_id)
            plan.ended[key] = due_at
        else:
            plan.moved[key] = user.wanted
            plan.changes += change(key, user.written, user.wanted)

    def _settle(self, plan: "_Pass") -> None:
        """Remember what was written; meanwhile users may have come back."""
        for key, written in plan.moved.items():
            self._users[key].written = written
        for key, due_at in plan.ended.items():
            user = self._users[key]
            user.written = None
            if user.wanted.due_at == due_at:
                del self._users[key]

    def _event(self, resource: CommunicationResource, raw_id: str, now: int) -> bytes:
        return catalogue.render_json(
            USER_DISCONNECTED,
            resource_id=resource.resource_id,
            settings=resource.events,
            values={"userCommunicationIdentifier": catalogue.identifier_of(raw_id, kind=False)},
            event_id=str(self._new_guid()),
            event_time=to_text(now, digits=0),
        )


class _Pass:
    """What one pass collects: who is gone (raw ids by topic, and since when), and who is not."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.gone: dict[str, list[str]] = {}
        self.ended: dict[str, int] = {}
        self.moved: dict[str, Written] = {}
