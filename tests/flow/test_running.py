"""The engine's own loops: does everything that must wake them do so, and survive what fails?"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import msgspec
import pytest
import uvloop

from switchhook.clock import SystemClock, VirtualClock
from switchhook.errors import StoreError
from switchhook.grid.collections import GIVEN_UP, TOPICS
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.given_up import GivenUp
from switchhook.grid.limits import Limits
from switchhook.grid.observation import Observation
from switchhook.grid.ports import (
    Appended,
    Batch,
    Change,
    DueMark,
    Failure,
    Put,
    WaitingDelivery,
    WebhookRequest,
    WebhookResponse,
)
from switchhook.grid.subscriptions import DeliverySettings, RetryPolicy, TimeProfile
from switchhook.stores.memory import MemoryStore
from tests.builders import a_topic
from tests.flow.conftest import Flow, start
from tests.scripted_dead_letters import ScriptedDeadLetterStore
from tests.scripted_transport import ScriptedTransport, always, in_turn

PAUSED = DeliverySettings(is_paused=True)


class TroubledStore(MemoryStore):
    """A store in memory that has trouble when a test asks for it."""

    def __init__(self) -> None:
        super().__init__()
        self.next_commit_fails: BaseException | None = None
        self.next_take_up_fails = False
        self.after_reads: list[Callable[[], Awaitable[None]]] = []

    async def commit(
        self,
        changes: Sequence[Change] = (),
        batches: Sequence[Batch] = (),
        on_durable: Callable[[int], None] | None = None,
    ) -> int:
        failure, self.next_commit_fails = self.next_commit_fails, None
        if failure is not None:
            raise failure
        return await super().commit(changes, batches, on_durable)

    async def due(
        self,
        now: int,
        limit: int,
        after: DueMark | None = None,
        *,
        excluding: Collection[str] = (),
    ) -> list[WaitingDelivery]:
        if self.next_take_up_fails:
            self.next_take_up_fails = False
            raise StoreError("the disk has a bad day")
        return await super().due(now, limit, after, excluding=excluding)

    async def read_from(self, position: int, max_bytes: int = 1 << 20) -> list[Appended]:
        found = await super().read_from(position, max_bytes)
        if self.after_reads:
            await self.after_reads.pop(0)()
        return found


async def _troubled(limits: Limits = Limits()) -> tuple[Flow, TroubledStore]:
    store, topic = TroubledStore(), a_topic()
    await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
    return await start(store, VirtualClock(), topic, limits), store


async def _retry_in_real_time() -> int:
    store, topic = MemoryStore(), a_topic()
    await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
    clock, transport, letters = SystemClock(), ScriptedTransport(), ScriptedDeadLetterStore()
    engine = Engine(
        store=store,
        transport=transport,
        clock=clock,
        random=lambda: 0.0,
        dead_lettering=DeadLettering(letters, clock),
        limits=Limits(profile=TimeProfile.FAST),
    )
    await engine.start()
    # Real time needs nobody to move it.
    flow = Flow(store, transport, VirtualClock(), engine, topic, letters, Observation())
    delivered = asyncio.Event()
    answers = iter([503, 200] * 20)

    def answer(_: WebhookRequest) -> WebhookResponse:
        status = next(answers)
        if status == 200:
            delivered.set()
        return WebhookResponse(status=status)

    flow.transport.answer = answer
    running = asyncio.create_task(flow.engine.run())
    await flow.subscribe()
    for number in range(20):
        delivered.clear()
        await flow.publish(f"event-{number}")
        await asyncio.wait_for(delivered.wait(), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await flow.engine.stop(1)
    return len(flow.transport.requests)


def test_retries_come_in_real_time_without_a_restart() -> None:
    """Timers may fire a little early, or between two turns: no wake-up is lost."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(_retry_in_real_time()) == 40


async def test_take_up_that_fails_is_not_the_last() -> None:
    """The loop knows when rows are due although it could not read them."""
    flow, store = await _troubled()
    await flow.subscribe()
    flow.transport.answer = in_turn(500)
    await flow.publish("a")
    await flow.engine.quiet()
    store.next_take_up_fails = True

    with pytest.raises(StoreError):
        await flow.advance(seconds=10)
    await flow.advance(seconds=0)

    assert flow.transport.delivered_ids == ["a", "a"]


@pytest.mark.parametrize("reads", range(3))
async def test_event_that_comes_while_the_log_is_read_is_not_lost(reads: int) -> None:
    """Whoever reaches what was the head then has not seen what came since."""
    flow, store = await _troubled(Limits(in_flight=1, queue_length=1))
    await flow.subscribe()

    async def nothing() -> None: ...

    store.after_reads = [*[nothing] * reads, lambda: flow.publish("late")]
    ids = [f"event-{number}" for number in range(4)]
    flow.transport.answer = lambda _: None
    for name in ids:
        await flow.publish(name)
    flow.transport.answer = always(200)
    flow.transport.release(WebhookResponse(status=200))
    await flow.engine.quiet()

    assert sorted(flow.transport.delivered_ids) == [*ids, "late"]


async def test_event_that_comes_at_the_end_of_the_log_is_not_lost() -> None:
    """Whoever found nothing more there is at what was the head before it looked."""
    flow, store = await _troubled()
    await flow.subscribe()
    flow.engine.router.configure("s1", PAUSED)
    await flow.engine.quiet()
    flow.engine.router.configure("s1", DeliverySettings())
    store.after_reads = [lambda: flow.publish("late")]
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["late"]


@pytest.mark.parametrize("failure", [asyncio.CancelledError(), StoreError("full")])
async def test_interrupted_checkpoint_is_written_by_the_next(failure: BaseException) -> None:
    """At shutdown it is cancelled: the last one writes cursors, rows and all."""
    flow, store = await _troubled()
    await flow.subscribe()
    flow.transport.answer = in_turn(200, 500, 400)
    await flow.publish("delivered", "waits", "dropped")
    await flow.engine.quiet()
    store.next_commit_fails = failure

    with pytest.raises(type(failure)):
        await flow.engine.checkpoint.write()
    await flow.engine.checkpoint.write()
    revived = await flow.restarted()
    await revived.advance(seconds=10)

    assert revived.transport.delivered_ids == ["waits"]
    assert len(await store.scan(GIVEN_UP)) == 1


async def test_aborted_probe_is_followed_by_another(flow: Flow) -> None:
    """An attempt that we stopped says nothing of the endpoint, and nobody else will ask."""
    await flow.subscribe()
    flow.transport.answer = always(500)
    await flow.publish(*(f"event-{n}" for n in range(10)))
    await flow.engine.quiet()
    await flow.publish("later")
    flow.transport.answer = lambda _: WebhookResponse(failure=Failure.ABORTED)
    await flow.advance(seconds=10)
    aborted = len(flow.transport.requests)
    flow.transport.answer = always(200)
    await flow.advance(seconds=20)

    assert aborted == 11
    assert "later" in flow.transport.delivered_ids


async def test_what_was_written_down_does_not_expire_from_the_log(flow: Flow) -> None:
    """Its row stands for it, behind the cursor: given up twice it would be counted twice."""
    await flow.subscribe(retry_policy=RetryPolicy(event_time_to_live_in_minutes=1))
    answers = iter([None, WebhookResponse(status=500)])
    flow.transport.answer = lambda _: next(answers)
    await flow.publish("hangs", "waits")
    while flow.engine.deliverer.in_flight > 1:
        await flow.attempt_ended()
    await flow.engine.checkpoint.write()

    revived = await flow.restarted()
    revived.engine.router.configure("s1", PAUSED)
    await revived.advance(minutes=2)
    await revived.engine.upkeep()
    await revived.engine.checkpoint.write()
    records = await revived.store.scan(GIVEN_UP)
    given_up = [msgspec.json.decode(record.value, type=GivenUp) for record in records]

    assert [each.position for each in given_up] == [0]
    assert [row.position for row in await revived.store.due(1 << 62, 10)] == [1]


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_nothing_is_written_for_a_deleted_subscription(flow: Flow, status: int) -> None:
    """Neither for what hangs when it goes, nor for what was noted just before."""
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    await flow.publish("a", "b")
    await flow.engine.checkpoint.write(hung_after=0)
    await flow.unsubscribe("s1")
    flow.transport.release(WebhookResponse(status=status))
    await flow.advance(hours=1)
    await flow.engine.checkpoint.write(hung_after=0)

    assert await flow.store.due(1 << 62, 10) == []
    assert await flow.store.cursors() == []
    assert await flow.store.scan(GIVEN_UP) == []
    assert len(flow.transport.requests) == 2
