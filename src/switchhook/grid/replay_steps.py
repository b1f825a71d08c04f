"""How does a replay go on? It reads, and writes rows, its place and its counts in one commit.

A crash neither loses an event of a replay nor writes one twice. The rows are delivered like any
others that are due.
"""

import logging

import msgspec

from switchhook.clock import SECOND, Clock
from switchhook.errors import StoreError
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.ports import Change, Cursor, DropCursor, PutCursor, PutWaiting, Store
from switchhook.grid.replay import (
    MAX_OUTSTANDING,
    Replay,
    ReplaySource,
    ReplayState,
    put_replay,
)
from switchhook.grid.replay_book import ReplayBook, Running
from switchhook.grid.replay_events import Found, ReplayEvents

log = logging.getLogger(__name__)

_PAUSE_AFTER_FAILURE = SECOND


class ReplaySteps:
    """Takes the steps of the replays that run."""

    def __init__(
        self,
        *,
        store: Store,
        events: ReplayEvents,
        book: ReplayBook,
        checkpoint: Checkpoint,
        clock: Clock,
    ) -> None:
        self._store = store
        self._events = events
        self._book = book
        self._checkpoint = checkpoint
        self._clock = clock

    async def step(self, running: Running) -> bool:
        """Take one step, if it may be taken now; whether it was."""
        now = self._clock.now()
        if now < running.waits_until:
            return False
        try:
            if running.replay.is_read:
                return await self._end(running, now)
            return await self._read_on(running, now)
        except Exception as problem:  # of this replay alone
            is_known = isinstance(problem, StoreError)
            fields = {"run": running.replay.run, "reason": str(problem)}
            log.warning("replay.waits", extra=fields, exc_info=None if is_known else problem)
            running.waits_until = now + _PAUSE_AFTER_FAILURE
            self._clock.call_at(running.waits_until, self._checkpoint.wake)
            return False

    async def _read_on(self, running: Running, now: int) -> bool:
        room = MAX_OUTSTANDING - len(running.outstanding)
        allowed = min(running.pace.allowed(now), room)
        if allowed <= 0:
            return False
        found = await self._events.next(running.replay, running.position, allowed)
        await self._write(running, found)
        count = len(found.rows)
        running.pace.took(count, now, is_all=count == allowed)
        if running.pace.ready_at > now:
            self._clock.call_at(running.pace.ready_at, self._checkpoint.wake)
        return True

    async def _write(self, running: Running, found: Found) -> None:
        """Make a step durable; what it found nothing in need not be."""
        before = running.replay
        replay = running.replay = msgspec.structs.replace(
            before,
            after=found.after,
            is_read=found.is_read,
            queued=before.queued + len(found.rows),
            skipped=before.skipped + found.skipped,
        )
        changes: list[Change] = [*map(PutWaiting, found.rows), *found.marks]
        if before.source is ReplaySource.LOG:
            end = DropCursor(replay.subscription, replay.run)
            changes.append(end if found.is_read else put_cursor(replay, found.position))
        if found.rows or found.is_read:
            try:
                await self._store.commit([*changes, put_replay(replay)])
            except BaseException:
                running.replay = before
                raise
        running.position = max(running.position, found.position)
        # Of a subscription that was deleted meanwhile nothing was written.
        there = (row for row in found.rows if self._book.is_in_force(row.subscription))
        running.outstanding.update(row.identity for row in there)
        self._book.note(replay)
        if found.rows:
            self._checkpoint.expect_due(found.rows[0].due_at)

    async def _end(self, running: Running, now: int) -> bool:
        if running.outstanding:
            return False
        replay = running.replay.ended(ReplayState.SUCCEEDED, now)
        await self._store.commit([put_replay(replay)])
        self._book.note(replay)
        return True


def put_cursor(replay: Replay, position: int) -> PutCursor:
    """The change that writes down how far a replay has read the log."""
    return PutCursor(Cursor(subscription=replay.subscription, run=replay.run, position=position))
