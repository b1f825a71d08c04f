"""What is prepared for benchmarks is what the real server finds."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.idle import an_event
from bench.idle_filters import EVENT_TYPES, idle_filters
from bench.prepared import EVENT, READING, Wanted, fill, incarnation_of, prepare_unfinished
from switchhook.clock import SystemClock
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.filters import matches
from switchhook.stores.sqlite import SqliteStore
from tests.crash.management import Management
from tests.scripted_dead_letters import ScriptedDeadLetterStore
from tests.scripted_transport import ScriptedTransport
from tests.system.server_process import Command, ServerProcess

ENDPOINT = "http://127.0.0.1:9/0"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that has run once."""
    folder = tmp_path_factory.mktemp("made")

    async def make() -> Path:
        server = await Command(folder / "user").serve(folder / "data")
        assert await server.stop() == 0
        return server.data

    return asyncio.run(make())


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """One of its own for each test."""
    return Path(shutil.copytree(made, tmp_path / "data"))


async def _fill(data: Path, wanted: Wanted) -> None:
    async with SqliteStore.open(data) as store:
        await fill(store, wanted)


@pytest.fixture
async def server(data: Path, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """One that runs on a folder with subscriptions and topics."""
    await _fill(data, Wanted(subscriptions=30, topics=3))
    running = await Command(tmp_path / "user").serve(data)
    yield running
    assert await running.stop() == 0


async def test_prepared_subscriptions_are_managed_like_any_others(server: ServerProcess) -> None:
    scope = f"{server.ready.topic.resource_id}/providers/Microsoft.EventGrid/eventSubscriptions"
    management = Management(server)

    names = [each["name"] for each in (await management.get(scope))["value"]]
    last = await management.get(f"{scope}/idle-000029")
    await management.request("DELETE", f"{scope}/idle-000029")

    assert names == [f"idle-{number:06}" for number in range(20)]  # a page
    assert last["properties"]["provisioningState"] == "Succeeded"
    assert (await management.request("GET", f"{scope}/idle-000029")).status == 404


async def test_prepared_topics_are_managed_like_any_others(server: ServerProcess) -> None:
    group = server.ready.topic.resource_id.rpartition("/")[0]
    topic = await Management(server).get(f"{group}/further-000002")
    below = await Management(server).get(
        f"{group}/further-000002/providers/Microsoft.EventGrid/eventSubscriptions"
    )

    assert topic["properties"]["provisioningState"] == "Succeeded"
    assert [each["name"] for each in below["value"]] == ["of-further-000002"]


@contextlib.asynccontextmanager
async def _running(data: Path) -> AsyncIterator[tuple[Engine, ScriptedTransport]]:
    """An engine that has done all there is to do."""
    clock, transport = SystemClock(), ScriptedTransport()
    async with SqliteStore.open(data) as store:
        engine = Engine(
            store=store,
            transport=transport,
            clock=clock,
            random=lambda: 0.5,
            dead_lettering=DeadLettering(ScriptedDeadLetterStore(), clock),
        )
        await engine.start()
        await engine.quiet()
        yield engine, transport
        await engine.stop(0)


async def test_who_is_behind_gets_the_whole_backlog_and_nobody_else_any_of_it(data: Path) -> None:
    wanted = Wanted(subscriptions=5, events=250, endpoint=ENDPOINT, batch=50, is_behind=True)
    await _fill(data, wanted)

    async with _running(data) as (engine, transport):
        assert transport.delivered_ids == [f"{number:012}" for number in range(250)]
        assert {request.url for request in transport.requests} == {ENDPOINT}
        assert not any(queue.is_behind for queue in engine.router.queues.values())


async def test_who_is_live_gets_nothing_of_a_log(data: Path) -> None:
    await _fill(data, Wanted(events=250, endpoint=ENDPOINT))

    async with _running(data) as (engine, transport):
        assert engine.router.head == 250
        assert engine.router.queues[incarnation_of(READING)].cursor(250) == 250
        assert not transport.requests


async def test_what_a_crash_leaves_is_read_from_the_write_ahead_log(data: Path) -> None:
    size = await asyncio.to_thread(prepare_unfinished, data, 5_000)

    assert size > 5_000 * EVENT.size
    async with _running(data) as (engine, _):
        assert engine.router.head == 5_000


def test_idle_filters_want_nothing_of_a_load() -> None:
    event = an_event()
    filters = list(idle_filters(2_000))

    assert not any(matches(each, event) for each in filters)
    assert filters == list(idle_filters(2_000))
    assert {name for each in filters for name in each.included_event_types or ()} == {*EVENT_TYPES}
