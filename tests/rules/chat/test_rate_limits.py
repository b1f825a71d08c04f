"""Who asks too often?"""

from datetime import timedelta

import pytest

from switchhook.clock import SECOND, VirtualClock
from switchhook.communication.chat.permissions import Action
from switchhook.communication.chat.rate_limits import LIMITS, Per, RateLimits
from switchhook.communication.chat.throttle_log import MAX_TOLD
from switchhook.communication.identity.caller import Scope
from switchhook.errors import RequestError
from tests.rules.chat.message_builders import ALICE, BOB, a_caller


class SteppedClock(VirtualClock):
    """A clock that a test sets, backwards too."""

    def set(self, seconds: float) -> None:
        """Go to so many seconds after the start."""
        start = VirtualClock().now()
        self._now = start + int(seconds * SECOND)


def served(limits: RateLimits, action: Action, count: int, *, thread: str = "19:a") -> int:
    """How many of `count` requests by Alice are served at one instant."""
    waits = [limits.wait(a_caller(), action, thread) for _ in range(count)]
    return waits.count(None)


# The article's table: action, scope, requests in 10 seconds, requests in a minute.
TABLE = [
    (Action.CREATE_THREAD, Per.USER, 10, None),
    (Action.DELETE_THREAD, Per.USER, 10, None),
    (Action.UPDATE_THREAD, Per.THREAD, 5, None),
    (Action.ADD_PARTICIPANTS, Per.THREAD, 10, 30),
    (Action.REMOVE_PARTICIPANT, Per.THREAD, 10, 30),
    (Action.GET_THREAD, Per.USER, 50, None),
    (Action.LIST_THREADS, Per.USER, 50, None),
    (Action.GET_MESSAGE, Per.USER_AND_THREAD, 50, None),
    (Action.GET_MESSAGE, Per.THREAD, 250, None),
    (Action.LIST_MESSAGES, Per.USER_AND_THREAD, 50, 200),
    (Action.LIST_MESSAGES, Per.THREAD, 250, 400),
    (Action.LIST_READ_RECEIPTS, Per.USER_AND_THREAD, 5, None),
    (Action.LIST_READ_RECEIPTS, Per.THREAD, 100, None),
    (Action.LIST_PARTICIPANTS, Per.USER_AND_THREAD, 10, None),
    (Action.LIST_PARTICIPANTS, Per.THREAD, 250, None),
    (Action.SEND_MESSAGE, Per.THREAD, 10, 30),
    (Action.UPDATE_MESSAGE, Per.THREAD, 10, 30),
    (Action.DELETE_MESSAGE, Per.THREAD, 10, 30),
    (Action.SEND_READ_RECEIPT, Per.USER_AND_THREAD, 10, 30),
    (Action.SEND_TYPING, Per.USER_AND_THREAD, 5, 15),
    (Action.SEND_TYPING, Per.THREAD, 10, 30),
]


def test_limits_are_those_of_the_article() -> None:
    """Every row, and no other."""
    found = [
        (action, limit.per, limit.in_10_seconds, limit.in_a_minute)
        for limit in LIMITS
        for action in limit.actions
    ]

    assert sorted(found, key=str) == sorted(TABLE, key=str)


@pytest.mark.parametrize(("action", "per", "in_10_seconds", "in_a_minute"), TABLE)
def test_each_limit_holds(
    action: Action, per: Per, in_10_seconds: int, in_a_minute: int | None
) -> None:
    """In 10 seconds and in a minute; of a thread's limit, many users have their share."""
    clock = SteppedClock()
    limits = RateLimits(clock)

    def count(tries: int) -> int:
        callers = [a_caller(raw_id=f"u{n}" if per is Per.THREAD else ALICE) for n in range(tries)]
        return [limits.wait(each, action, "19:a") for each in callers].count(None)

    assert count(in_10_seconds + 5) == in_10_seconds
    clock.set(9.9)
    assert count(1) == 0
    total = in_10_seconds
    for tens in range(1, 6):
        clock.set(tens * 10)
        total += count(in_10_seconds + 5)
    assert total == (in_a_minute or 6 * in_10_seconds)
    clock.set(60)
    assert count(in_10_seconds + 5) == in_10_seconds


@pytest.mark.parametrize(
    ("at", "seconds"), [(0, 10), (0.5, 10), (1, 9), (8.9, 2), (9.1, 1), (9.999, 1), (10, None)]
)
def test_wait_is_told_in_whole_seconds(at: float, seconds: int | None) -> None:
    """Rounded up: who waits so long is served."""
    clock = SteppedClock()
    limits = RateLimits(clock)
    assert served(limits, Action.CREATE_THREAD, 10) == 10
    clock.set(at)

    assert limits.wait(a_caller(), Action.CREATE_THREAD) == seconds


def test_minute_can_bind_longer_than_10_seconds() -> None:
    """The longest wait counts."""
    clock = SteppedClock()
    limits = RateLimits(clock)
    for at in (0, 10, 20):
        clock.set(at)
        assert served(limits, Action.SEND_MESSAGE, 11) == 10
    clock.set(30)

    assert limits.wait(a_caller(), Action.SEND_MESSAGE, "19:a") == 30


def test_windows_slide() -> None:
    """Places become free one by one, not all at once."""
    clock = SteppedClock()
    limits = RateLimits(clock)
    for at in range(5):
        clock.set(at)
        assert served(limits, Action.UPDATE_THREAD, 1) == 1
    clock.set(10)
    assert served(limits, Action.UPDATE_THREAD, 3) == 1
    clock.set(12)

    assert served(limits, Action.UPDATE_THREAD, 3) == 2


def test_refused_request_does_not_count() -> None:
    """Impatience costs nothing but the answer."""
    clock = SteppedClock()
    limits = RateLimits(clock)
    assert served(limits, Action.CREATE_THREAD, 500) == 10
    clock.set(10)

    assert served(limits, Action.CREATE_THREAD, 500) == 10


def test_request_that_one_limit_refuses_takes_no_place_of_another() -> None:
    """Alice types too often; Bob still has the thread's other five."""
    limits = RateLimits(SteppedClock())
    assert served(limits, Action.SEND_TYPING, 50) == 5

    bob = [limits.wait(a_caller(raw_id=BOB), Action.SEND_TYPING, "19:a") for _ in range(5)]
    assert bob == [None] * 5
    assert limits.wait(a_caller(raw_id="u3"), Action.SEND_TYPING, "19:a") == 10


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Action.ADD_PARTICIPANTS, Action.REMOVE_PARTICIPANT),
        (Action.SEND_MESSAGE, Action.DELETE_MESSAGE),
        (Action.UPDATE_MESSAGE, Action.SEND_MESSAGE),
    ],
)
def test_actions_of_one_row_share_a_limit(first: Action, second: Action) -> None:
    """As the article puts them into one row."""
    limits = RateLimits(SteppedClock())
    assert served(limits, first, 6) == 6

    assert served(limits, second, 6) == 4


@pytest.mark.parametrize(
    ("action", "raw_id", "thread", "topic", "shared"),
    [
        (Action.CREATE_THREAD, ALICE, "", "topic-1", True),
        (Action.CREATE_THREAD, BOB, "", "topic-1", False),
        (Action.DELETE_THREAD, ALICE, "19:b", "topic-1", True),
        (Action.DELETE_THREAD, BOB, "19:a", "topic-1", False),
        (Action.SEND_MESSAGE, BOB, "19:a", "topic-1", True),
        (Action.SEND_MESSAGE, ALICE, "19:b", "topic-1", False),
        (Action.SEND_READ_RECEIPT, ALICE, "19:b", "topic-1", False),
        (Action.SEND_READ_RECEIPT, BOB, "19:a", "topic-1", False),
        (Action.SEND_MESSAGE, BOB, "19:a", "topic-2", False),
        (Action.CREATE_THREAD, ALICE, "", "topic-2", False),
    ],
)
def test_requests_count_together_by_scope(
    action: Action, raw_id: str, thread: str, topic: str, shared: bool
) -> None:
    """By user, by thread or by both; resources have nothing in common."""
    limits = RateLimits(SteppedClock())
    assert served(limits, action, 10) == 10

    wait = limits.wait(a_caller(raw_id=raw_id, topic=topic), action, thread)
    assert wait == (10 if shared else None)


def test_refusal_says_when_to_come_back() -> None:
    """As in the examples of the OpenAPI, with what the header will say."""
    limits = RateLimits(SteppedClock())
    for _ in range(5):
        limits.check(a_caller(Scope.CHAT), Action.UPDATE_THREAD, "19:a")

    assert limits.refused == 0
    with pytest.raises(RequestError) as refusal:
        limits.check(a_caller(Scope.CHAT), Action.UPDATE_THREAD, "19:a")
    assert limits.refused == 1
    error = refusal.value
    assert (error.status, error.code) == (429, "TooManyRequests")
    assert (error.message, error.retry_after) == ("Rate limit exceeded.", 10)


@pytest.mark.parametrize("action", list(Action))
def test_limits_can_be_off(action: Action) -> None:
    """Then everything is served."""
    limits = RateLimits.off()

    assert served(limits, action, 1_000) == 1_000


def test_clock_that_is_set_back_locks_nobody_out() -> None:
    """Times that have not come yet are forgotten."""
    clock = SteppedClock()
    limits = RateLimits(clock)
    clock.set(3_600)
    assert served(limits, Action.CREATE_THREAD, 11) == 10
    clock.set(0)

    assert served(limits, Action.CREATE_THREAD, 11) == 10


def test_memory_is_bounded() -> None:
    """The window that was used longest ago is forgotten first."""
    limits = RateLimits(SteppedClock(), max_windows=3)
    for thread in ("19:a", "19:b", "19:c"):
        assert served(limits, Action.UPDATE_THREAD, 5, thread=thread) == 5
    assert served(limits, Action.UPDATE_THREAD, 1, thread="19:a") == 0
    assert served(limits, Action.UPDATE_THREAD, 5, thread="19:d") == 5

    kept = [served(limits, Action.UPDATE_THREAD, 1, thread=f"19:{name}") for name in "acd"]
    assert kept == [0, 0, 0]
    assert len(limits) == 3
    assert served(limits, Action.UPDATE_THREAD, 1, thread="19:b") == 1


async def test_idle_windows_are_forgotten() -> None:
    """After a minute they say nothing any more."""
    clock = VirtualClock()
    limits = RateLimits(clock)
    for number in range(100):
        served(limits, Action.SEND_TYPING, 1, thread=f"19:{number}")
    assert len(limits) == 200
    await clock.advance(timedelta(seconds=60))
    served(limits, Action.SEND_MESSAGE, 1)

    assert len(limits) == 1


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Action and thread of the lines about who was told to wait."""
    lines = [each for each in caplog.records if each.message == "chat.throttled"]
    return [(vars(each)["action"], vars(each).get("chat_thread", "")) for each in lines]


def throttle(limits: RateLimits, action: Action, *threads: str) -> None:
    """Ask too often in each thread."""
    for thread in threads:
        refused = 0
        for _ in range(60):
            try:
                limits.check(a_caller(), action, thread)
            except RequestError:
                refused += 1
        assert refused


def test_operator_reads_of_a_throttled_thread_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """However often it is refused; with who it was, and which setting decides it."""
    clock = SteppedClock()
    limits = RateLimits(clock)
    caplog.set_level("INFO")
    throttle(limits, Action.SEND_MESSAGE, "19:a", "19:a", "19:b")
    throttle(limits, Action.LIST_THREADS, "")
    clock.set(59)
    throttle(limits, Action.SEND_MESSAGE, "19:a")
    first = told(caplog)
    clock.set(120)
    throttle(limits, Action.SEND_MESSAGE, "19:a")

    sends = [("send message", "19:a"), ("send message", "19:b")]
    assert first == [*sends, ("list threads", "")]
    assert told(caplog) == [*first, sends[0]]
    fields = vars(next(each for each in caplog.records if each.message == "chat.throttled"))
    assert (fields["user"], fields["setting"]) == (ALICE, "chat-rate-limits")
    assert 1 <= fields["retry_after"] <= 60


def test_log_of_throttling_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever number of threads is refused in a minute; a clock that goes back begins anew."""
    clock = SteppedClock()
    clock.set(600)
    limits = RateLimits(clock)
    caplog.set_level("INFO")
    threads = [f"19:{number}" for number in range(MAX_TOLD + 5)]
    throttle(limits, Action.UPDATE_THREAD, *threads)
    assert len(told(caplog)) == MAX_TOLD
    clock.set(300)
    throttle(limits, Action.UPDATE_THREAD, threads[-1])

    assert told(caplog)[MAX_TOLD:] == [("update thread", threads[-1])]
