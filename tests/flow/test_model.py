"""Whatever happens in whatever order: is anything lost that was acknowledged?

Each seed is one history of publications, failing and hanging webhooks, passing time, checkpoints,
updates, kills and restarts. After every step what is durable is compared with a model.
"""

import contextlib
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from random import Random

import msgspec
import pytest

from switchhook.clock import MINUTE, VirtualClock
from switchhook.errors import StoreFullError
from switchhook.grid.collections import GIVEN_UP, SUBSCRIPTION_VERSIONS, TOPICS
from switchhook.grid.engine import Limits
from switchhook.grid.events import Event
from switchhook.grid.filters import matches
from switchhook.grid.given_up import GivenUp
from switchhook.grid.ports import (
    Delete,
    DropSubscription,
    Failure,
    Put,
    WaitingDelivery,
    WebhookRequest,
    WebhookResponse,
)
from switchhook.grid.replay import ReplaySource
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.subscriptions import (
    EventSubscription,
    Filter,
    RetryPolicy,
    WebHookDestination,
)
from switchhook.stores.memory import MemoryStore
from tests.builders import a_body, a_routed_event, a_subscription, a_topic, an_event
from tests.flow.conftest import Flow, start
from tests.scripted_transport import Answer, always, events_of

SEEDS = 100
STEPS = 60

_FILTERS = (
    Filter(),
    Filter(subject_begins_with="a/"),
    Filter(subject_ends_with="/1"),
    Filter(included_event_types=("Shop.OrderPlaced",), subject_begins_with="b/"),
)
_POLICIES = (
    RetryPolicy(),
    RetryPolicy(max_delivery_attempts=3),
    RetryPolicy(event_time_to_live_in_minutes=10),
)
_ANSWERS: tuple[WebhookResponse | None, ...] = (
    *(WebhookResponse(status=status) for status in (200, 200, 200, 500, 503, 404, 400)),
    WebhookResponse(failure=Failure.TIMED_OUT),
    None,
)

_REPLAY = re.compile(rb"switchhook-replay: (\d+)\r\n")
_REASONS = {"MaxDeliveryAttemptsExceeded", "TimeToLiveExceeded", "NotRetriable"}

Identity = tuple[str, str]  # subscription and event


class _Drops(logging.Handler):
    """The events that were given up, with the reason that the log names."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[Identity, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "delivery.dropped":
            fields = vars(record)
            self.reasons[fields["subscription"], fields["event_id"]] = fields["reason"]


class World:
    """A router, its webhooks, and what must be true of them."""

    def __init__(self, seed: int, drops: _Drops) -> None:
        self.random = Random(seed)  # noqa: S311 - repeatable, not secret
        self.drops = drops
        self.kills = 0
        self.incarnations = 0
        self.positions: dict[str, int] = {}
        # Who must get which event, and who got it how often; the number of kills at the first time.
        self.expected: dict[Identity, EventSubscription] = {}
        self.delivered: Counter[Identity] = Counter()
        self.first_delivery: dict[Identity, int] = {}
        self.subscriptions: dict[str, EventSubscription] = {}
        self.answers: dict[str, WebhookResponse | None] = {}
        self.events: dict[str, Event] = {}
        # By their runs: what replays must deliver, and what came how often.
        self.replays: dict[int, set[Identity]] = {}
        self.replayed: Counter[tuple[int, Identity]] = Counter()
        self.given_up: set[tuple[int, Identity]] = set()
        self.limits = Limits(
            in_flight=self.random.choice((1, 3, 64)),
            queue_length=self.random.choice((1, 4, 1000)),
            max_bytes=self.random.choice((6_000, 2 << 30)),
            max_age=self.random.choice((1, 60, 1440)) * MINUTE,
        )

    async def open(self) -> None:
        """A new store with one topic and up to three subscriptions."""
        store, topic = MemoryStore(max_bytes=self.limits.max_bytes), a_topic()
        await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
        self._hold(await start(store, VirtualClock(), topic, self.limits))
        for _ in range(self.random.randint(1, 3)):
            await self.subscribe()

    def _hold(self, flow: Flow) -> None:
        self.flow = flow
        flow.transport.answer = self._answer(flow)

    def _answer(self, flow: Flow) -> Answer:
        def answer(request: WebhookRequest) -> WebhookResponse | None:
            if flow is not self.flow:
                return None  # the process that asks is dead
            response = self.answers.get(request.url, WebhookResponse(status=200))
            if response is not None and response.status == 200:
                self._count(request)
            return response

        return answer

    def _count(self, request: WebhookRequest) -> None:
        run = _REPLAY.search(request.headers)
        for event in events_of(request):
            identity = request.url.rpartition("/")[2], event["id"]
            if run is not None:
                self.replayed[int(run[1]), identity] += 1
                continue
            self.delivered[identity] += 1
            self.first_delivery.setdefault(identity, self.kills)

    # --- what can happen --------------------------------------------------------------------------

    async def publish(self) -> None:
        """A request of some events, which a full log may refuse."""
        first = len(self.positions)
        events = [
            an_event(
                id=f"event-{first + n}",
                subject=self.random.choice(("a/1", "a/2", "b/1", "b/2")),
                eventType=self.random.choice(("Shop.OrderPlaced", "Shop.OrderSent")),
            )
            for n in range(self.random.choice((1, 2, 15)))
        ]
        with contextlib.suppress(StoreFullError):
            request = PublishRequest(a_body(*events))
            await self.flow.engine.publisher.publish(self.flow.topic, request)
            for position, event in enumerate(events, first):
                self.positions[event["id"]] = position
                routed = a_routed_event(type=event["eventType"], subject=event["subject"])
                self.events[event["id"]] = routed
                for name, subscription in self.subscriptions.items():
                    if matches(subscription.filter, routed):
                        self.expected[name, event["id"]] = subscription

    async def subscribe(self) -> None:
        """A new subscription, or a new version of one."""
        if len(self.subscriptions) < 3:
            self.incarnations += 1
        name = self.random.choice([*self.subscriptions, f"s{self.incarnations}"])
        known = self.subscriptions.get(name)
        subscription = a_subscription(
            incarnation=name,
            name=name,
            version=known.version + 1 if known else 1,
            filter=self.random.choice(_FILTERS),
            retry_policy=self.random.choice(_POLICIES),
            destination=WebHookDestination(endpoint_url=f"http://127.0.0.1:9/{name}"),
        )
        self.subscriptions[name] = await self.flow.put(subscription)
        for run, expected in self.replays.items():
            # What one of the filters in force meanwhile does not want may be left out.
            self.replays[run] = {
                (who, event)
                for who, event in expected
                if who != name or matches(subscription.filter, self.events[event])
            }

    async def unsubscribe(self) -> None:
        """A subscription goes, with all that it has pending."""
        if self.random.random() < 0.8:
            return
        name = self.random.choice(sorted(self.subscriptions))
        keys = [record.key for record in await self.flow.store.scan(SUBSCRIPTION_VERSIONS)]
        deletes = [Delete(SUBSCRIPTION_VERSIONS, key) for key in keys if key.startswith(f"{name}/")]
        await self.flow.store.commit([*deletes, DropSubscription(name)])
        self.flow.engine.router.remove_subscription(name)
        self.subscriptions.pop(name)
        self.expected = {i: s for i, s in self.expected.items() if i[0] != name}
        for run, expected in self.replays.items():
            self.replays[run] = {identity for identity in expected if identity[0] != name}
        if not self.subscriptions:
            await self.subscribe()

    async def replay(self) -> None:
        """A subscription gets again what the log still has, by its filter of today."""
        name = self.random.choice(sorted(self.subscriptions))
        if len(self.replays) == 3:
            return
        first, rate = self.flow.store.extent().first, self.random.choice((1, 100))
        replay = await self.flow.engine.replays.begin(
            subscription=name, source=ReplaySource.LOG, rate=rate
        )
        self.replays[replay.run] = {
            (name, event)
            for event, position in self.positions.items()
            if position >= first and matches(self.subscriptions[name].filter, self.events[event])
        }

    async def change_answers(self) -> None:
        """A webhook answers differently from now on."""
        name = self.random.choice(sorted(self.subscriptions))
        self.answers[f"http://127.0.0.1:9/{name}"] = self.random.choice(_ANSWERS)

    async def release(self) -> None:
        """What hangs is answered at last."""
        self._release(self.random.choice([answer for answer in _ANSWERS if answer]))

    def _release(self, response: WebhookResponse) -> None:
        transport = self.flow.transport
        if response.status == 200:
            for request, _ in transport._hanging:
                self._count(request)
        transport.release(response)

    async def turn(self) -> None:
        """The router goes on as far as hanging webhooks let it."""
        for _ in range(self.random.randint(1, 6)):
            await self.flow.engine.turn()

    async def checkpoint(self) -> None:
        """Progress becomes durable; attempts that have hung for long are written down."""
        if self.random.random() < 0.3:
            for queue in self.flow.engine.router.queues.values():
                for position, (delivery, started) in queue.in_flight.items():
                    queue.in_flight[position] = (delivery, started - 2)
        await self.flow.engine.checkpoint.write()

    async def advance(self) -> None:
        """Time passes, which it can only when nothing hangs."""
        for url, response in self.answers.items():
            self.answers[url] = response or WebhookResponse(status=500)
        self._release(WebhookResponse(failure=Failure.TIMED_OUT))
        await self.flow.advance(seconds=self.random.choice((1, 10, 60, 400, 4000)))

    async def upkeep(self) -> None:
        """The log is trimmed, old versions are forgotten."""
        await self.flow.engine.upkeep()

    async def kill(self) -> None:
        """The process dies and starts again."""
        self.kills += 1
        self.flow.transport.answer = lambda _: None  # the dead send nothing, while another starts
        self._hold(await self.flow.restarted(limits=self.limits))

    async def stop(self) -> None:
        """The process ends by itself and starts again; what it interrupts is repeated."""
        self.kills += 1 if self.flow.engine.deliverer.in_flight else 0
        self._hold(await self.flow.restarted(clean=True, limits=self.limits))

    async def step(self) -> None:
        """One thing happens."""
        steps: dict[Callable[[], Awaitable[None]], int] = {
            self.publish: 8,
            self.turn: 6,
            self.checkpoint: 5,
            self.change_answers: 5,
            self.release: 3,
            self.advance: 3,
            self.upkeep: 2,
            self.subscribe: 2,
            self.unsubscribe: 1,
            self.replay: 1,
            self.kill: 2,
            self.stop: 1,
        }
        (happens,) = self.random.choices(list(steps), list(steps.values()))
        await happens()

    async def end(self) -> None:
        """Every webhook works again, and time enough passes for what waits."""
        self.answers.clear()
        self._release(WebhookResponse(status=500))
        self.flow.transport.answer = self._answer(self.flow)
        for _ in range(3):
            await self.flow.engine.upkeep()
            await self.flow.advance(hours=13)
            await self.flow.engine.checkpoint.write()

    # --- what must be true ------------------------------------------------------------------------

    def is_finished(self, identity: Identity) -> bool:
        """Whether the event was delivered or given up."""
        return bool(self.delivered[identity]) or (0, identity) in self.given_up

    async def check(self) -> None:
        """No durable cursor and no trimming has passed what is neither finished nor waiting."""
        store = self.flow.store
        watermark, stored = await store.watermark(), await store.cursors()
        cursors = {c.subscription: c.position for c in stored if not c.run}
        all_rows = await store.due(1 << 62, 1 << 30)
        rows = {(r.subscription, r.position) for r in all_rows if not r.run}
        await self._look_at_given_up()
        for name, event in self.expected:
            position = self.positions[event]
            passed = max(cursors.get(name, watermark), 0) > position
            trimmed = store.extent().first > position
            if (passed or trimmed) and not self.is_finished((name, event)):
                assert (name, position) in rows, f"{event} is lost to {name}"
        self._check_replays({c.run: c.position for c in stored}, all_rows)

    async def _look_at_given_up(self) -> None:
        for record in await self.flow.store.scan(GIVEN_UP):
            kept = msgspec.json.decode(record.value, type=GivenUp)
            self.given_up.add((kept.run, (kept.name, kept.event_id)))

    def _check_replays(self, cursors: dict[int, int], rows: list[WaitingDelivery]) -> None:
        """No cursor of a run, and no trimming, has passed what the replay has not written down."""
        waiting = {(r.run, r.subscription, r.position) for r in rows}
        first = self.flow.store.extent().first
        for run, expected in self.replays.items():
            for name, event in expected:
                position = self.positions[event]
                passed = run not in cursors or cursors[run] > position or first > position
                if passed and not self._is_replayed(run, (name, event)):
                    assert (run, name, position) in waiting, f"{event} is lost to run {run}"

    def _is_replayed(self, run: int, identity: Identity) -> bool:
        return bool(self.replayed[run, identity]) or (run, identity) in self.given_up

    async def check_end(self) -> None:
        """Everything is finished, nothing came to the wrong place or twice without a kill."""
        await self._look_at_given_up()
        assert [each for each in self.expected if not self.is_finished(each)] == []
        assert await self.flow.store.due(1 << 62, 10) == []
        assert await self.flow.store.cursors() == []
        for identity, count in self.delivered.items():
            if identity in self.expected:
                assert count <= 1 + self.kills - self.first_delivery[identity], identity
        assert set(self.drops.reasons.values()) <= _REASONS
        for run, expected in self.replays.items():
            assert [each for each in expected if not self._is_replayed(run, each)] == []
        assert all(count <= 1 + self.kills for count in self.replayed.values())
        assert list(self.flow.engine.replays.pins()) == []


@pytest.fixture
def drops() -> Iterator[_Drops]:
    """Listens to the deliverer's log."""
    log, handler = logging.getLogger("switchhook.grid.deliver"), _Drops()
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_nothing_acknowledged_is_lost(seed: int, drops: _Drops) -> None:
    """Every matching event is delivered, waiting or given up with a reason, at any instant."""
    world = World(seed, drops)
    await world.open()

    for _ in range(STEPS):
        await world.step()
        await world.check()
    await world.end()

    await world.check_end()


async def test_parked_subscription_keeps_its_place_over_a_kill(flow: Flow) -> None:
    """Its cursor was at the head; events that came since are before no cursor of its."""
    await flow.subscribe()
    flow.transport.answer = always(404)
    await flow.publish(*(f"first-{n}" for n in range(10)))
    await flow.engine.quiet()
    await flow.engine.checkpoint.write()

    await flow.publish("later")
    await flow.engine.checkpoint.write()
    revived = await flow.restarted()
    await revived.engine.quiet()

    assert "later" in revived.transport.delivered_ids
