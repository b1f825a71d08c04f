"""The world of the presence tests, over each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.presence.world import PresenceWorld, a_world
from tests.flow.stores import KINDS, a_store


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PresenceWorld]:
    """A resource, presence and a clock."""
    async with a_store(request.param, tmp_path / "data") as store:
        world = a_world(store=store)
        yield world
        await world.presence.close()
