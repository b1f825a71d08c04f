"""The world of the SMS tests, over each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.sms.world import SmsWorld, a_world
from tests.flow.stores import KINDS, a_store


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SmsWorld]:
    """A resource, its engine and a clock."""
    async with a_store(request.param, tmp_path / "data") as store:
        world = a_world(store=store)
        yield world
        await world.engine.due_work.close()
