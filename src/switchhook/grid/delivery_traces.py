"""What has each delivery of one event left behind: in memory, in the store, in the history?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from switchhook.clock import Clock
from switchhook.grid import given_up
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.collections import GIVEN_UP
from switchhook.grid.explain_delivery import Traces, held_in_memory
from switchhook.grid.given_up import GivenUp, Keep
from switchhook.grid.ports import (
    Attempt,
    AttemptHistory,
    Put,
    PutWaiting,
    Store,
    WaitingDelivery,
)
from switchhook.grid.subscription_queue import SubscriptionQueue

# Replays of one event to one subscription that are told apart.
_MAX_RUNS = 20

Key = tuple[str, int]  # subscription and run

_decode = msgspec.json.Decoder(GivenUp).decode


class Collected(msgspec.Struct, frozen=True):
    """The traces of an event's deliveries; `is_sure` that none that was given up is forgotten."""

    traces: dict[Key, Traces]
    is_sure: bool

    def name_of(self, subscription: str) -> str:
        """What a deleted subscription was called, where a record still tells."""
        own = (found for key, found in self.traces.items() if key[0] == subscription)
        return next((found.given_up.name for found in own if found.given_up), "")


class TraceCollector:
    """Collects what is known, all of it as of one instant, but for attempts, which may be newer."""

    def __init__(
        self,
        *,
        store: Store,
        checkpoint: Checkpoint,
        history: AttemptHistory | None,
        clock: Clock,
        keep: Keep,
    ) -> None:
        self._store = store
        self._checkpoint = checkpoint
        self._history = history
        self._clock = clock
        self._keep = keep

    async def collect(
        self, queues: Sequence[SubscriptionQueue], position: int, published_at: int
    ) -> Collected:
        """The traces of the event at `position`, in these queues and of any subscription."""
        traces: dict[Key, Traces] = {}
        async with self._checkpoint.standing():
            rows = [row for queue in queues for row in await self._rows(queue, position)]
            kept = await given_up.find_position(self._store, position, published_at)
            now = self._clock.now()
            is_sure = await given_up.reaches_back_to(self._store, published_at, now, self._keep)
            # From here on nothing is awaited: memory and what was read belong together.
            _note(traces, "given_up", [*kept, *self._given_up_in_memory(position)])
            _note(traces, "row", self._with_noted(rows, position))
            for queue in queues:
                _note_held(traces, queue, position)
        for key, own in (await self.attempts(position)).items():
            before = traces.get(key, Traces(run=key[1]))
            traces[key] = msgspec.structs.replace(before, attempts=tuple(own))
        return Collected(traces, is_sure)

    async def attempts(self, position: int) -> dict[Key, list[Attempt]]:
        """What the history has of one event."""
        found: dict[Key, list[Attempt]] = defaultdict(list)
        noted = await self._history.of(position) if self._history is not None else []
        for attempt in noted:
            found[attempt.subscription, attempt.run].append(attempt)
        return found

    async def _rows(self, queue: SubscriptionQueue, position: int) -> list[WaitingDelivery]:
        own = queue.subscription.incarnation
        rows = await self._store.waiting(own, start=position, limit=_MAX_RUNS)
        return [row for row in rows if row.position == position]

    def _with_noted(self, rows: list[WaitingDelivery], position: int) -> list[WaitingDelivery]:
        known = {row.identity: row for row in rows}
        for change in self._checkpoint.rows_noted(position):
            if isinstance(change, PutWaiting):
                known[change.delivery.identity] = change.delivery
            else:
                known.pop((change.position, change.subscription, change.run), None)
        return list(known.values())

    def _given_up_in_memory(self, position: int) -> list[GivenUp]:
        kept = (change for change in self._checkpoint.changes_kept() if isinstance(change, Put))
        found = (_decode(change.value) for change in kept if change.collection == GIVEN_UP)
        return [each for each in found if each.position == position]


def _note(
    traces: dict[Key, Traces], member: str, found: Iterable[WaitingDelivery | GivenUp]
) -> None:
    for each in found:
        key = each.subscription, each.run
        before = traces.get(key, Traces(run=each.run))
        traces[key] = msgspec.structs.replace(before, **{member: each})


def _note_held(traces: dict[Key, Traces], queue: SubscriptionQueue, position: int) -> None:
    for held in held_in_memory(queue, position):
        key = queue.subscription.incarnation, held.run
        before = traces.get(key, held)
        traces[key] = msgspec.structs.replace(held, row=before.row, given_up=before.given_up)
