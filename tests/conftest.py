"""Services that tests of several folders use, started once a run and only when asked for."""

from collections.abc import Iterator

import pytest

from tests.services.azurite import Azurite, running_azurite
from tests.services.postgres import Postgres, running_server


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """A storage account, emulated; without Node or Azurite the test skips, or fails in CI."""
    with running_azurite() as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; each test creates a database of its own."""
    with running_server() as running:
        yield running
