"""The router put together: it starts from what is durable, runs, falls quiet, and stops."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import msgspec

from switchhook.clock import Clock
from switchhook.errors import StoreError
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS, TOPICS, read_all
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.limits import Limits
from switchhook.grid.observation import Observation
from switchhook.grid.parts import Dependencies, open_log_access, open_pipeline, open_redelivery
from switchhook.grid.ports import Store, Transport
from switchhook.grid.shared_values import SharedValues
from switchhook.grid.special_requests import Tokens
from switchhook.grid.subscriptions import EventSubscription
from switchhook.grid.topics import Topic

log = logging.getLogger(__name__)

_DECODER = msgspec.json.Decoder(EventSubscription)
_PAUSE_AFTER_FAILURE_SECONDS = 1.0


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
        needs = Dependencies(
            store=store,
            transport=transport,
            clock=clock,
            random=random,
            dead_lettering=dead_lettering,
            tokens=tokens,
            observation=observation or Observation(),
            limits=limits,
        )
        pipeline = open_pipeline(needs)
        redelivery = open_redelivery(needs, pipeline)
        log_access = open_log_access(needs, pipeline, redelivery)
        self._store = store
        self._transport = transport
        self._checkpoint_interval = limits.checkpoint_interval
        self.router, self.deliverer = pipeline.router, pipeline.deliverer
        self.checkpoint = pipeline.checkpoint
        self.replays, self.publisher = redelivery.replays, log_access.publisher
        self._due, self._dead_letters = redelivery.due, redelivery.dead_letters
        self._upkeep, self._forgetting = log_access.upkeep, log_access.forgetting
        # What takes a turn, in this order.
        self._parts = (
            pipeline.preparation,
            redelivery.replays,
            redelivery.due,
            redelivery.catch_up,
        )
        self._turn = asyncio.Lock()

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
        self._upkeep.start()

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

    # --- running ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take turns, write checkpoints and keep the log trimmed, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take_turns())
            tasks.create_task(self.checkpoint.run(self._checkpoint_interval))
            tasks.create_task(self._upkeep.run())

    async def turn(self) -> bool:
        """Take up what is due, read the log once for who is behind; whether there was any.

        What fails is raised at the end: a replay that cannot be written to a full disk, say, holds
        up nobody who reads the log.
        """
        busy, failures = False, []
        async with self._turn:
            for part in self._parts:
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
        return self._has_requests or turns or self._upkeep.is_busy

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
            upkept = await self._upkeep.if_asked()
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

    async def upkeep(self) -> None:
        """Give up what has expired unread, trim the log, forget versions that nothing needs."""
        await self._upkeep.now()

    async def forget(self) -> None:
        """Forget all that has happened; subscriptions go on with what is published from now on.

        Raises:
            StoreError: some of it is still there.
        """
        async with self._upkeep.turn, self._turn:
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
