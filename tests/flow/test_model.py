"""Whatever happens in whatever order: is anything lost that was acknowledged?

Each seed is one history of publications, failing and hanging webhooks, unavailable dead-letter
containers, passing time, checkpoints, updates, pauses, replays, kills and restarts. After every
step what is durable is compared with a model.
"""

import contextlib
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from random import Random

import msgspec
import pytest

from switchhook.clock import HOUR, MINUTE, VirtualClock
from switchhook.errors import StoreFullError
from switchhook.grid.collections import GIVEN_UP, SUBSCRIPTION_VERSIONS, TOPICS
from switchhook.grid.given_up import GivenUp, GivenUpState
from switchhook.grid.limits import Limits
from switchhook.grid.ports import (
    Batch,
    DeadLetterAnswer,
    Delete,
    DropSubscription,
    Failure,
    Put,
    WaitingDelivery,
    WebhookRequest,
    WebhookResponse,
)
from switchhook.grid.replay import ReplaySource
from switchhook.grid.schemas.accept import accept
from switchhook.grid.subscriptions import (
    DeliverySettings,
    EventSubscription,
    TimeProfile,
    WebHookDestination,
)
from switchhook.grid.topics import TopicKind
from switchhook.stores.memory import MemoryStore
from tests.builders import a_subscription
from tests.flow.conftest import Flow, start
from tests.flow.model_shapes import (
    CONTAINER,
    FILTERS,
    POLICIES,
    SHAPES,
    WINDOW,
    Published,
    Wants,
    events_in,
    key_of,
    serial_of,
    some_settings,
)
from tests.scripted_transport import Answer, always

SEEDS = 100
STEPS = 60

_ANSWERS: tuple[WebhookResponse | None, ...] = (
    *(WebhookResponse(status=status) for status in (200, 200, 200, 500, 503, 404, 400)),
    WebhookResponse(failure=Failure.TIMED_OUT),
    None,
)

_REPLAY = re.compile(rb"switchhook-replay: (\d+)\r\n")
_REASONS = {"MaxDeliveryAttemptsExceeded", "TimeToLiveExceeded", "NotRetriable"}

Identity = tuple[str, int]  # the subscription, and the event's position in the log


class _GivenUp(logging.Handler):
    """The ids of the events that were given up, with the reasons that the log names."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[tuple[str, str], str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() in ("delivery.dropped", "delivery.given_up"):
            fields = vars(record)
            self.reasons[fields["subscription"], fields["event_id"]] = fields["reason"]


class World:
    """A router, its webhooks and containers, and what must be true of them."""

    def __init__(self, seed: int, given_up: _GivenUp) -> None:
        self.random = Random(seed)  # noqa: S311 - repeatable, not secret
        self.given_up = given_up
        self.kills = 0
        self.starts = 0
        self.incarnations = 0
        self.shape = self.random.choice(SHAPES)
        self.events: list[Published] = []
        # Who must get which event, who need not because it repeats another, and who got it how
        # often; the number of kills at the first time, and these firsts in their order.
        self.expected: set[Identity] = set()
        self.repeated: set[Identity] = set()
        self.delivered: Counter[Identity] = Counter()
        self.first_delivery: dict[Identity, int] = {}
        self.subscriptions: dict[str, EventSubscription] = {}
        self.wants: dict[str, Wants] = {}
        self.settings: dict[str, DeliverySettings] = {}
        # The order that a subscription has had from its beginning on; "" once that has changed.
        self.ordered_by: dict[str, str] = {}
        self.answers: dict[str, WebhookResponse | None] = {}
        # By their runs: what replays must deliver, and what came how often.
        self.replays: dict[int, set[Identity]] = {}
        self.replayed: Counter[tuple[int, Identity]] = Counter()
        self.limits = Limits(
            routed_in_a_turn=self.random.choice((1, 3, 1_000)),
            in_flight=self.random.choice((1, 3, 64)),
            queue_length=self.random.choice((1, 4, 1000)),
            max_bytes=self.random.choice((6_000, 2 << 30)),
            max_age=self.random.choice((1, 60, 1440)) * MINUTE,
        )

    async def open(self) -> None:
        """A new store with one topic and up to three subscriptions."""
        store, topic = MemoryStore(max_bytes=self.limits.max_bytes), self.shape.topic
        await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
        self._hold(await start(store, VirtualClock(), topic, self.limits))
        for _ in range(self.random.randint(1, 3)):
            await self.subscribe()

    def _hold(self, flow: Flow) -> None:
        """A server that has started, and was told the settings."""
        self.flow = flow
        flow.transport.answer = self._answer(flow)
        for name, settings in self.settings.items():
            flow.engine.router.configure(name, settings)

    def _answer(self, flow: Flow) -> Answer:
        def answer(request: WebhookRequest) -> WebhookResponse | None:
            if flow is not self.flow:
                return None  # the process that asks is dead
            name = request.url.rpartition("/")[2]
            assert not self.settings[name].is_paused, f"{name} is paused"
            response = self.answers.get(request.url, WebhookResponse(status=200))
            if response is not None and response.status == 200:
                self._count(request)
            return response

        return answer

    def _count(self, request: WebhookRequest) -> None:
        run = _REPLAY.search(request.headers)
        for event in events_in(request.body):
            identity = request.url.rpartition("/")[2], serial_of(event)
            if run is not None:
                self.replayed[int(run[1]), identity] += 1
                continue
            self.delivered[identity] += 1
            self.first_delivery.setdefault(identity, self.kills)

    # --- what can happen --------------------------------------------------------------------------

    async def publish(self) -> None:
        """A request of some events, which a full log may refuse."""
        first = len(self.events)
        events = [self._event(first + n) for n in range(self.random.choice((1, 2, 15)))]
        with contextlib.suppress(StoreFullError):
            await self.flow.engine.publisher.publish(self.flow.topic, self.shape.request(events))
            for event in events:
                self._expect(event)
                self.events.append(event)

    def _event(self, serial: int) -> Published:
        repeats = self.events and self.random.random() < 0.1
        is_domain = self.shape.topic.kind is TopicKind.DOMAIN
        return Published(
            serial=serial,
            id=self.random.choice(self.events[-20:]).id if repeats else f"event-{serial}",
            subject=self.random.choice(("a/1", "a/2", "b/1", "b/2")),
            type=self.random.choice(("Shop.OrderPlaced", "Shop.OrderSent")),
            number=self.random.choice((1, 2, 3)),
            domain_topic=self.random.choice(("north", "south")) if is_domain else "",
            at=self.flow.clock.now(),
        )

    def _expect(self, event: Published) -> None:
        is_repeated = any(
            before.id == event.id and before.domain_topic == event.domain_topic
            for before in self.events
            if event.at - before.at <= WINDOW
        )
        for name, subscription in self.subscriptions.items():
            is_for_it = subscription.domain_topic in ("", event.domain_topic)
            if is_for_it and self.wants[name](event):
                is_optional = is_repeated and self.settings[name].deduplication_window
                (self.repeated if is_optional else self.expected).add((name, event.serial))

    async def publish_at_once(self) -> None:
        """Many requests become durable together, more than a turn of the event loop routes."""
        first, batches, events = len(self.events), list[Batch](), list[Published]()
        for _ in range(self.random.randint(2, 5)):
            own = [self._event(first + len(events) + n) for n in range(self.random.choice((1, 9)))]
            accepted = accept(self.shape.request(own), self.flow.topic)
            batches.append(
                Batch(
                    topic=self.flow.topic.incarnation,
                    schema=self.flow.topic.input_schema,
                    published_at=self.flow.clock.now(),
                    body=accepted.body,
                    count=accepted.count,
                )
            )
            events += own
        with contextlib.suppress(StoreFullError):
            await self.flow.engine.publisher.commit((), batches)
            for event in events:
                self._expect(event)
                self.events.append(event)

    async def change_topic(self) -> None:
        """The topic is written again, while it may have events that are not routed yet."""
        self.flow.engine.router.add_topic(self.flow.topic)

    async def subscribe(self) -> None:
        """A new subscription, or a new version of one."""
        if len(self.subscriptions) < 3:
            self.incarnations += 1
        name = self.random.choice([*self.subscriptions, f"s{self.incarnations}"])
        known = self.subscriptions.get(name)
        filter_, wants = self.random.choice(FILTERS)
        subscription = a_subscription(
            incarnation=name,
            name=name,
            version=known.version + 1 if known else 1,
            filter=filter_,
            retry_policy=self.random.choice(POLICIES),
            event_delivery_schema=self.random.choice(self.shape.schemas),
            dead_letter_destination=self.random.choice((None, CONTAINER)),
            domain_topic=known.domain_topic if known else self._scope(),
            destination=WebHookDestination(
                endpoint_url=f"http://127.0.0.1:9/{name}",
                max_events_per_batch=self.random.choice((1, 1, 3, 50)),
                preferred_batch_size_in_kilobytes=self.random.choice((1, 64)),
            ),
        )
        if known is None:
            self.settings[name] = some_settings(self.random)
            self.ordered_by[name] = self.settings[name].ordered_by
            self.flow.engine.router.configure(name, self.settings[name])
        self.subscriptions[name] = await self.flow.put(subscription)
        self.wants[name] = wants
        for run, expected in self.replays.items():
            # What one of the filters in force meanwhile does not want may be left out.
            self.replays[run] = {
                (who, serial)
                for who, serial in expected
                if who != name or wants(self.events[serial])
            }

    def _scope(self) -> str:
        is_domain = self.shape.topic.kind is TopicKind.DOMAIN
        return self.random.choice(("", "north")) if is_domain else ""

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
        self.expected = {each for each in self.expected if each[0] != name}
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
        scope = self.subscriptions[name].domain_topic
        self.replays[replay.run] = {
            (name, event.serial)
            for event in self.events[first:]
            if self.wants[name](event) and scope in ("", event.domain_topic)
        }

    async def configure(self) -> None:
        """A subscription is paused or resumed, hurried, or has its order changed."""
        name = self.random.choice(sorted(self.subscriptions))
        before, other = self.settings[name], some_settings(self.random)
        match self.random.choice(("pause", "pause", "pause", "profile", "order")):
            case "pause":
                after = msgspec.structs.replace(before, is_paused=not before.is_paused)
            case "profile":
                after = msgspec.structs.replace(before, profile=other.profile)
            case _:
                after = msgspec.structs.replace(before, ordered_by=other.ordered_by)
                self.ordered_by[name] = ""
        self._configure(name, after)

    def _configure(self, name: str, settings: DeliverySettings) -> None:
        self.settings[name] = settings
        self.flow.engine.router.configure(name, settings)

    async def change_answers(self) -> None:
        """A webhook answers differently from now on, and the container too."""
        name = self.random.choice(sorted(self.subscriptions))
        self.answers[f"http://127.0.0.1:9/{name}"] = self.random.choice(_ANSWERS)
        self.flow.dead_letters.answer = self.random.choice(list(DeadLetterAnswer))

    async def release(self) -> None:
        """What hangs is answered at last."""
        self._release(self.random.choice([answer for answer in _ANSWERS if answer]))

    def _release(self, response: WebhookResponse) -> None:
        transport = self.flow.transport
        if response.status == 200:
            for request in transport._hanging:
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
                for request in queue.in_flight:
                    request.began -= 2
        await self.flow.engine.checkpoint.write()

    async def advance(self) -> None:
        """Time passes, which it can only when nothing hangs."""
        for url, response in self.answers.items():
            self.answers[url] = response or WebhookResponse(status=500)
        self._release(WebhookResponse(failure=Failure.TIMED_OUT))
        is_fast = any(each.profile is TimeProfile.FAST for each in self.settings.values())
        spans = (0.05, 0.2, 1, 3) if is_fast else (1, 10, 60, 400, 4000)
        await self.flow.advance(seconds=self.random.choice(spans))

    async def upkeep(self) -> None:
        """The log is trimmed, old versions are forgotten."""
        await self.flow.engine.upkeep()

    async def kill(self) -> None:
        """The process dies and starts again."""
        self.kills += 1
        self.starts += 1
        self.flow.transport.answer = lambda _: None  # the dead send nothing, while another starts
        self._hold(await self.flow.restarted(limits=self.limits))

    async def stop(self) -> None:
        """The process ends by itself and starts again; what it interrupts is repeated."""
        self.kills += 1 if self._would_repeat() else 0
        self.starts += 1
        self._hold(await self.flow.restarted(clean=True, limits=self.limits))

    def _would_repeat(self) -> bool:
        """Whether something is interrupted, or was delivered past what waits for its turn."""
        engine = self.flow.engine
        queues = engine.router.queues.values()
        return bool(engine.deliverer.in_flight) or any(queue.waiting_count for queue in queues)

    async def step(self) -> None:
        """One thing happens."""
        steps: dict[Callable[[], Awaitable[None]], int] = {
            self.publish: 8,
            self.publish_at_once: 3,
            self.change_topic: 1,
            self.turn: 6,
            self.checkpoint: 5,
            self.change_answers: 5,
            self.release: 3,
            self.advance: 3,
            self.configure: 3,
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
        """Everything works again, and time enough passes for what waits."""
        self.answers.clear()
        for name in self.subscriptions:
            self._configure(name, msgspec.structs.replace(self.settings[name], is_paused=False))
        self.flow.dead_letters.answer = DeadLetterAnswer.WRITTEN
        self._release(WebhookResponse(status=500))
        self.flow.transport.answer = self._answer(self.flow)
        for _ in range(3):
            await self.flow.engine.upkeep()
            await self.flow.advance(hours=13)
            await self.flow.engine.checkpoint.write()

    # --- what must be true ------------------------------------------------------------------------

    async def check(self) -> None:
        """No durable cursor and no trimming has passed what is neither finished nor waiting."""
        store = self.flow.store
        watermark, stored = await store.watermark(), await store.cursors()
        cursors = {c.subscription: c.position for c in stored if not c.run}
        all_rows = await store.due(1 << 62, 1 << 30)
        rows = {(r.subscription, r.position) for r in all_rows if not r.run}
        ends = {i for i, kept in (await self._kept()).items() if kept.state != GivenUpState.WAITING}
        for name, position in self.expected:
            passed = max(cursors.get(name, watermark), 0) > position
            trimmed = store.extent().first > position
            if (passed or trimmed) and not self.delivered[name, position]:
                is_safe = (name, position) in rows or (name, position) in ends
                assert is_safe, f"event {position} is lost to {name}"
        await self._check_replays({c.run: c.position for c in stored}, all_rows)

    async def _check_replays(self, cursors: dict[int, int], rows: list[WaitingDelivery]) -> None:
        """No cursor of a run, and no trimming, has passed what the replay has not written down."""
        waiting = {(r.run, r.subscription, r.position) for r in rows}
        first = self.flow.store.extent().first
        for run, expected in self.replays.items():
            ends = (await self._kept(run)).keys()
            for name, position in expected:
                passed = run not in cursors or cursors[run] > position or first > position
                is_finished = self.replayed[run, (name, position)] or (name, position) in ends
                if passed and not is_finished:
                    assert (run, name, position) in waiting, f"{position} is lost to run {run}"

    async def _kept(self, run: int = 0) -> dict[Identity, GivenUp]:
        """What is durably known of the events that were given up; the latest where there are two,
        as there can be when a kill came before the first was durable."""
        records = await self.flow.store.scan(GIVEN_UP)
        found = [msgspec.json.decode(record.value, type=GivenUp) for record in records]
        return {(each.subscription, each.position): each for each in found if each.run == run}

    async def check_end(self) -> None:
        """Everything is finished, nothing came to the wrong place or twice without a kill."""
        kept = await self._kept()
        assert [i for i in self.expected if not self.delivered[i] and i not in kept] == []
        assert await self.flow.store.due(1 << 62, 10) == []
        assert await self.flow.store.cursors() == []
        assert {queue.waiting_bytes for queue in self.flow.engine.router.queues.values()} <= {0}
        known = self.expected | self.repeated
        for identity, count in self.delivered.items():
            if identity[0] in self.subscriptions:
                assert identity in known, identity
                assert count <= 1 + self.kills - self.first_delivery[identity], identity
        assert set(self.given_up.reasons.values()) <= _REASONS
        await self._check_replays_ended()
        await self._check_letters(kept)
        self._check_order()
        self._check_repeated()

    async def _check_replays_ended(self) -> None:
        """Each event of a replay came, once but for kills, or was given up."""
        for run, expected in self.replays.items():
            ends = await self._kept(run)
            assert [i for i in expected if not self.replayed[run, i] and i not in ends] == []
        assert all(count <= 1 + self.kills for count in self.replayed.values())
        assert list(self.flow.engine.replays.pins()) == []

    async def _check_letters(self, kept: dict[Identity, GivenUp]) -> None:
        """What was given up is dropped, or in one blob for each run, and nothing else is there."""
        written = Counter(
            (blob.split("/")[1].lower(), serial_of(event))
            for blob, events in self.flow.dead_letters.blobs.items()
            for event in events
        )
        runs = [kept, *[await self._kept(run) for run in self.replays]]
        states = [(i, each.state) for run in runs for i, each in run.items()]
        noted = Counter(i for i, state in states if state is GivenUpState.WRITTEN)
        assert GivenUpState.WAITING not in [state for i, state in states if i in self.expected]
        for identity in self.expected & (noted.keys() | written.keys()):
            # Before a kill one may have been written that is delivered after all.
            most = len(runs) if self.kills else noted[identity]
            assert noted[identity] <= written[identity] <= most, identity

    def _check_order(self) -> None:
        """First deliveries of a key are in the order of the log."""
        firsts: dict[tuple[str, object], list[int]] = defaultdict(list)
        for name, position in self.first_delivery:
            event, ordered_by = self.events[position], self.ordered_by.get(name, "")
            # What was given up and forgotten in a crash may come after all, late; so may what
            # repeats an event that has left the log.
            is_exempt = (name, event.id) in self.given_up.reasons
            if ordered_by and not is_exempt and (name, position) not in self.repeated:
                firsts[name, key_of(event, ordered_by)].append(position)
        for key, positions in firsts.items():
            assert positions == sorted(positions), key

    def _check_repeated(self) -> None:
        """With the whole log at hand, what repeats another event is not delivered."""
        has_all = self.limits.max_age >= 24 * HOUR and self.limits.max_bytes > 6_000
        if has_all and not self.starts:
            assert self.repeated & self.delivered.keys() == set()


@pytest.fixture
def given_up() -> Iterator[_GivenUp]:
    """Listens to the deliverer's log."""
    log, handler = logging.getLogger("switchhook.grid.deliver"), _GivenUp()
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_nothing_acknowledged_is_lost(seed: int, given_up: _GivenUp) -> None:
    """Every matching event is delivered, waiting or given up with a reason, at any instant."""
    world = World(seed, given_up)
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
