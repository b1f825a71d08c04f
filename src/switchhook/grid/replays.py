"""How are events delivered again? A replay reads on from its own cursor and writes rows.

Rows, cursor and counts are one commit: a crash neither loses an event of a replay nor writes one
twice. The rows are delivered like any others that are due.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence

import msgspec

from switchhook.clock import SECOND, Clock
from switchhook.errors import RequestError, StoreError
from switchhook.grid import given_up
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.collections import REPLAY_RUNS, REPLAYS
from switchhook.grid.ports import (
    Change,
    Cursor,
    Delete,
    DropCursor,
    Identity,
    Put,
    PutCursor,
    PutWaiting,
    Store,
)
from switchhook.grid.replay import (
    DEFAULT_RATE,
    EVERYTHING,
    MAX_OUTSTANDING,
    Pace,
    Replay,
    ReplaySource,
    ReplayState,
    Selection,
    put_replay,
    read_replay,
)
from switchhook.grid.replay_events import Found, ReplayEvents
from switchhook.grid.route import Router

log = logging.getLogger(__name__)

MAX_RUNNING = 20
# Replays that are over, for lists.
KEEP_ENDED = 200
_LAST_RUN = "last"
_PAUSE_AFTER_FAILURE = SECOND
_TRIMS_AT_ONCE = 4


class _Running:
    """A replay that is not over, with what it has in memory."""

    def __init__(self, replay: Replay, position: int, now: int) -> None:
        self.replay = replay
        self.position = position
        self.pace = Pace(replay.rate, now)
        self.outstanding: set[Identity] = set()


class Replays:
    """Every replay that runs or ran lately."""

    def __init__(
        self, *, store: Store, router: Router, checkpoint: Checkpoint, clock: Clock
    ) -> None:
        self._store = store
        self._router = router
        self._checkpoint = checkpoint
        self._clock = clock
        self._events = ReplayEvents(store=store, router=router, clock=clock)
        self._lock = asyncio.Lock()
        self._last_run = 0
        self._replays: dict[int, Replay] = {}
        self._running: dict[int, _Running] = {}
        checkpoint.run_settled = self._settled

    async def start(self, cursors: Iterable[Cursor]) -> None:
        """Take up the replays of the last run of the server; `cursors` are those of runs."""
        last = await self._store.get(REPLAY_RUNS, _LAST_RUN)
        self._last_run = int(last.value) if last else 0
        positions = {cursor.run: cursor.position for cursor in cursors}
        for record in await self._store.scan(REPLAYS):
            replay = read_replay(record.value)
            self._hold(replay, positions.get(replay.run, replay.end))
        concerned = {running.replay.subscription for running in self._running.values()}
        for incarnation in self._router.queues.keys() if "" in concerned else concerned:
            for row in await self._store.waiting(incarnation, limit=None):
                if row.run in self._running:
                    self._running[row.run].outstanding.add(row.identity)

    # --- asking -----------------------------------------------------------------------------------

    def all(self) -> Sequence[Replay]:
        """Every replay, the newest last."""
        return tuple(self._replays.values())

    def find(self, name: str) -> Replay | None:
        """The replay of this name, in any case of its letters."""
        wanted = name.lower()
        return next((each for each in self.all() if each.name.lower() == wanted), None)

    def outstanding(self, run: int) -> int:
        """How many deliveries of a replay have not ended."""
        running = self._running.get(run)
        return len(running.outstanding) if running else 0

    def pins(self) -> Iterable[int]:
        """The positions from which on replays need the log."""
        return [each.position for each in self._running.values() if each.replay.reads_log]

    # --- beginning and ending ---------------------------------------------------------------------

    async def begin(
        self,
        *,
        subscription: str,
        source: ReplaySource,
        selection: Selection = EVERYTHING,
        rate: int = DEFAULT_RATE,
        name: str = "",
    ) -> Replay:
        """Begin a replay of what is there now; it is durable when this returns.

        Raises:
            RequestError: the name is taken, or too many replays run.
        """
        async with self._lock:
            self._check_new(subscription, name)
            run, now = self._last_run + 1, self._clock.now()
            if source is ReplaySource.DEAD_LETTERS:
                # What this run gives up itself is not its own.
                until = now + 1 if selection.until is None else min(selection.until, now + 1)
                selection = msgspec.structs.replace(selection, until=until)
                await self._checkpoint.write()  # what was given up just now is part of it
            replay = Replay(
                run=run,
                name=name or f"{_PREFIX[source]}-{run}",
                subscription=subscription,
                source=source,
                selection=selection,
                rate=rate,
                started_at=now,
                end=self._router.head,
            )
            changes: list[Change] = [
                put_replay(replay),
                Put(REPLAY_RUNS, _LAST_RUN, str(run).encode()),
            ]
            position = replay.end
            if replay.reads_log:
                position = await self._events.first_position(selection.since)
                changes.append(_put_cursor(replay, position))

            def hold(_: int) -> None:
                self._last_run = run
                self._hold(replay, position)
                self._checkpoint.wake()

            await self._store.commit(changes, (), hold)
            return replay

    def _check_new(self, subscription: str, name: str) -> None:
        if name and self.find(name) is not None:
            raise RequestError(409, "Conflict", f"There is a replay '{name}' already.")
        if len(self._running) >= MAX_RUNNING:
            raise RequestError(
                409, "Conflict", f"{MAX_RUNNING} replays are running: no more can be started now."
            )
        if subscription and subscription not in self._router.queues:
            raise RequestError(
                409, "Conflict", "The event subscription is not in force: nothing is delivered yet."
            )

    def _hold(self, replay: Replay, position: int) -> None:
        self._replays[replay.run] = replay
        if replay.state is ReplayState.RUNNING:
            self._running[replay.run] = _Running(replay, position, self._clock.now())

    async def cancel(self, run: int) -> None:
        """End a replay; its deliveries that wait are forgotten, those under way are not."""
        async with self._lock:
            running = self._running.get(run)
            if running is None:
                return
            replay = running.replay.ended(ReplayState.CANCELED, self._clock.now())
            await self._store.commit([put_replay(replay), DropCursor(replay.subscription, run)])
            self._replays[run] = replay
            del self._running[run]
            if self._checkpoint.has_unwritten_rows:
                await self._checkpoint.write()
            for incarnation in {identity[1] for identity in running.outstanding}:
                await self._forget_waiting(incarnation, run)

    async def _forget_waiting(self, incarnation: str, run: int) -> None:
        waiting = self._store.waiting(incarnation, limit=None)
        for row in await self._checkpoint.read(waiting):
            is_own = row.run == run and not row.dead_letter_reason
            if is_own and not self._checkpoint.is_in_memory(row):
                self._checkpoint.settle(row.identity)

    async def delete(self, run: int) -> None:
        """End a replay and forget it."""
        await self.cancel(run)
        async with self._lock:
            replay = self._replays.get(run)
            if replay is not None:
                await self._forget([replay])

    async def _forget(self, replays: Sequence[Replay]) -> None:
        changes: list[Change] = [Delete(REPLAYS, each.key) for each in replays]
        changes += [DropCursor(each.subscription, each.run) for each in replays]
        await self._store.commit(changes)
        for each in replays:
            self._replays.pop(each.run, None)
            self._running.pop(each.run, None)

    # --- going on ---------------------------------------------------------------------------------

    async def turn(self) -> bool:
        """Take a step of each replay that may go on now; whether there was any."""
        if not self._running:
            return False
        async with self._lock:
            return any([await self._step(each) for each in list(self._running.values())])

    async def _step(self, running: _Running) -> bool:
        if not self._is_wanted(running.replay):
            await self._forget([running.replay])
            return True
        if running.replay.is_read:
            return await self._end(running)
        now = self._clock.now()
        room = MAX_OUTSTANDING - len(running.outstanding)
        allowed = min(running.pace.allowed(now), room)
        if allowed <= 0:
            return False
        try:
            found = await self._events.next(running.replay, running.position, allowed)
            await self._write(running, found)
        except StoreError as problem:
            log.warning("replay.waits", extra={"run": running.replay.run, "reason": str(problem)})
            running.pace.hold(now + _PAUSE_AFTER_FAILURE)
        else:
            count = len(found.rows)
            running.pace.took(count, now, is_all=count == allowed)
        if running.pace.ready_at > now:
            self._clock.call_at(running.pace.ready_at, self._checkpoint.wake)
        return True

    async def _write(self, running: _Running, found: Found) -> None:
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
            changes.append(end if found.is_read else _put_cursor(replay, found.position))
        if found.rows or found.is_read:
            try:
                await self._store.commit([*changes, put_replay(replay)])
            except BaseException:
                running.replay = before
                raise
        running.position = max(running.position, found.position)
        running.outstanding.update(row.identity for row in found.rows)
        self._replays[replay.run] = replay
        if found.rows:
            self._checkpoint.expect_due(found.rows[0].due_at)

    async def _end(self, running: _Running) -> bool:
        if running.outstanding:
            return False
        replay = running.replay.ended(ReplayState.SUCCEEDED, self._clock.now())
        await self._store.commit([put_replay(replay)])
        self._replays[replay.run] = replay
        self._running.pop(replay.run, None)
        return True

    def _is_wanted(self, replay: Replay) -> bool:
        return not replay.subscription or replay.subscription in self._router.queues

    def _settled(self, identity: Identity) -> None:
        """A delivery of a run has ended."""
        running = self._running.get(identity[2])
        if running is not None:
            running.outstanding.discard(identity)
            # Others wait for the end, or for room.
            if len(running.outstanding) in (0, MAX_OUTSTANDING - 1):
                self._checkpoint.wake()

    def abandon(self, before: int) -> None:
        """The log is full: replays skip the events before that position."""
        for running in self._running.values():
            if running.replay.reads_log and running.position < before:
                log.warning("replay.abandoned", extra={"run": running.replay.run, "before": before})
                running.position = before

    # --- upkeep -----------------------------------------------------------------------------------

    async def upkeep(self, keep: given_up.Keep) -> None:
        """Forget replays that nobody will ask for, and what was given up long ago."""
        async with self._lock:
            ended = [each for each in self.all() if each.run not in self._running]
            old = ended[: max(0, len(ended) - KEEP_ENDED)]
            gone = [each for each in ended if each not in old and not self._is_wanted(each)]
            if old or gone:
                await self._forget([*old, *gone])
            for _ in range(_TRIMS_AT_ONCE):
                changes = await given_up.trim(
                    self._store,
                    self._clock.now(),
                    keep_newest=keep.newest,
                    keep_bytes=keep.size,
                    max_age=keep.age,
                )
                if not changes:
                    return
                await self._store.commit(changes)


_PREFIX = {ReplaySource.LOG: "replay", ReplaySource.DEAD_LETTERS: "redrive"}


def _put_cursor(replay: Replay, position: int) -> PutCursor:
    return PutCursor(Cursor(subscription=replay.subscription, run=replay.run, position=position))
