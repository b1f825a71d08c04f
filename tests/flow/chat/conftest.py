"""The world of the chat tests, over each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.chat.world import ChatWorld, KnownUsers, a_world
from tests.flow.stores import KINDS, a_store


@pytest.fixture
def users() -> KnownUsers:
    """Who may take part in chat."""
    return KnownUsers()


@pytest.fixture(params=KINDS)
async def world(
    request: pytest.FixtureRequest, tmp_path: Path, users: KnownUsers
) -> AsyncIterator[ChatWorld]:
    """A resource, its engine and a clock."""
    async with a_store(request.param, tmp_path / "data") as store:
        world = a_world(store=store, users=users)
        yield world
        await world.engine.due_work.close()
