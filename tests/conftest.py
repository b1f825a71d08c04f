"""Services that tests of several folders use, started once a run and only when asked for."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.azurite import Azurite, running_azurite
from tests.services.postgres import Postgres, running_server

# A shell has its background jobs ignore Ctrl-C, which the tests send to what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests start a few hundred processes. Where the environment wants no bytecode beside the
# sources each of them would compile everything anew, which takes longer than most tests.
_BYTECODE = str(Path(__file__).parents[1] / ".cache/bytecode")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = _BYTECODE
sys.dont_write_bytecode = False


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
