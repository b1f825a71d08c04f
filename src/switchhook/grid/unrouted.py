"""What is durable and not routed yet, and how much of it is routed in one turn of the event loop?

A commit may bring tens of thousands of events. Between the turns that their routing takes, requests
are answered and deliveries made.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

from switchhook.grid.ports import Appended, Batch

# What one turn of the event loop may cost: an event counts as one, and as one for each subscription
# that wants it. That is about ten milliseconds.
WORK_IN_A_TURN = 1_000
# What an event takes that was decoded before, about.
_DECODED_BYTES = 600
# What may wait in memory, in bytes of bodies and of what was decoded of them. What comes then has
# its events routed at once, so that publishers are held up who publish more than can be routed.
MAX_BYTES = 16 << 20


class Unrouted:
    """Batches in the order of the log; each is begun when all of the one before is routed."""

    def __init__(
        self,
        steps: Callable[[Appended], Iterator[int]],
        *,
        caught_up: Callable[[], None],
        work_in_a_turn: int = WORK_IN_A_TURN,
    ) -> None:
        """`steps` routes some events of a batch at each step, as many as `left` allows but at least
        one, and says what they cost. `caught_up` is told when nothing is left of what had to
        wait."""
        self._steps = steps
        self._caught_up = caught_up
        self._work_in_a_turn = work_in_a_turn
        # What may still be done in this turn of the event loop.
        self.left = work_in_a_turn
        self.batches: deque[Appended] = deque()
        self._begun: Iterator[int] | None = None
        self._bytes = 0
        self._is_turn_coming = False

    def add(self, appended: Appended) -> None:
        """Route a batch as soon as its turn comes, which may be now."""
        self.batches.append(appended)
        self._bytes += _size(appended.batch)
        self._go_on()

    def spend(self, work: int) -> None:
        """So much was done in this turn for a batch that did not have to wait."""
        self.left -= work
        if not self._is_turn_coming:
            self._await_turn()

    def finish(self) -> None:
        """Route everything, however long it takes."""
        if self.batches:
            while self.batches:
                self._work()
            self._caught_up()

    def _go_on(self) -> None:
        while self.batches and (self.left > 0 or self._bytes > MAX_BYTES):
            self._work()
        if not self._is_turn_coming and self.left < self._work_in_a_turn:
            self._await_turn()

    def _await_turn(self) -> None:
        self._is_turn_coming = True
        asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._is_turn_coming = False
        self.left = self._work_in_a_turn
        if self.batches:
            self._go_on()
            if not self.batches:
                self._caught_up()

    def _work(self) -> None:
        """Route some of the first batch."""
        steps = self._begun or self._steps(self.batches[0])
        self._begun = None
        for cost in steps:
            self.left -= cost
            if self.left <= 0:
                self._begun = steps
                return
        self._bytes -= _size(self.batches.popleft().batch)


def _size(batch: Batch) -> int:
    decoded = 0 if batch.checked is None else batch.count * _DECODED_BYTES
    return len(batch.body) + decoded
