"""One Switchhook for all examples, as each `run.py` starts it."""

from collections.abc import Iterator

import pytest

from examples.stage import Stage, running_switchhook


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A server; each test has an event subscription of its own, and deletes it."""
    with running_switchhook() as running:
        yield running
