"""Readiness: what a store's last commits say about the next."""

import pytest

from switchhook.errors import CommitUnknownError, ConflictError, StoreError, StoreFullError
from switchhook.stores.commit_health import (
    FAILED,
    FULL,
    HANGS,
    HUNG_AFTER_SECONDS,
    REFUSAL_COUNTS_SECONDS,
    REFUSED,
    CommitHealth,
)
from switchhook.stores.requests import CommitRequest
from tests.contract.values import a_batch


class Watch:
    """The time that a test gives."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def a_commit(error: Exception | None = None, *, of_events: bool = True) -> CommitRequest:
    """A commit that has ended."""
    request = CommitRequest((), (a_batch(),) if of_events else (), None, lambda _: None)
    request.error = error
    return request


def finish(health: CommitHealth, *requests: CommitRequest) -> None:
    """Submit commits and end them as one group."""
    for _ in requests:
        health.submitted()
    health.finished(requests)


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (None, None),
        (ConflictError("c"), None),
        (StoreFullError("f"), FULL),
        (StoreError("s"), REFUSED),
        (CommitUnknownError("u"), REFUSED),
    ],
)
async def test_refusal_of_the_store_is_trouble(
    error: Exception | None, trouble: str | None
) -> None:
    """A condition that does not hold is its caller's affair."""
    health = CommitHealth(Watch())
    finish(health, a_commit(error))

    assert health.trouble() == trouble


async def test_accepted_events_end_the_trouble() -> None:
    """A change without events does not: a full log takes those all the same."""
    health = CommitHealth(Watch())
    finish(health, a_commit(StoreFullError("f")))
    finish(health, a_commit(of_events=False))
    still = health.trouble()
    finish(health, a_commit())

    assert (still, health.trouble()) == (FULL, None)


async def test_refusal_is_forgotten_when_nobody_tries_again() -> None:
    """Who takes traffic away from a server that is not ready would never see it ready."""
    watch = Watch()
    health = CommitHealth(watch)
    finish(health, a_commit(StoreFullError("f")))
    watch.now += REFUSAL_COUNTS_SECONDS
    still = health.trouble()
    watch.now += 0.1

    assert (still, health.trouble()) == (FULL, None)


async def test_commit_that_does_not_end_is_trouble() -> None:
    """A disk that hangs refuses nothing; progress of any commit shows that it does not."""
    watch = Watch()
    health = CommitHealth(watch)
    health.submitted()
    health.submitted()
    watch.now += HUNG_AFTER_SECONDS + 0.1
    hung = health.trouble()
    health.finished([a_commit()])
    moved = health.trouble()
    watch.now += HUNG_AFTER_SECONDS + 0.1

    assert (hung, moved, health.trouble()) == (HANGS, None, HANGS)


async def test_idle_store_does_not_hang() -> None:
    """However long ago the last commit was."""
    watch = Watch()
    health = CommitHealth(watch)
    finish(health, a_commit())
    watch.now += 1e6

    assert health.trouble() is None


async def test_failed_store_stays_failed() -> None:
    """Nothing that comes later ends it."""
    health = CommitHealth(Watch())
    health.has_failed = True
    finish(health, a_commit())

    assert health.trouble() == FAILED
