"""The world of the presence tests, over each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchhook.stores.memory import MemoryStore
from switchhook.stores.sqlite import SqliteStore
from tests.flow.presence.world import PresenceWorld, a_world


@pytest.fixture(params=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PresenceWorld]:
    """A resource, presence and a clock."""
    if request.param == "memory":
        world = a_world(store=MemoryStore())
        yield world
        await world.presence.close()
        return
    async with SqliteStore.open(tmp_path / "data") as store:
        world = a_world(store=store)
        yield world
        await world.presence.close()
