"""The router put together: it starts from what is durable, runs, falls quiet, and stops."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec

from switchhook.clock import MINUTE, Clock
from switchhook.errors import StoreError
from switchhook.grid import retention
from switchhook.grid.catch_up import CatchUp
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS, TOPICS, read_all, version_key
from switchhook.grid.dead_letter_writes import DeadLetterWrites
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.deliver import Deliverer, Tokens
from switchhook.grid.due import DueDeliveries
from switchhook.grid.forget import Forgetting
from switchhook.grid.given_up import DEFAULT_KEEP, Keep
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Delete, Store, Transport
from switchhook.grid.prepare import Preparation
from switchhook.grid.publish import Publisher
from switchhook.grid.replays import Replays
from switchhook.grid.retention import Retention
from switchhook.grid.route import Router
from switchhook.grid.shared_values import SharedValues
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import EventSubscription, TimeProfile
from switchhook.grid.topics import Topic
from switchhook.grid.unrouted import WORK_IN_A_TURN

log = logging.getLogger(__name__)

_DECODER = msgspec.json.Decoder(EventSubscription)
_UPKEEP_INTERVAL = MINUTE
_PAUSE_AFTER_FAILURE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What bounds the router: retention in nanoseconds and bytes, requests and events a
    subscription, the work of a turn of the event loop, seconds between checkpoints, and how much of
    what was given up is kept."""

    max_age: int = retention.DEFAULT_AGE
    max_bytes: int = retention.DEFAULT_MAX_BYTES
    drops_unfinished: bool = False
    in_flight: int = 64
    queue_length: int = 5000
    routed_in_a_turn: int = WORK_IN_A_TURN
    checkpoint_interval: float = 0.1
    profile: TimeProfile = TimeProfile.AZURE
    given_up: Keep = DEFAULT_KEEP


class Engine:
    """Publish, route and deliver over one store."""

    def __init__(
        self,
        *,
        store: Store,
        transport: Transport,
        clock: Clock,
        random: Callable[[], float],
        dead_lettering: DeadLettering,
        tokens: Tokens | None = None,
        observation: Observation | None = None,
        limits: Limits = Limits(),
    ) -> None:
        observation = observation or Observation()
        self._store = store
        self._transport = transport
        self._clock = clock
        self._limits = limits
        self._turn = asyncio.Lock()
        self._upkeep_turn = asyncio.Lock()
        self._upkeep = asyncio.Event()
        self.checkpoint = Checkpoint(store=store, clock=clock, head=lambda: self.router.head)
        self.deliverer = Deliverer(
            transport=transport,
            clock=clock,
            checkpoint=self.checkpoint,
            random=random,
            observation=observation,
            tokens=tokens,
            profile=limits.profile,
            in_flight_limit=limits.in_flight,
            queue_limit=limits.queue_length,
        )
        self.router = Router(
            self.deliverer.offer,
            fall_behind=self.deliverer.fall_behind,
            removed=self.deliverer.forget,
            reconfigured=lambda queue, before: self._preparation.reconfigured(queue, before),
            caught_up=self.deliverer.attempt_ended.set,
            observation=observation,
            work_in_a_turn=limits.routed_in_a_turn,
        )
        self._preparation = Preparation(
            store=store, router=self.router, deliverer=self.deliverer, checkpoint=self.checkpoint
        )
        self._dead_letters = DeadLetterWrites(
            dead_lettering=dead_lettering,
            router=self.router,
            checkpoint=self.checkpoint,
            clock=clock,
            observation=observation,
            speed=self.deliverer.speed,
            ended=self.deliverer.attempt_ended.set,
        )
        self.replays = Replays(
            store=store, router=self.router, checkpoint=self.checkpoint, clock=clock
        )
        self._retention = Retention(
            store=store,
            clock=clock,
            unfinished=self._first_unfinished,
            abandon=self._abandon,
            max_age=limits.max_age,
            max_bytes=limits.max_bytes,
            drops_unfinished=limits.drops_unfinished,
        )
        self.publisher = Publisher(
            store=store,
            router=self.router,
            retention=self._retention,
            clock=clock,
            observation=observation,
        )
        self._forgetting = Forgetting(
            store=store,
            router=self.router,
            checkpoint=self.checkpoint,
            dead_letters=self._dead_letters,
            replays=self.replays,
            history=observation.history,
        )
        self._catch_up = CatchUp(
            log=store, router=self.router, deliverer=self.deliverer, checkpoint=self.checkpoint
        )
        self._due = DueDeliveries(
            state=store,
            router=self.router,
            deliverer=self.deliverer,
            dead_letters=self._dead_letters,
            checkpoint=self.checkpoint,
            clock=clock,
        )

    # --- starting -----------------------------------------------------------------------------

    async def start(self, shared: SharedValues | None = None) -> None:
        """Take up where the last run ended. Nothing is sent before `run`."""
        watermark = await self._store.watermark()
        self.router.head = self._store.extent().end
        self.checkpoint.start(watermark)
        for record in await self._store.scan(TOPICS):
            self.router.add_topic(msgspec.json.decode(record.value, type=Topic))
        stored = await self._store.cursors()
        cursors = {cursor.subscription: cursor.position for cursor in stored if not cursor.run}
        have_rows = {backlog.subscription for backlog in await self._store.backlogs()}
        async for own in self._versions(shared or SharedValues()):
            incarnation = own[0].incarnation
            await self._restore(
                own, cursors.get(incarnation), watermark, has_rows=incarnation in have_rows
            )
        self.router.arrange()
        await self.replays.start(cursor for cursor in stored if cursor.run)
        await self._due.look_up_next_due()
        self._clock.call_at(self._clock.now() + _UPKEEP_INTERVAL, self._ask_for_upkeep)

    async def _versions(self, shared: SharedValues) -> AsyncIterator[list[EventSubscription]]:
        """Those of each incarnation, which are neighbours, oldest first."""
        own: list[EventSubscription] = []
        async for record in read_all(self._store, SUBSCRIPTION_VERSIONS):
            stored = _DECODER.decode(record.value)
            version = shared.version(stored, from_position=record.position)
            if self.router.topic(version.topic) is None:
                continue
            if own and own[0].incarnation != version.incarnation:
                yield own
                own = []
            own.append(version)
        if own:
            yield own

    async def _restore(
        self,
        versions: list[EventSubscription],
        cursor: int | None,
        watermark: int,
        *,
        has_rows: bool,
    ) -> None:
        reached = max(watermark if cursor is None else cursor, versions[0].from_position)
        is_behind = reached < self.router.head
        self.router.restore(versions, reached if is_behind else None)
        queue = self.router.queues[versions[0].incarnation]
        queue.stored_cursor = cursor
        if not is_behind:
            # A row may be left that nothing needs: the events after it were an older version's.
            if cursor is not None:
                self.checkpoint.touch(queue)
            return
        # Deliveries after the cursor that are written down already must not be taken from the log.
        if has_rows:  # of very many that are behind after a crash, few have any
            rows = await self._store.waiting(versions[0].incarnation, start=reached, limit=None)
            queue.leave_out({row.position for row in rows if not row.run})
        self.deliverer.behind[queue] = None
        self.checkpoint.touch(queue)

    def _ask_for_upkeep(self) -> None:
        self._upkeep.set()
        self._clock.call_at(self._clock.now() + _UPKEEP_INTERVAL, self._ask_for_upkeep)

    # --- running ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take turns, write checkpoints and keep the log trimmed, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take_turns())
            tasks.create_task(self.checkpoint.run(self._limits.checkpoint_interval))
            tasks.create_task(self._keep_up())

    async def turn(self) -> bool:
        """Take up what is due, read the log once for who is behind; whether there was any.

        What fails is raised at the end: a replay that cannot be written to a full disk, say, holds
        up nobody who reads the log.
        """
        busy, failures = False, []
        async with self._turn:
            for part in (self._preparation, self.replays, self._due, self._catch_up):
                try:
                    busy = await part.turn() or busy
                except Exception as error:  # noqa: BLE001 - raised below
                    failures.append(error)
        if failures:
            raise failures[0]
        return busy

    async def quiet(self) -> None:
        """Return when nothing is due, in flight or queued at the present time."""
        while True:
            if self._has_requests:
                self.deliverer.attempt_ended.clear()
                await self.deliverer.attempt_ended.wait()
            elif not await self._do_what_there_is() and not self.is_busy:
                return

    @property
    def is_busy(self) -> bool:
        """Whether anything is known to be in flight or to be done now."""
        turns = self.checkpoint.woken.is_set() or self._turn.locked()
        upkeep = self._upkeep.is_set() or self._upkeep_turn.locked()
        return self._has_requests or turns or upkeep

    @property
    def _has_requests(self) -> bool:
        """Whether an event, an attempt or a dead letter is on its way; a fault's delay is not."""
        attempts = self.deliverer.in_flight - self.deliverer.faults.delayed
        is_gathering = bool(self.deliverer.gathering)
        is_routing = self.router.is_routing
        return attempts > 0 or is_gathering or is_routing or self._dead_letters.in_progress > 0

    async def _do_what_there_is(self) -> bool:
        self.checkpoint.woken.clear()
        try:
            upkept = await self._keep_up_if_asked()
            return await self.turn() or upkept
        except BaseException:
            self.checkpoint.wake()  # nobody else has heard of what there is
            raise

    async def _take_turns(self) -> None:
        while True:
            self.checkpoint.woken.clear()
            try:
                busy = await self.turn()
            except Exception:  # the one place where the loop survives; it says so and waits
                log.exception("engine.turn_failed")
                await asyncio.sleep(_PAUSE_AFTER_FAILURE_SECONDS)
                continue
            if not busy:
                await self.checkpoint.woken.wait()

    async def _keep_up(self) -> None:
        while True:
            await self._upkeep.wait()
            await self._keep_up_if_asked()

    async def _keep_up_if_asked(self) -> bool:
        async with self._upkeep_turn:
            asked = self._upkeep.is_set()
            self._upkeep.clear()
            try:
                if asked:
                    await self.upkeep()
            except StoreError as problem:
                log.warning("upkeep.failed", extra={"reason": str(problem)})
            return asked

    async def upkeep(self) -> None:
        """Give up what has expired unread, trim the log, forget versions that nothing needs."""
        await self._catch_up.expire(self._clock.now())
        await self._retention.trim_aged()
        first = self._store.extent().first
        self.router.forget_duplicates(before=first)
        for queue in self.router.rest():
            await self._forget_old_versions(queue)
        await self.replays.upkeep(self._limits.given_up)

    async def _forget_old_versions(self, queue: SubscriptionQueue) -> None:
        newest = queue.subscription
        # While the log has events of theirs, they explain who was sent which.
        needed_from = min(queue.cursor(self.router.head), self._store.extent().first)
        if needed_from < newest.from_position:
            return
        if any(identity[1] == newest.incarnation for identity in self.checkpoint.unwritten):
            return
        if await self._version_of_first_row(newest.incarnation) not in (None, newest.version):
            return
        old = [each.version for each in queue.versions if each.version != newest.version]
        await self._store.commit(
            [Delete(SUBSCRIPTION_VERSIONS, version_key(newest.incarnation, n)) for n in old]
        )
        queue.forget_versions(old)

    async def _version_of_first_row(self, incarnation: str) -> int | None:
        """The oldest version that a row needs; replays go by the newest."""
        start = 0
        while rows := await self._store.waiting(incarnation, start=start):
            own = next((row for row in rows if not row.run), None)
            if own is not None:
                return own.version
            start = rows[-1].position + 1
        return None

    def _first_unfinished(self) -> int:
        head = self.router.head
        cursors = (queue.cursor(head) for queue in self.checkpoint.pinning())
        unwritten = (position for position, *_ in self.checkpoint.unwritten)
        return min([head, *cursors, *unwritten, *self.replays.pins()])

    def _abandon(self, before: int) -> None:
        before = min(before, self.router.head)  # nobody has read beyond that
        self.deliverer.abandon(before)
        self.replays.abandon(before)

    async def forget(self) -> None:
        """Forget all that has happened; subscriptions go on with what is published from now on.

        Raises:
            StoreError: some of it is still there.
        """
        async with self._upkeep_turn, self._turn:
            await self._forgetting.forget()

    # --- stopping -----------------------------------------------------------------------------

    async def stop(self, grace_seconds: float) -> None:
        """Let running attempts finish within the grace period, then write the last checkpoint.

        Call it after `run` has been cancelled; the store is still open.
        """
        await self.publisher.close()
        await self.deliverer.drain(grace_seconds)
        await self._dead_letters.stop()
        try:
            # What is still in flight is repeated at the next start, and nothing else.
            await self.checkpoint.write(hung_after=0)
        except StoreError as problem:
            log.warning("checkpoint.failed", extra={"reason": str(problem)})
        finally:
            await self._transport.close()
