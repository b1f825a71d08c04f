"""How far is each event subscription, and what waits?"""

from collections.abc import Collection
from typing import Protocol

import msgspec

from switchhook.grid.events import EventSchema


class WaitingDelivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An exception row: a delivery that the cursor may pass because it is written down here.

    Its identity is (position, subscription, run). It carries its own copy of the event (a JSON
    array of one, in `schema`), so that the log can be trimmed. `attempts` were made so far;
    `version` is that of the subscription which matched it. Instants are in nanoseconds since the
    epoch.

    `run` 0 is the delivery that publishing caused; a replay is a run of its own, whose time to live
    counts from `lives_from` (0: from `published_at`). With `dead_letter_reason` it is given up, and
    due for its dead letter: `given_up_at` says since when.
    """

    position: int
    subscription: str
    run: int = 0
    version: int
    topic: str
    schema: EventSchema
    published_at: int
    body: bytes
    attempts: int
    due_at: int
    last_outcome: str = ""
    last_status_code: int | None = None
    last_attempt_at: int | None = None
    lives_from: int = 0
    dead_letter_reason: str = ""
    given_up_at: int = 0
    traceparent: str = ""

    @property
    def identity(self) -> "Identity":
        """What tells it from every other delivery."""
        return self.position, self.subscription, self.run


Identity = tuple[int, str, int]  # position, subscription, run


class DueMark(msgspec.Struct, frozen=True, gc=False):
    """A place in the order in which exception rows come due."""

    due_at: int
    position: int
    subscription: str
    run: int


class Backlog(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The exception rows of one subscription: how many, and when the event of the lowest position
    was published."""

    subscription: str
    count: int
    published_at: int


class Cursor(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far a subscription is: all that it wants before `position` is finished or waiting."""

    subscription: str
    run: int = 0
    position: int


class MoveWatermark(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Everything before `position` is routed; it is the cursor of who has no cursor row."""

    position: int


class PutCursor(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Write the cursor of a subscription that lags behind the watermark."""

    cursor: Cursor


class DropCursor(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The subscription has caught up: the watermark is its cursor again."""

    subscription: str
    run: int = 0


class PutWaiting(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Write an exception row, or replace the one of the same identity."""

    delivery: WaitingDelivery


class SettleWaiting(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The delivery is finished: remove its exception row, if there is one."""

    position: int
    subscription: str
    run: int = 0


class DropSubscription(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The incarnation is deleted: remove its cursors and its exception rows.

    `PutCursor` and `PutWaiting` that name it do nothing from then on, for as long as the store is
    open: whoever wrote progress down at that moment had not heard of it yet.
    """

    subscription: str


class DeliveryState(Protocol):
    """How far each subscription has got. A cursor never passes a delivery that is neither finished
    nor waiting: the caller puts both changes into one commit."""

    async def watermark(self) -> int:
        """Everything before it has been routed; 0 in a new store."""

    async def cursors(self) -> list[Cursor]:
        """The cursors of the subscriptions that lag behind the watermark."""

    async def due(
        self,
        now: int,
        limit: int,
        after: DueMark | None = None,
        *,
        excluding: Collection[str] = (),
    ) -> list[WaitingDelivery]:
        """Exception rows with `due_at <= now`, in the order of their `DueMark`s, after `after`; of
        the subscriptions `excluding` none but those that are due for their dead letter."""

    async def next_due(
        self, after: DueMark | None = None, *, excluding: Collection[str] = ()
    ) -> DueMark | None:
        """The mark of the first such exception row, or of the first after `after`."""

    async def waiting(
        self, subscription: str, *, start: int = 0, limit: int | None = 100
    ) -> list[WaitingDelivery]:
        """The exception rows of one subscription from position `start` on, lowest first."""

    async def backlogs(self) -> list[Backlog]:
        """Those of every subscription that has exception rows, by its incarnation."""
