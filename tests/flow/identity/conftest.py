"""The world of the Identity tests, over each store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.identity.world import IdentityWorld, a_world
from tests.flow.stores import KINDS, a_store


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IdentityWorld]:
    """A resource, its engine and two clocks."""
    async with a_store(request.param, tmp_path / "data") as store:
        yield a_world(store=store)
