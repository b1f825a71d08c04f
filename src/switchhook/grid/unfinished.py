"""Up to where has everybody finished with the log?"""

from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.deliver import Deliverer
from switchhook.grid.replays import Replays
from switchhook.grid.route import Router


class Unfinished:
    """What the log must keep because a subscription or a replay has still to read it."""

    def __init__(
        self, *, router: Router, deliverer: Deliverer, checkpoint: Checkpoint, replays: Replays
    ) -> None:
        self._router = router
        self._deliverer = deliverer
        self._checkpoint = checkpoint
        self._replays = replays

    def first(self) -> int:
        """The first position that anybody needs, or the head."""
        head = self._router.head
        cursors = (queue.cursor(head) for queue in self._checkpoint.pinning())
        unwritten = (position for position, *_ in self._checkpoint.unwritten)
        return min([head, *cursors, *unwritten, *self._replays.pins()])

    def abandon(self, before: int) -> None:
        """Have everybody skip what is before a position."""
        before = min(before, self._router.head)  # nobody has read beyond that
        self._deliverer.abandon(before)
        self._replays.abandon(before)
