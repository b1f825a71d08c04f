"""Who asks too often?

The table "Rate Limits" of chat in the article about service limits. Windows slide and are kept in
memory only: a restart forgets them.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from enum import Enum

import msgspec

from switchhook.clock import SECOND, Clock, SystemClock
from switchhook.communication.chat.permissions import Action
from switchhook.communication.chat.throttle_log import ThrottleLog
from switchhook.communication.identity.caller import Caller
from switchhook.errors import RequestError

# How many windows are kept; the one that was used longest ago goes first.
MAX_WINDOWS = 100_000


class Per(Enum):
    """Whose requests count together."""

    USER = "User"
    THREAD = "Chat thread"
    USER_AND_THREAD = "User per chat thread"


class RateLimit(msgspec.Struct, frozen=True):
    """How many of these requests, all together, are served in 10 seconds and in a minute."""

    actions: frozenset[Action]
    per: Per
    in_10_seconds: int
    in_a_minute: int | None = None

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The limits as (requests, nanoseconds)."""
        spans = ((self.in_10_seconds, 10 * SECOND),)
        return spans if self.in_a_minute is None else (*spans, (self.in_a_minute, 60 * SECOND))


def _limit(
    *actions: Action, per: Per, in_10_seconds: int, in_a_minute: int | None = None
) -> RateLimit:
    return RateLimit(frozenset(actions), per, in_10_seconds, in_a_minute)


_CHANGE_PARTICIPANTS = (Action.ADD_PARTICIPANTS, Action.REMOVE_PARTICIPANT)
_GET_THREADS = (Action.GET_THREAD, Action.LIST_THREADS)
_CHANGE_MESSAGES = (Action.SEND_MESSAGE, Action.UPDATE_MESSAGE, Action.DELETE_MESSAGE)

LIMITS = (
    _limit(Action.CREATE_THREAD, per=Per.USER, in_10_seconds=10),
    _limit(Action.DELETE_THREAD, per=Per.USER, in_10_seconds=10),
    _limit(Action.UPDATE_THREAD, per=Per.THREAD, in_10_seconds=5),
    _limit(*_CHANGE_PARTICIPANTS, per=Per.THREAD, in_10_seconds=10, in_a_minute=30),
    _limit(*_GET_THREADS, per=Per.USER, in_10_seconds=50),
    _limit(Action.GET_MESSAGE, per=Per.USER_AND_THREAD, in_10_seconds=50),
    _limit(Action.GET_MESSAGE, per=Per.THREAD, in_10_seconds=250),
    _limit(Action.LIST_MESSAGES, per=Per.USER_AND_THREAD, in_10_seconds=50, in_a_minute=200),
    _limit(Action.LIST_MESSAGES, per=Per.THREAD, in_10_seconds=250, in_a_minute=400),
    _limit(Action.LIST_READ_RECEIPTS, per=Per.USER_AND_THREAD, in_10_seconds=5),
    _limit(Action.LIST_READ_RECEIPTS, per=Per.THREAD, in_10_seconds=100),
    _limit(Action.LIST_PARTICIPANTS, per=Per.USER_AND_THREAD, in_10_seconds=10),
    _limit(Action.LIST_PARTICIPANTS, per=Per.THREAD, in_10_seconds=250),
    _limit(*_CHANGE_MESSAGES, per=Per.THREAD, in_10_seconds=10, in_a_minute=30),
    _limit(Action.SEND_READ_RECEIPT, per=Per.USER_AND_THREAD, in_10_seconds=10, in_a_minute=30),
    _limit(Action.SEND_TYPING, per=Per.USER_AND_THREAD, in_10_seconds=5, in_a_minute=15),
    _limit(Action.SEND_TYPING, per=Per.THREAD, in_10_seconds=10, in_a_minute=30),
)

# The number of a limit, the resource, and who or what is counted.
_Key = tuple[int, str, str, str]


class RateLimits:
    """Counts the requests that were served, by an injected clock.

    A refused request does not count (assumed): who waits as told is served.
    """

    def __init__(
        self,
        clock: Clock,
        limits: Iterable[RateLimit] = LIMITS,
        *,
        max_windows: int = MAX_WINDOWS,
    ) -> None:
        self._clock = clock
        self._limits = tuple(enumerate(limits))
        self._max_windows = max_windows
        self._windows: OrderedDict[_Key, deque[int]] = OrderedDict()
        self._log = ThrottleLog(clock)
        self.refused = 0  # by `check`

    @classmethod
    def off(cls) -> "RateLimits":
        """No limits."""
        return cls(SystemClock(), ())

    def __len__(self) -> int:
        """How many windows are kept in memory."""
        return len(self._windows)

    def check(self, caller: Caller, action: Action, thread_id: str = "") -> None:
        """Count a request; to be called for requests that are allowed.

        Raises:
            RequestError: 429 `TooManyRequests`, with the seconds to wait.
        """
        seconds = self.wait(caller, action, thread_id)
        if seconds is not None:
            self.refused += 1
            self._log.tell(caller, action, thread_id, seconds)
            raise RequestError(429, "TooManyRequests", "Rate limit exceeded.", retry_after=seconds)

    def wait(self, caller: Caller, action: Action, thread_id: str = "") -> int | None:
        """Count a request and answer None, or the whole seconds to wait until it is served."""
        now = self._clock.now()
        windows = list(self._windows_of(caller, action, thread_id))
        delay = max((_delay(limit, times, now) for limit, times in windows), default=0)
        if delay <= 0:
            for _, times in windows:
                times.append(now)
        self._forget_idle(now)
        return -(-delay // SECOND) if delay > 0 else None

    def _windows_of(
        self, caller: Caller, action: Action, thread_id: str
    ) -> Iterator[tuple[RateLimit, deque[int]]]:
        """The limits of an action, each with the latest times at which it was used."""
        for number, limit in self._limits:
            if action in limit.actions:
                user = "" if limit.per is Per.THREAD else caller.raw_id
                thread = "" if limit.per is Per.USER else thread_id
                key = (number, caller.resource.topic, user, thread)
                if key not in self._windows:
                    self._windows[key] = deque(maxlen=max(count for count, _ in limit.spans))
                self._windows.move_to_end(key)
                yield limit, self._windows[key]

    def _forget_idle(self, now: int) -> None:
        """Drop windows, longest unused first, that no longer matter or are too many."""
        while self._windows:
            key, times = next(iter(self._windows.items()))
            matters = bool(times) and times[-1] > now - 60 * SECOND
            if matters and len(self._windows) <= self._max_windows:
                return
            del self._windows[key]


def _delay(limit: RateLimit, times: deque[int], now: int) -> int:
    """The nanoseconds until one more request keeps all spans of a limit, 0 or less for now."""
    if times and times[-1] > now:
        times.clear()  # the clock was set back: nobody is to wait until it was that late again
    return max(
        times[-count] + span - now if len(times) >= count else 0 for count, span in limit.spans
    )
