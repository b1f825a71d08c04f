"""Is what a benchmark expects what the router really delivers, and does a job tell otherwise?"""

import asyncio
import random
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from bench.job import Job
from bench.load import run_job
from bench.machine import free_port
from bench.model import WrongDeliveryError
from bench.template import Template, delivered, published
from switchhook.clock import SystemClock
from switchhook.grace import Grace
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS, TOPICS, version_key
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.ports import Put
from switchhook.grid.subscriptions import WebHookDestination
from switchhook.http.asgi import Receive, Scope, Send, reply
from switchhook.http.listener import Door, listening
from switchhook.http.publish_api import PublishApi
from switchhook.sockets import bind
from switchhook.stores.memory import MemoryStore
from switchhook.webhook.transport import HttpTransport
from tests.builders import RESOURCE_ID, a_subscription, a_topic
from tests.scripted_dead_letters import ScriptedDeadLetterStore

TOPIC = a_topic()
EVENT = published()
EXPECTED = delivered(EVENT, RESOURCE_ID)


class Site:
    """A router with its publish route, and what a job needs to know of it."""

    def __init__(self, engine: Engine, store: MemoryStore, port: int) -> None:
        self._engine = engine
        self._store = store
        self.port = port
        self.webhook_port = free_port()

    async def subscribe(self, number: int, *, batch: int = 1) -> None:
        """A subscription to everything, as the webhook numbers it."""
        url = f"http://127.0.0.1:{self.webhook_port}/{number}"
        made = a_subscription(
            incarnation=f"s{number}",
            destination=WebHookDestination(endpoint_url=url, max_events_per_batch=batch),
        )
        change = Put(
            SUBSCRIPTION_VERSIONS,
            version_key(made.incarnation, made.version),
            msgspec.json.encode(made),
        )
        await self._store.commit([change], (), lambda _: self._engine.router.activate(made))

    def job(self, **members: object) -> Job:
        """Each publisher publishes one request of three events."""
        assert TOPIC.keys is not None
        defaults = Job(
            port=self.port,
            path=f"/topics/{TOPIC.name}/api/events",
            headers={"Content-Type": "application/json", "aeg-sas-key": TOPIC.keys[0]},
            published=EVENT,
            expected=EXPECTED,
            webhook_ports=[self.webhook_port],
            seconds=0,
            connections=4,
            events_per_request=3,
        )
        return msgspec.structs.replace(defaults, **members)


async def _elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, 404, [], b"")


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """A real router and listener over a store in memory."""
    store, clock = MemoryStore(), SystemClock()
    await store.commit([Put(TOPICS, TOPIC.incarnation, msgspec.json.encode(TOPIC))])
    engine = Engine(
        store=store,
        transport=HttpTransport(allow_http=True, environ={}),
        clock=clock,
        random=random.random,
        dead_lettering=DeadLettering(ScriptedDeadLetterStore(), clock),
    )
    await engine.start()
    running = asyncio.create_task(engine.run())
    api = PublishApi(publisher=engine.publisher, topics=engine.router.topics)
    listener = bind("127.0.0.1", 0, "--http-port")
    async with listening(Door(api, _elsewhere), [listener], None, Grace(1)):
        yield Site(engine, store, listener.getsockname()[1])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await engine.stop(0)


@pytest.mark.parametrize("batch", [1, 2, 50])
async def test_router_delivers_what_the_load_expects(site: Site, batch: int) -> None:
    for number in range(2):
        await site.subscribe(number, batch=batch)

    outcome = await run_job(site.job(subscriptions=2))

    assert (outcome.events, outcome.requests, outcome.duplicates) == (12, 4, 0)
    assert outcome.latencies == []


async def test_paced_job_tells_the_latency_of_each_event(site: Site) -> None:
    await site.subscribe(0)

    outcome = await run_job(
        site.job(events_per_request=1, connections=1, per_second=2_000, seconds=0.01)
    )

    assert outcome.events == len(outcome.latencies) >= 20
    assert min(outcome.latencies) > 0


async def test_publishers_that_wait_for_the_backlog_go_on(site: Site) -> None:
    await site.subscribe(0)

    for seconds in (0.05, 0.5, 5):  # on a slow machine the first may be too short
        outcome = await run_job(site.job(backlog=1, seconds=seconds))
        if outcome.requests > 4:
            break

    assert outcome.events == outcome.requests * 3 > 12


async def test_load_notices_an_event_that_is_delivered_otherwise(site: Site) -> None:
    await site.subscribe(0)
    other = Template(EXPECTED.before, EXPECTED.after.replace(b'"1"', b'"2"'))

    with pytest.raises(WrongDeliveryError, match="no such event"):
        await run_job(site.job(expected=other))


async def test_load_notices_what_never_comes(site: Site) -> None:
    await site.subscribe(0)

    with pytest.raises(WrongDeliveryError, match="0 answers and 12 deliveries never came"):
        await run_job(site.job(subscriptions=2, patience=0.05))


async def test_load_ends_when_a_request_is_refused(site: Site) -> None:
    with pytest.raises(RuntimeError, match="answered 401"):
        await run_job(site.job(headers={"aeg-sas-key": "d3Jvbmc="}))
