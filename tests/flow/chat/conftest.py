"""The world of the chat tests, over each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchhook.stores.memory import MemoryStore
from switchhook.stores.sqlite import SqliteStore
from tests.flow.chat.world import ChatWorld, a_world


@pytest.fixture(params=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ChatWorld]:
    """A resource, its engine and a clock."""
    if request.param == "memory":
        world = a_world(store=MemoryStore())
        yield world
        await world.engine.due_work.close()
        return
    async with SqliteStore.open(tmp_path / "data") as store:
        world = a_world(store=store)
        yield world
        await world.engine.due_work.close()
