"""The promises of `grid.ports.AttemptHistory`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from switchhook.grid.ports import DETAIL_LENGTH, EXCERPT_LENGTH, Attempt, AttemptHistory
from switchhook.stores.attempts import SqliteAttemptHistory
from switchhook.stores.memory_attempts import MemoryAttemptHistory
from tests.contract.values import a_failure, a_success

MAX_BYTES = 8_000


@pytest.fixture(params=["memory", "sqlite"])
async def history(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AttemptHistory]:
    """An empty history of `MAX_BYTES`."""
    if request.param == "memory":
        yield MemoryAttemptHistory(max_bytes=MAX_BYTES)
    else:
        async with SqliteAttemptHistory.open(tmp_path, max_bytes=MAX_BYTES) as opened:
            yield opened


def note_success(history: AttemptHistory, success: Attempt) -> None:
    """Note a success in the short form."""
    history.note_success(
        success.position,
        success.run,
        success.subscription,
        success.number,
        success.started_at,
        success.duration,
        success.status,
        success.early,
    )


async def test_failure_is_told_as_it_was_noted(history: AttemptHistory) -> None:
    """With all that is known about it, and with nothing of what is not."""
    full = a_failure(3, run=1, number=2, detail="Connection refused", next_at=99, early=True)
    bare = a_failure(4, status=None, outcome="TimedOut", excerpt="", next_step="DeadLetter")
    history.note(full)
    history.note(bare)

    assert await history.of(3) == [full]
    assert await history.of(4) == [bare]


@pytest.mark.parametrize(
    "members", [{}, {"number": 7, "early": True, "run": 5}, {"status": None, "duration": 0}]
)
async def test_success_is_told_as_it_was_noted(
    history: AttemptHistory, members: dict[str, Any]
) -> None:
    """In the short form and in the long one."""
    success = a_success(3, **members)
    note_success(history, success)
    history.note(success)

    assert await history.of(3) == [success, success]


@pytest.mark.parametrize("members", [{}, {"number": 7, "early": True, "run": 5}])
async def test_events_of_one_request_are_told_each(
    history: AttemptHistory, members: dict[str, Any]
) -> None:
    """As if each had been noted alone, in whatever order they were."""
    successes = [a_success(position, **members) for position in (3, 9, 4)]
    first = successes[0]
    history.note_successes(
        [each.position for each in successes],
        first.run,
        first.subscription,
        first.number,
        first.started_at,
        first.duration,
        first.status,
        first.early,
    )

    for success in successes:
        assert await history.of(success.position) == [success]
    assert await history.of(5) == []


async def test_position_without_attempts_has_none(history: AttemptHistory) -> None:
    """Whatever its neighbours have; a number that can be no position too."""
    for position in (1, 3, 256):
        history.note(a_failure(position))
        history.note(a_success(position))

    for position in (0, 2, 257, 1 << 32, -1, 1 << 80):
        assert await history.of(position) == []


async def test_attempts_come_in_the_order_of_time(history: AttemptHistory) -> None:
    """Failures, then a success; of every subscription and run; noted in whatever order."""
    attempts = [
        a_failure(3, number=1, started_at=10),
        a_success(3, number=1, started_at=11, subscription="s2"),
        a_failure(3, number=2, started_at=20),
        a_success(3, number=3, started_at=30),
        a_success(3, number=1, started_at=40, run=1),
    ]
    history.note(attempts[3])
    history.note(attempts[0])
    await history.of(3)
    for number in (4, 2, 1):
        history.note(attempts[number])

    assert await history.of(3) == attempts


async def test_attempts_of_many_events_are_told_apart(history: AttemptHistory) -> None:
    """However many share a block."""
    attempts = [a_success(n % 50, started_at=n, subscription=f"s{n % 3}") for n in range(200)]
    for attempt in attempts:
        note_success(history, attempt)

    assert await history.of(17) == [attempts[n] for n in (17, 67, 117, 167)]


async def test_texts_are_cut(history: AttemptHistory) -> None:
    """A webhook decides how much it answers, not how much is kept."""
    history.note(a_failure(1, detail="d" * 10_000, excerpt="e" * 10_000))

    (attempt,) = await history.of(1)
    assert (len(attempt.detail), len(attempt.excerpt)) == (DETAIL_LENGTH, EXCERPT_LENGTH)


async def test_text_that_is_no_unicode_costs_no_attempt(history: AttemptHistory) -> None:
    """Half of a surrogate pair may come out of a response; its neighbours are told as they were."""
    history.note(a_failure(1, excerpt="\ud800"))
    history.note(a_failure(2, excerpt="\u00e9"))

    assert len(await history.of(1)) == 1
    assert (await history.of(2))[0].excerpt == "\u00e9"


async def test_success_keeps_no_texts(history: AttemptHistory) -> None:
    """The long form of a success is the same as the short one."""
    history.note(a_success(1, detail="fine", excerpt="OK", next_at=5))

    assert await history.of(1) == [a_success(1)]


async def fill(history: AttemptHistory, first: int, count: int) -> None:
    """Note successes from a position on, and have them written."""
    for position in range(first, first + count):
        note_success(history, a_success(position))
    await history.of(first)


async def test_budget_lets_the_oldest_successes_go_and_keeps_failures(
    history: AttemptHistory,
) -> None:
    """Failures are what people ask about."""
    failure = a_failure(0)
    history.note(failure)
    await history.of(0)
    for first in range(1, 1001, 50):
        await fill(history, first, 50)

    assert await history.of(0) == [failure]
    assert await history.of(1) == []
    assert await history.of(1000) == [a_success(1000)]


async def test_budget_lets_the_oldest_failures_go_when_no_success_is_left(
    history: AttemptHistory,
) -> None:
    """It is kept whatever happens."""
    await fill(history, 0, 10)
    for position in range(100, 200):
        history.note(a_failure(position, excerpt="x" * EXCERPT_LENGTH))
        await history.of(position)

    assert await history.of(0) == []
    assert await history.of(100) == []
    assert len(await history.of(199)) == 1


async def test_forgotten_attempts_are_gone(history: AttemptHistory) -> None:
    """Those that were written and those that were not; later ones are kept."""
    history.note(a_failure(position=1))
    await history.of(1)
    history.note(a_failure(position=1))
    await history.forget()
    history.note(a_failure(position=2))

    assert await history.of(1) == []
    assert len(await history.of(2)) == 1
