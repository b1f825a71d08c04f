"""What is a replay? Which events, for whom, how fast, and how far it has come.

Events of the log, or events that were given up, are delivered again, as a new run: time to live and
attempts start anew, the filter is that of today, and neither order nor deduplication holds.
"""

from enum import StrEnum

import msgspec

from switchhook.clock import MILLISECOND, SECOND
from switchhook.grid.collections import REPLAYS
from switchhook.grid.given_up import GivenUpState
from switchhook.grid.ports import Put
from switchhook.grid.subscriptions import Filter

# Events a second; ours, like all of this.
RATE = (1, 10_000)
DEFAULT_RATE = 100
MAX_KEYS = 100
# Deliveries of one replay that are not at their end: more wait in the log.
MAX_OUTSTANDING = 1000
# Fast replays go on in steps of this, with several events each.
STEP = 100 * MILLISECOND


class ReplaySource(StrEnum):
    """Where the events come from."""

    LOG = "log"
    DEAD_LETTERS = "deadLetters"


class ReplayState(StrEnum):
    """How far a replay has come: it has succeeded when each event is delivered or given up."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    CANCELED = "Canceled"


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which events: published, or given up, with `since <= instant < until`; all parts must hold.

    `filter` narrows the subscription's own. `reason`, `state` and `keys` (those of
    `given_up.GivenUp`) are for events that were given up; keys select by themselves.
    """

    since: int = 0
    until: int | None = None
    filter: Filter = Filter()
    reason: str = ""
    state: GivenUpState | None = None
    keys: tuple[str, ...] = ()

    def holds_at(self, instant: int) -> bool:
        """Whether the instant is in the range of time."""
        return self.since <= instant and (self.until is None or instant < self.until)


EVERYTHING = Selection()


class Replay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A replay, as it is kept.

    `subscription` is an incarnation; "" delivers what was given up to whoever it was meant for. The
    log is read up to `end`, from the run's cursor on; what was given up, from the key `after` on.
    `queued` events were handed to delivery; `skipped` were selected but nobody wants them now.
    """

    run: int
    name: str
    subscription: str
    source: ReplaySource
    selection: Selection
    rate: int
    started_at: int
    end: int = 0
    after: str = ""
    is_read: bool = False
    queued: int = 0
    skipped: int = 0
    state: ReplayState = ReplayState.RUNNING
    ended_at: int | None = None

    @property
    def key(self) -> str:
        """Where it is kept: in the order of the runs."""
        return f"{self.run:020}"

    @property
    def reads_log(self) -> bool:
        """Whether it still needs the log, and a cursor that keeps it."""
        is_running = self.state is ReplayState.RUNNING
        return is_running and self.source is ReplaySource.LOG and not self.is_read

    def ended(self, state: ReplayState, now: int) -> "Replay":
        """The replay at its end."""
        return msgspec.structs.replace(self, state=state, ended_at=now)


class Pace:
    """How many events may go now, so that no second has more than the rate."""

    def __init__(self, rate: int, now: int) -> None:
        self._rate = rate
        self._next_at = now
        self.ready_at = now

    def allowed(self, now: int) -> int:
        """How many may go; what could not go in time is not made up for."""
        if now < self.ready_at:
            return 0
        self._next_at = max(self._next_at, now - 2 * STEP)
        return max(0, (now - self._next_at) * self._rate // SECOND + 1)

    def took(self, count: int, now: int, *, is_all: bool) -> None:
        """So many went; `is_all` when they were all that may go now."""
        self._next_at += count * SECOND // self._rate
        if is_all:
            self.ready_at = max(self._next_at, now + STEP if self._rate > SECOND // STEP else now)


def put_replay(replay: Replay) -> Put:
    """The change that writes a replay down."""
    return Put(REPLAYS, replay.key, msgspec.json.encode(replay))


read_replay = msgspec.json.Decoder(Replay).decode
