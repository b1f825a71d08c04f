"""What happens to threads as time goes by?

Retention policies delete them, deleted ones lose their content and are forgotten, deleted users
leave. Any part of it may be done again after a crash: what is done already is passed over.
"""

import asyncio
from collections.abc import Sequence

from switchhook.clock import MINUTE, Clock
from switchhook.communication.chat import participants, threads
from switchhook.communication.chat.actions import Plan, Rule, ThreadActions
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
from switchhook.communication.due_work import due_key
from switchhook.communication.records import key, put
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError
from switchhook.grid.ports import Change, Delete, Put, Record
from switchhook.grid.publish import CommitEvents

# How much of a deleted thread's content goes in one commit.
PURGE_LIMIT = 500
# How many threads a deleted user leaves in one pass.
LEAVES_PER_PASS = 50
# When to look again for threads of a deleted user: whoever still knew the user is done by then.
LAST_LOOK_AFTER = MINUTE


def user_gone(topic: str, raw_id: str, at: int, *, is_last_look: bool = False) -> Put:
    """The change by which a deleted user leaves all threads at that instant."""
    due = UserGone(topic=topic, raw_id=raw_id, is_last_look=is_last_look)
    return put(DUE, due_key(at, f"user/{raw_id}"), due)


class ChatDue:
    """Does what is due; the directory must be complete before the first pass."""

    def __init__(
        self,
        *,
        records: ChatRecords,
        commit: CommitEvents,
        clock: Clock,
        directory: CommunicationDirectory,
        cache: ThreadCache,
        actions: ThreadActions,
    ) -> None:
        self._records = records
        self._commit = commit
        self._clock = clock
        self._directory = directory
        self._cache = cache
        self._actions = actions

    async def do(self, due: Sequence[Record], now: int) -> None:
        """One pass: the `Work` of this engine. What fails does not hold up the rest.

        Raises:
            StoreError, ConflictError: the first failure; what has failed stays due.
        """
        outcomes = await asyncio.gather(
            *(self._do(record, now) for record in due), return_exceptions=True
        )
        changes: list[Change] = []
        failures: list[BaseException] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                failures.append(outcome)
            else:
                changes += outcome
        if changes:
            await self._commit(changes, ())
        if failures:
            raise failures[0]

    async def _do(self, record: Record, now: int) -> list[Change]:
        """Do what is due; answer the changes by which it is done, none where some of it is left."""
        done = Delete(DUE, record.key, record.revision)
        match decode_due(record):
            case RetentionDue() as due:
                await self._retain(due, now)
                return [done]
            case PurgeDue() as due:
                return [done] if await self._purge(due) else []
            case TombstoneDue() as due:
                await self._bury(due, done)
                return []
            case UserGone() as due:
                return await self._leave_all(due, done, now)
            case RepeatabilityDue() as due:
                return [Delete(REPEATABILITY, due.key), done]

    async def _retain(self, due: RetentionDue, now: int) -> None:
        resource = self._directory.by_topic(due.topic)
        if resource is None:
            return

        def apply_policy(state: ThreadState) -> Plan:
            return Plan(step=threads.apply_policy(state, now))

        await self._act(resource, due.thread_id, apply_policy)

    async def _purge(self, due: PurgeDue) -> bool:
        """Delete a part of a thread's content; answer whether that was all."""
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

    async def _leave_all(self, due: UserGone, done: Delete, now: int) -> list[Change]:
        resource = self._directory.by_topic(due.topic)
        if resource is None:
            return [done]
        members = await self._records.memberships(due.topic, due.raw_id, limit=LEAVES_PER_PASS)
        outcomes = await asyncio.gather(
            *(self._leave(resource, due.raw_id, thread_of_member(each)) for each in members),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        if members:
            # Those of threads that are deleted, too, or of which no participant is left.
            return [Delete(MEMBERS, each.key) for each in members]
        if due.is_last_look:
            return [done]
        at = now + LAST_LOOK_AFTER
        return [done, user_gone(due.topic, due.raw_id, at, is_last_look=True)]

    async def _leave(self, resource: CommunicationResource, raw_id: str, thread_id: str) -> None:
        def leave(state: ThreadState) -> Plan:
            return Plan(step=participants.remove(state, raw_id, raw_id, self._clock.now()))

        await self._act(resource, thread_id, leave)

    async def _act(self, resource: CommunicationResource, thread_id: str, rule: Rule) -> None:
        async def prepare() -> Rule:
            return rule

        try:
            await self._actions.act(resource, thread_id, prepare)
        except RequestError:
            return  # the thread is deleted, or the user has left it
