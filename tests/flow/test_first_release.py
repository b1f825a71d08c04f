"""A data folder of the first version, as its server left it when it was killed."""

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from switchhook.clock import VirtualClock, to_datetime
from switchhook.grid.collections import TOPICS
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.ports import Put
from switchhook.stores.data_folder import DATABASE
from switchhook.stores.sqlite import SqliteStore
from tests.flow.arm.scene import GROUP, Scene
from tests.scripted_dead_letters import ScriptedDeadLetterStore
from tests.scripted_transport import ScriptedTransport

DUMP = Path(__file__).parents[1] / "fixtures/data_folders/version_1.sql"
KILLED_AT = 1_795_276_301 * 10**9


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """The folder under this version."""
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.execute(DUMP.read_text("utf-8"))
    connection.close()
    async with SqliteStore.open(tmp_path) as opened:
        yield opened


async def test_backlog_of_the_first_version_is_delivered(store: SqliteStore) -> None:
    """Attempts go on being counted, and each event goes by the version that matched it."""
    transport, clock = ScriptedTransport(), VirtualClock(to_datetime(KILLED_AT))
    engine = Engine(
        store=store,
        transport=transport,
        clock=clock,
        random=lambda: 0.0,
        dead_lettering=DeadLettering(ScriptedDeadLetterStore(), clock),
    )
    await engine.start()
    clock.wait_for(engine.quiet)
    await engine.quiet()
    first = sorted(transport.delivered_ids)
    await clock.advance_to(KILLED_AT + 60 * 10**9)
    await engine.stop(0)

    assert first == sorted(["a11", "a12", "a13", "b13", "a14", "b14"])
    assert sorted(transport.delivered_ids[6:]) == sorted(f"a{n}" for n in range(1, 11))
    counts = [b"aeg-delivery-count: 1\r\n" in request.headers for request in transport.requests]
    assert counts == [False] * 6 + [True] * 10
    assert (await store.backlogs(), await store.cursors()) == ([], [])


async def test_resources_of_the_first_version_are_there(store: SqliteStore) -> None:
    scene = Scene()
    for collection in ("resources", TOPICS, "subscription-versions"):
        kept = await store.scan(collection)
        await scene.store.commit([Put(each.collection, each.key, each.value) for each in kept])
    await scene.open()
    source = scene.resources.sources.get(f"{GROUP}/providers/Microsoft.EventGrid/topics/orders")
    assert source is not None
    subscription = scene.resources.subscriptions.get(source, "hook")

    assert source.topic.name == "orders"
    assert subscription is not None
    assert subscription.definition.filter.included_event_types == ("Shop.A", "Shop.B")
