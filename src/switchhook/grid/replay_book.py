"""Which replays are there, and what do those that run have in memory?"""

import logging
from collections.abc import Iterable, Sequence

from switchhook.clock import Clock
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.ports import Identity
from switchhook.grid.replay import MAX_OUTSTANDING, Pace, Replay, ReplayState
from switchhook.grid.route import Router

log = logging.getLogger(__name__)


class Running:
    """A replay that is not over, with what it has in memory."""

    def __init__(self, replay: Replay, position: int, now: int) -> None:
        self.replay = replay
        self.position = position
        self.pace = Pace(replay.rate, now)
        self.outstanding: set[Identity] = set()
        # A step failed: the next one is taken then.
        self.waits_until = 0


class ReplayBook:
    """Every replay that runs or ran lately."""

    def __init__(self, *, router: Router, checkpoint: Checkpoint, clock: Clock) -> None:
        self._router = router
        self._checkpoint = checkpoint
        self._clock = clock
        self._replays: dict[int, Replay] = {}
        self.running: dict[int, Running] = {}
        checkpoint.run_settled = self._settled
        checkpoint.forgotten = self._forgotten

    def all(self) -> Sequence[Replay]:
        """Every replay, the newest last."""
        return tuple(self._replays.values())

    def find(self, name: str) -> Replay | None:
        """The replay of this name, in any case of its letters."""
        wanted = name.lower()
        return next((each for each in self.all() if each.name.lower() == wanted), None)

    def outstanding(self, run: int) -> int:
        """How many deliveries of a replay have not ended."""
        running = self.running.get(run)
        return len(running.outstanding) if running else 0

    def reading(self) -> Sequence[str]:
        """The names of those that have events still to hand over, and go on by the clock alone.

        One that waits for retries to make room for more does not: it waits as they do.
        """
        return [
            each.replay.name
            for each in self.running.values()
            if not each.replay.is_read and len(each.outstanding) < MAX_OUTSTANDING
        ]

    def pins(self) -> Iterable[int]:
        """The positions from which on replays need the log."""
        return [each.position for each in self.running.values() if each.replay.reads_log]

    def is_wanted(self, replay: Replay) -> bool:
        """Whether there is anybody to deliver to."""
        return not replay.subscription or self.is_in_force(replay.subscription)

    def is_in_force(self, incarnation: str) -> bool:
        """Whether there is this subscription."""
        return incarnation in self._router.queues

    # --- noting -----------------------------------------------------------------------------------

    def hold(self, replay: Replay, position: int) -> None:
        """There is this replay; one that runs reads the log from `position` on."""
        self._replays[replay.run] = replay
        if replay.state is ReplayState.RUNNING:
            self.running[replay.run] = Running(replay, position, self._clock.now())
        elif replay.state is ReplayState.CANCELED:
            self._checkpoint.canceled_runs.add(replay.run)

    def note(self, replay: Replay) -> None:
        """How far a replay is now; one that is over runs no more."""
        self._replays[replay.run] = replay
        if replay.state is not ReplayState.RUNNING:
            self.running.pop(replay.run, None)

    def drop(self, replay: Replay) -> None:
        """There is no such replay any more."""
        self._replays.pop(replay.run, None)
        self.running.pop(replay.run, None)

    def _settled(self, identity: Identity) -> None:
        """A delivery of a run has ended."""
        running = self.running.get(identity[2])
        if running is not None:
            running.outstanding.discard(identity)
            # Others wait for the end, or for room.
            if len(running.outstanding) in (0, MAX_OUTSTANDING - 1):
                self._checkpoint.wake()

    def _forgotten(self, incarnation: str) -> None:
        """A subscription is gone, and with it what it was to get."""
        for running in self.running.values():
            own = {each for each in running.outstanding if each[1] == incarnation}
            running.outstanding -= own
            if own:
                self._checkpoint.wake()

    def abandon(self, before: int) -> None:
        """The log is full: replays skip the events before that position."""
        for running in self.running.values():
            if running.replay.reads_log and running.position < before:
                log.warning("replay.abandoned", extra={"run": running.replay.run, "before": before})
                running.position = before
