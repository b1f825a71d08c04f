"""How do replays begin and end?"""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from switchhook.clock import Clock
from switchhook.errors import RequestError
from switchhook.grid import given_up
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.collections import REPLAY_RUNS, REPLAYS
from switchhook.grid.ports import (
    Change,
    Cursor,
    Delete,
    DropCursor,
    Put,
    Store,
)
from switchhook.grid.replay import (
    DEFAULT_RATE,
    EVERYTHING,
    Replay,
    ReplaySource,
    ReplayState,
    Selection,
    put_replay,
    read_replay,
)
from switchhook.grid.replay_book import ReplayBook
from switchhook.grid.replay_events import ReplayEvents
from switchhook.grid.replay_steps import ReplaySteps, put_cursor
from switchhook.grid.route import Router

MAX_RUNNING = 20
# Replays that are over, for lists.
KEEP_ENDED = 200
_LAST_RUN = "last"
_TRIMS_AT_ONCE = 4


class Replays(ReplayBook):
    """Begins, takes on and ends replays, one change at a time."""

    def __init__(
        self, *, store: Store, router: Router, checkpoint: Checkpoint, clock: Clock
    ) -> None:
        super().__init__(router=router, checkpoint=checkpoint, clock=clock)
        self._store = store
        self._events = ReplayEvents(store=store, router=router, clock=clock)
        self._steps = ReplaySteps(
            store=store, events=self._events, book=self, checkpoint=checkpoint, clock=clock
        )
        self._lock = asyncio.Lock()
        self._last_run = 0

    async def start(self, cursors: Iterable[Cursor]) -> None:
        """Take up the replays of the last run of the server; `cursors` are those of runs."""
        last = await self._store.get(REPLAY_RUNS, _LAST_RUN)
        self._last_run = int(last.value) if last else 0
        positions = {cursor.run: cursor.position for cursor in cursors}
        for record in await self._store.scan(REPLAYS):
            replay = read_replay(record.value)
            self.hold(replay, positions.get(replay.run, replay.end))
        concerned = {running.replay.subscription for running in self.running.values()}
        for incarnation in self._router.queues.keys() if "" in concerned else concerned:
            for row in await self._store.waiting(incarnation, limit=None):
                if row.run in self.running:
                    self.running[row.run].outstanding.add(row.identity)

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
            now = self._clock.now()
            if source is ReplaySource.DEAD_LETTERS:
                await self._checkpoint.write()  # what was given up just now is part of it
                selection = _until_now(selection, now)
            run = self._last_run + 1
            while not name and self.find(f"{_PREFIX[source]}-{run}"):
                run += 1
            self._router.finish()  # it is of all that was published before it
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
            await self._write_new(replay)
            return replay

    async def _write_new(self, replay: Replay) -> None:
        last_run = Put(REPLAY_RUNS, _LAST_RUN, str(replay.run).encode())
        changes: list[Change] = [put_replay(replay), last_run]
        position = replay.end
        if replay.reads_log:
            position = await self._events.first_position(replay.selection.since)
            changes.append(put_cursor(replay, position))

        def hold(_: int) -> None:
            self._last_run = replay.run
            self.hold(replay, position)
            self._checkpoint.wake()

        await self._store.commit(changes, (), hold)

    def _check_new(self, subscription: str, name: str) -> None:
        if name and self.find(name) is not None:
            raise RequestError(409, "Conflict", f"There is a replay '{name}' already.")
        if len(self.running) >= MAX_RUNNING:
            raise RequestError(
                409, "Conflict", f"{MAX_RUNNING} replays are running: no more can be started now."
            )
        if subscription and subscription not in self._router.queues:
            raise RequestError(
                409, "Conflict", "The event subscription is not in force: nothing is delivered yet."
            )

    async def cancel(self, run: int) -> None:
        """End a replay: what waits of it is forgotten, what is being sent is not tried again."""
        async with self._lock:
            running = self.running.get(run)
            if running is None:
                return
            replay = running.replay.ended(ReplayState.CANCELED, self._clock.now())
            await self._store.commit([put_replay(replay), DropCursor(replay.subscription, run)])
            self.note(replay)
            self._checkpoint.canceled_runs.add(run)
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
            self.drop(each)

    # --- going on ---------------------------------------------------------------------------------

    async def turn(self) -> bool:
        """Take a step of each replay that may go on now; whether there was any."""
        if not self.running:
            return False
        async with self._lock:
            running = [each.replay for each in self.running.values()]
            gone = [replay for replay in running if not self.is_wanted(replay)]
            if gone:
                await self._forget(gone)
            took = [await self._steps.step(each) for each in list(self.running.values())]
            return any(took) or bool(gone)

    # --- upkeep -----------------------------------------------------------------------------------

    async def upkeep(self, keep: given_up.Keep) -> None:
        """Forget replays that nobody will ask for, and what was given up long ago."""
        async with self._lock:
            ended = [each for each in self.all() if each.run not in self.running]
            old = ended[: max(0, len(ended) - KEEP_ENDED)]
            gone = [each for each in ended if each not in old and not self.is_wanted(each)]
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


def _until_now(selection: Selection, now: int) -> Selection:
    """What the run itself gives up is not part of it."""
    until = now + 1 if selection.until is None else min(selection.until, now + 1)
    return msgspec.structs.replace(selection, until=until)
