"""What happens to threads as time goes by?

Retention policies delete them, deleted ones lose their content and are forgotten, deleted users
leave. Any part of it may be done again after a crash: what is done already is passed over.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import msgspec

from switchhook.clock import MINUTE, Clock
from switchhook.communication.chat import participants, threads
from switchhook.communication.chat.actions import Plan, Rule, ThreadActions
from switchhook.communication.chat.create import Users
from switchhook.communication.chat.state import ThreadState
from switchhook.communication.chat.store import (
    DUE,
    HEADS,
    MEMBERS,
    REPEATABILITY,
    THREADS,
    ChatRecords,
    PurgeDue,
    RepeatabilityDue,
    RetentionDue,
    TombstoneDue,
    UserGone,
    decode_due,
    member_key,
    thread_of_member,
)
from switchhook.communication.chat.thread_cache import ThreadCache
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.due_work import BACK_OFF, PASS_LIMIT, due_key
from switchhook.communication.records import key, put
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError
from switchhook.grid.ports import Change, Delete, Put, Record
from switchhook.grid.publish import CommitEvents

_log = logging.getLogger(__name__)

# How much is done at once: what that costs is how long everybody else waits.
AT_ONCE = 8
# How much of a deleted thread's content goes in one commit.
PURGE_LIMIT = 500
# How many threads a deleted user leaves in one pass.
LEAVES_PER_PASS = 50
# When to look again for threads of a deleted user: whoever still knew the user is done by then.
LAST_LOOK_AFTER = MINUTE


def user_gone(topic: str, raw_id: str, at: int) -> Put:
    """The change by which a deleted user leaves all threads at that instant."""
    return put(DUE, due_key(at, f"user/{raw_id}"), UserGone(topic=topic, raw_id=raw_id))


class ChatDue:
    """Does what is due; the directory must be complete before the first pass."""

    def __init__(
        self,
        *,
        records: ChatRecords,
        commit: CommitEvents,
        clock: Clock,
        directory: CommunicationDirectory,
        users: Users,
        cache: ThreadCache,
        actions: ThreadActions,
    ) -> None:
        self._records = records
        self._commit = commit
        self._clock = clock
        self._directory = directory
        self._users = users
        self._cache = cache
        self._actions = actions
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def do(self, due: Sequence[Record], now: int) -> None:
        """One pass: the `Work` of this engine. What fails, and what is left, goes behind the rest.

        Raises:
            StoreError, ConflictError: it cannot be written down what is done.
        """
        outcomes = await asyncio.gather(
            *(self._do(record, now) for record in due), return_exceptions=True
        )
        changes: list[Change] = []
        for record, outcome in zip(due, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                _log.warning("chat.due_failed", exc_info=outcome, extra={"due": record.key})
                changes += _later(record, now + BACK_OFF)
            elif outcome is not None:
                changes += outcome
            elif len(due) == PASS_LIMIT:  # others may be waiting
                changes += _later(record, now)
        if changes:
            await self._commit(changes, ())

    async def _do(self, record: Record, now: int) -> list[Change] | None:
        """Do what is due; answer the changes by which it is done, None where some of it is left."""
        done = Delete(DUE, record.key, record.revision)
        match decode_due(record):
            case RetentionDue() as due:
                await self._retain(due, now)
                return [done]
            case PurgeDue() as due:
                return [done] if await self._purge(due) else None
            case TombstoneDue() as due:
                await self._bury(due, done)
                return []
            case UserGone() as due:
                return await self._leave_all(due, record, now)
            case RepeatabilityDue() as due:
                return [Delete(REPEATABILITY, due.key), done]

    async def _retain(self, due: RetentionDue, now: int) -> None:
        resource = self._directory.by_topic(due.topic)
        if resource is None:
            return

        def apply_policy(state: ThreadState) -> Plan:
            return Plan(step=threads.apply_policy(state, now))

        await self._acts(resource, due.thread_id, apply_policy)

    async def _purge(self, due: PurgeDue) -> bool:
        """Delete a part of a thread's content; answer whether that was all."""
        async with self._at_once:
            deletions = await self._records.content(due.topic, due.thread_id, PURGE_LIMIT)
            if deletions:
                await self._commit(deletions, ())
        return len(deletions) < PURGE_LIMIT

    async def _bury(self, due: TombstoneDue, done: Delete) -> None:
        changes: list[Change] = [done]
        stored = await self._records.thread(due.topic, due.thread_id)
        if stored is not None:
            thread = stored.state.thread
            thread_key = key(due.topic, thread.id)
            changes += [Delete(HEADS, thread_key), Delete(THREADS, thread_key)]
            for each in thread.participants:
                changes.append(Delete(MEMBERS, member_key(due.topic, each.raw_id, thread)))
        await self._commit(changes, ())
        self._cache.forget(due.topic, due.thread_id)

    async def _leave_all(self, due: UserGone, record: Record, now: int) -> list[Change] | None:
        done = Delete(DUE, record.key, record.revision)
        resource = self._directory.by_topic(due.topic)
        if resource is None:
            return [done]
        gone = _located(due, record)
        members = await self._left_behind(resource, gone)
        outcomes = await asyncio.gather(
            *(self._leave(resource, due.raw_id, member) for member in members),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        if members:
            return None
        if due.is_last_look:
            return [done]
        again = msgspec.structs.replace(gone, is_last_look=True)
        return [done, put(DUE, due_key(now + LAST_LOOK_AFTER, f"user/{due.raw_id}"), again)]

    async def _left_behind(self, resource: CommunicationResource, gone: UserGone) -> list[Record]:
        """Some memberships of a deleted user; of one who is back, those from before."""
        is_back = bool(await self._users.exist(resource, (gone.raw_id,)))
        found: list[Record] = []
        before = ""
        while len(found) < LEAVES_PER_PASS:
            members = await self._records.memberships(
                gone.topic, gone.raw_id, before=before, limit=LEAVES_PER_PASS
            )
            found += [
                each for each in members if not is_back or each.position < (gone.position or 0)
            ]
            if len(members) < LEAVES_PER_PASS:
                break
            before = members[-1].key
        return found[:LEAVES_PER_PASS]

    async def _leave(self, resource: CommunicationResource, raw_id: str, member: Record) -> None:
        def leave(state: ThreadState) -> Plan:
            return Plan(step=participants.remove(state, raw_id, raw_id, self._clock.now()))

        if not await self._acts(resource, thread_of_member(member), leave):
            # The thread is deleted: only the record of the user's part in it is left. Not whatever
            # the key: the user may have been added meanwhile.
            await self._commit([Delete(MEMBERS, member.key, member.revision)], ())

    async def _acts(self, resource: CommunicationResource, thread_id: str, rule: Rule) -> bool:
        """Apply a rule; answer False where the thread is deleted, or the user has left it."""

        async def prepare() -> Rule:
            return rule

        async with self._at_once:
            try:
                await self._actions.act(resource, thread_id, prepare)
            except RequestError:
                return False
        return True


def _located(due: UserGone, record: Record) -> UserGone:
    """A deletion that knows its place in the log, wherever its record is moved."""
    if due.position is not None:
        return due
    return msgspec.structs.replace(due, position=record.position)


def _later(record: Record, at: int) -> list[Change]:
    """The changes that move what is due to a later instant."""
    moved = due_key(at, record.key.partition("/")[2])
    if moved == record.key:
        return []
    value = record.value
    with contextlib.suppress(msgspec.DecodeError):  # of another version: it stays as it is
        due = decode_due(record)
        if isinstance(due, UserGone):
            value = put(DUE, moved, _located(due, record)).value
    return [Delete(DUE, record.key, record.revision), Put(DUE, moved, value)]
