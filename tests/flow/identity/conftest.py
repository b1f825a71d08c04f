"""The world of the Identity tests, over each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchhook.stores.memory import MemoryStore
from switchhook.stores.sqlite import SqliteStore
from tests.flow.identity.world import IdentityWorld, a_world


@pytest.fixture(params=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IdentityWorld]:
    """A resource, its engine and two clocks."""
    if request.param == "memory":
        yield a_world(store=MemoryStore())
        return
    async with SqliteStore.open(tmp_path / "data") as store:
        yield a_world(store=store)
