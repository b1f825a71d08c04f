"""How is anything made durable?"""

from collections.abc import Callable, Sequence
from typing import Protocol

from switchhook.grid.ports.delivery_state import (
    DeliveryState,
    DropCursor,
    DropSubscription,
    MoveWatermark,
    PutCursor,
    PutWaiting,
    SettleWaiting,
)
from switchhook.grid.ports.event_log import Batch, EventLog
from switchhook.grid.ports.records import Delete, Put, Records

Change = (
    Put
    | Delete
    | MoveWatermark
    | PutCursor
    | DropCursor
    | PutWaiting
    | SettleWaiting
    | DropSubscription
)


class Commit(Protocol):
    """The only way to write."""

    async def commit(
        self,
        changes: Sequence[Change] = (),
        batches: Sequence[Batch] = (),
        on_durable: Callable[[int], None] | None = None,
    ) -> int:
        """Make state changes and events durable together, or neither; answer the first position.

        Returns only when they would survive a power cut. The batches get consecutive positions in
        their order, starting at the returned one; without batches it is the log's end at that
        moment. Commits are ordered: `on_durable(first)` is called on the event loop, once, in the
        order of the positions, before `commit` returns and before the `on_durable` of any later
        commit. It is called even when the awaiting task was cancelled meanwhile. It must not raise.

        A condition (`expected`) is checked against the state that all earlier commits left; when
        one fails nothing of this commit is applied and other commits of its group are untouched.

        Raises:
            ConflictError: a condition does not hold.
            StoreFullError: the size cap or the disk is full and `batches` or `changes` grow the
                store; nothing was applied. A commit of deletions alone is still tried.
            CommitUnknownError: the store failed while committing.
        """

    def submit(
        self,
        changes: Sequence[Change],
        batches: Sequence[Batch],
        on_durable: Callable[[int], None] | None,
        ended: Callable[[Exception | None], None],
    ) -> None:
        """As `commit`, for who has nobody to wait: `ended` is called instead, once, on the event
        loop and after returning, with the error that `commit` would raise, or None.

        It comes after the `on_durable` of every commit of its group, and must not raise.

        Raises:
            StoreError: the store is closed; nothing is called.
        """


class Store(Commit, EventLog, Records, DeliveryState, Protocol):
    """All storage ports; one adapter serves them, so that one commit can span them."""
