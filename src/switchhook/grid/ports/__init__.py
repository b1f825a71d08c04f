"""What the steps need from the outside: storage and transport.

Every promise here is tested by a contract suite that runs over each adapter (`tests/contract/`).
"""

import struct
import zlib
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from switchhook.grid.events import EventSchema
from switchhook.grid.ports.transport import (
    Failure,
    Transport,
    WebhookRequest,
    WebhookResponse,
)
from switchhook.grid.subscriptions import DeadLetterDestination

__all__ = [
    "DETAIL_LENGTH",
    "EXCERPT_LENGTH",
    "HASH_BYTES",
    "Appended",
    "Attempt",
    "AttemptHistory",
    "Backlog",
    "Batch",
    "Change",
    "Commit",
    "Cursor",
    "DeadLetterAnswer",
    "DeadLetterStore",
    "Delete",
    "DeliveryState",
    "DropCursor",
    "DropSubscription",
    "DueMark",
    "EventLog",
    "Failure",
    "Identity",
    "LogExtent",
    "MoveWatermark",
    "Put",
    "PutCursor",
    "PutWaiting",
    "Record",
    "Records",
    "SettleWaiting",
    "Store",
    "Transport",
    "WaitingDelivery",
    "WebhookRequest",
    "WebhookResponse",
    "hash_of_id",
    "hashes_of_ids",
]

# --- the log -----------------------------------------------------------------------------------


class Batch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Events that were accepted together: one publish request, or those of one state change.

    `body` is a JSON array of `count` events in `schema`, stored as it came. `topic` is the topic's
    incarnation, `published_at` nanoseconds since the epoch. `traceparent` is that of the request
    (W3C Trace Context), or "".

    `id_hashes` has four bytes for each event (`hash_of_id`), or is empty where they were not
    computed: such events are not found by id.
    """

    topic: str
    schema: EventSchema
    published_at: int
    body: bytes
    count: int
    id_hashes: bytes = b""
    traceparent: str = ""


HASH_BYTES = 4


def hash_of_id(event_id: str) -> bytes:
    """Four bytes by which an event can be found; different ids may share them."""
    return zlib.crc32(event_id.encode("utf-8", "surrogatepass")).to_bytes(HASH_BYTES, "big")


def hashes_of_ids(ids: Sequence[str]) -> bytes:
    """The `hash_of_id` of each, in their order."""
    try:
        if len(ids) == 1:
            return zlib.crc32(ids[0].encode()).to_bytes(HASH_BYTES, "big")
        return struct.pack(f">{len(ids)}I", *map(zlib.crc32, map(str.encode, ids)))
    except UnicodeEncodeError:  # half of a surrogate pair
        return b"".join(map(hash_of_id, ids))


class Appended(msgspec.Struct, frozen=True, gc=False):
    """A batch in the log; its events have the positions `first` to `first + count - 1`."""

    first: int
    batch: Batch

    @property
    def end(self) -> int:
        """The position after its last event."""
        return self.first + self.batch.count


class LogExtent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the log holds: positions `first` to `end - 1`, in `size` bytes of bodies.

    `oldest_published_at` is None when it is empty. `first == end` when it is empty.
    """

    first: int
    end: int
    size: int
    oldest_published_at: int | None


# --- records: every other durable thing --------------------------------------------------------


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A durable value. `revision` counts its writes from 1.

    `position` is the log's end at the moment of its last write, among the batches of the same
    commit: before the first of them. Events before it were accepted before the write.
    """

    collection: str
    key: str
    value: bytes
    revision: int
    position: int


# --- delivery state ----------------------------------------------------------------------------


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


# --- changes: what a commit can carry ----------------------------------------------------------


class Put(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Write a record. `expected` is the revision it must have now, 0 for absent, None for any."""

    collection: str
    key: str
    value: bytes
    expected: int | None = None


class Delete(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Remove a record, if it is there. `expected` as for `Put`."""

    collection: str
    key: str
    expected: int | None = None


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


class EventLog(Protocol):
    """The events, in the order in which they were accepted."""

    async def read_from(self, position: int, max_bytes: int = 1 << 20) -> list[Appended]:
        """Whole batches in order, the first being the one that holds `position` or comes after it.

        Sees everything that a finished commit appended. At least one batch if there is one, then as
        many as fit `max_bytes` of bodies; an empty list at the end of the log.
        """

    async def trim(self, before: int, max_rows: int = 1000) -> int:
        """Forget whole rows of which every position is less than `before`; answer the rows removed.

        Works in one small transaction; call it again while it answers `max_rows`.
        """

    def extent(self) -> LogExtent:
        """What the log holds now. Positions never start again, not even when it is empty."""

    async def find(
        self, id_hash: bytes, *, before: int | None = None, limit: int = 100
    ) -> list[int]:
        """Positions of events whose id has this `hash_of_id`, the newest first; a hint: the ids may
        differ. `before` asks for positions less than it, to page on."""


class Records(Protocol):
    """Values by collection and key; keys of a collection are ordered by their code points."""

    async def get(self, collection: str, key: str) -> Record | None:
        """The record, or None. Sees what every finished commit wrote."""

    async def scan(
        self,
        collection: str,
        *,
        start: str = "",
        end: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[Record]:
        """Records with `start <= key < end` in the order of their keys, at most `limit` of them."""


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


class Store(Commit, EventLog, Records, DeliveryState, Protocol):
    """All storage ports; one adapter serves them, so that one commit can span them."""


# --- attempts ------------------------------------------------------------------------------------

# The longest texts of an attempt that are kept, in characters.
DETAIL_LENGTH = 300
EXCERPT_LENGTH = 200


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One request to a webhook, or other try to deliver, and what came of it.

    `position`, `subscription` (the incarnation) and `run` are the delivery's identity; `number`
    counts its attempts from 1. `started_at` and `next_at` are nanoseconds since the epoch,
    `duration` nanoseconds of real time. `outcome` is Azure's `lastDeliveryOutcome`, or "" for a
    success; `detail` says why, for people; `excerpt` is the start of a failure's response.
    `next_step` is what was decided, the name of one of `retry.NextStep`. An `early` attempt was
    made before the delivery was due, to find out about its endpoint.
    """

    position: int
    run: int
    subscription: str
    number: int
    started_at: int
    duration: int
    status: int | None
    outcome: str = ""
    detail: str = ""
    excerpt: str = ""
    next_step: str = "Delivered"
    next_at: int | None = None
    early: bool = False


class AttemptHistory(Protocol):
    """What was attempted, for people who ask. It is not part of what is durable: a crash shortens
    it, its budget and a disk that is too slow leave attempts out, successes first."""

    def note(self, attempt: Attempt) -> None:
        """Remember an attempt; never raises. Texts are cut at `DETAIL_LENGTH`, `EXCERPT_LENGTH`.

        A success keeps what `note_success` takes, and no more.
        """

    def note_success(
        self,
        position: int,
        run: int,
        subscription: str,
        number: int,
        started_at: int,
        duration: int,
        status: int | None,
        early: bool = False,
    ) -> None:
        """The same as `note` for an attempt that delivered; the cheapest thing that does it."""

    def note_successes(
        self,
        positions: Sequence[int],
        run: int,
        subscription: str,
        number: int,
        started_at: int,
        duration: int,
        status: int | None,
        early: bool = False,
    ) -> None:
        """The same as `note_success` for each of the events that one request delivered."""

    async def of(self, position: int) -> list[Attempt]:
        """Every attempt to deliver one event that was noted and is still kept, in order of time."""

    async def forget(self) -> None:
        """Forget every attempt; never raises."""

    async def close(self) -> None:
        """Write what was noted."""


# --- dead letters --------------------------------------------------------------------------------


class DeadLetterAnswer(StrEnum):
    """What came of writing a dead letter."""

    WRITTEN = "written"
    UNAVAILABLE = "unavailable"  # try again later
    NO_CONTAINER = "no container"  # never


class DeadLetterStore(Protocol):
    """Where dead-lettered events go: blob containers, or folders that look like them."""

    async def write(
        self, destination: DeadLetterDestination, name: str, body: bytes
    ) -> tuple[DeadLetterAnswer, str]:
        """Write a blob, durably, replacing one of the same name; with a detail for people.

        Never raises for what the other side does or fails to do.
        """

    async def close(self) -> None:
        """Release connections."""
