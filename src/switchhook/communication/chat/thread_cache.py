"""What is a thread like now, with all that has been submitted to the store?

An action need not wait until the one before it is durable: it builds on the state which that one
leaves, and its commit expects the head's revision which that one leaves. So the actions on one
thread share the store's group commits, and a commit that fails takes along all that built on it.
"""

import asyncio
from collections import OrderedDict
from itertools import islice

from switchhook.communication.chat.state import ThreadState
from switchhook.communication.chat.store import ChatRecords

# How many participants the threads in memory have in all: some 50 MB at most.
CAPACITY = 100_000
# How many of the threads that were used least are looked at when room is needed: those that have
# commits in flight stay.
_LOOKED_AT = 8

_Key = tuple[str, str]


class Turn:
    """When may a commit be handed to the store? Once the one that was begun before it has been.

    The events of most are made at once; where there are tens of thousands, others get ahead.
    """

    __slots__ = ("_before", "mine")

    def __init__(self, before: asyncio.Future[None] | None) -> None:
        self._before = before
        self.mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def has_come(self) -> None:
        """Return when it is this one's turn."""
        before, self._before = self._before, None
        if before is not None and not before.done():
            await asyncio.wait((before,))

    def is_over(self) -> None:
        """The next one may go: it is handed over later than what is handed over now."""
        if not self.mine.done():
            self.mine.set_result(None)


class Slot:
    """A thread in memory.

    `state` and `revision` are those after everything that is in flight; `durable` is the state that
    the store is known to have. `state` is None while it is read, and from the moment when a commit
    fails (`failure`): nothing builds on it any more, and it leaves the cache with its last commit.
    `turn` is done when the last commit that was begun has been handed to the store.
    """

    __slots__ = (
        "_ended",
        "durable",
        "failure",
        "key",
        "last",
        "pending",
        "revision",
        "state",
        "turn",
        "weight",
    )

    def __init__(self, key: _Key) -> None:
        self.key = key
        self.state: ThreadState | None = None
        self.durable: ThreadState | None = None
        self.revision = 0
        self.pending = 0
        self.weight = 0
        self.failure: BaseException | None = None
        self.last: asyncio.Task[None] | None = None
        self.turn: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight, neither to nor from the store."""
        return self.state is not None and not self.pending

    async def stands(self) -> bool:
        """Whether `state`, as it is at the moment of the call, has become durable."""
        if self.pending and self.last is not None:
            last = self.last
            await asyncio.wait((last,))
            return not last.cancelled() and last.exception() is None
        return self.failure is None

    def queue_up(self) -> "Turn":
        """A place after all commits that were begun before."""
        turn = Turn(self.turn)
        self.turn = turn.mine
        return turn

    async def ended(self) -> None:
        """Return when the slot has been read, or has left the cache."""
        if self._ended is None:
            self._ended = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._ended)

    def end(self) -> None:
        """Wake who waits, to look for the thread again."""
        if self._ended is not None:
            self._ended.set_result(None)
            self._ended = None


class ThreadCache:
    """The threads that were used last."""

    def __init__(self, records: ChatRecords, *, capacity: int = CAPACITY) -> None:
        self._records = records
        self._capacity = capacity
        self._weight = 0
        self._slots: OrderedDict[_Key, Slot] = OrderedDict()

    async def slot(self, topic: str, thread_id: str) -> Slot | None:
        """The slot of a thread, with a state; None where the store has none.

        What the caller does with it, it does at once: before it awaits anything else.
        """
        key = (topic, thread_id)
        while True:
            slot = self._slots.get(key)
            if slot is None:
                return await self._load(key)
            if slot.state is not None:
                self._slots.move_to_end(key)
                return slot
            await slot.ended()

    def submitted(self, slot: Slot, state: ThreadState, commit: asyncio.Task[None]) -> None:
        """A commit that leaves `state` is on its way."""
        slot.state = state
        slot.revision += 1
        slot.pending += 1
        slot.last = commit
        self._weigh(slot, state)

    def succeeded(self, slot: Slot, state: ThreadState) -> None:
        """Its commit is durable; those before it are, too."""
        slot.pending -= 1
        if slot.failure is None:
            slot.durable = state
        elif not slot.pending:
            self._drop(slot)

    def failed(self, slot: Slot, failure: BaseException) -> None:
        """Its commit is not durable, or nobody knows: whatever builds on it must not be used."""
        slot.pending -= 1
        slot.failure = slot.failure or failure
        slot.state = slot.durable = None
        if not slot.pending:
            self._drop(slot)

    def forget(self, topic: str, thread_id: str) -> None:
        """The store has no such thread any more."""
        slot = self._slots.get((topic, thread_id))
        if slot is not None and slot.is_idle:
            self._drop(slot)

    def forget_topic(self, topic: str) -> None:
        """The store has no threads of that topic any more."""
        for _, thread_id in [key for key in self._slots if key[0] == topic]:
            self.forget(topic, thread_id)

    async def _load(self, key: _Key) -> Slot | None:
        # Others wait for this slot meanwhile: nobody writes the thread while it is read.
        slot = self._slots[key] = Slot(key)
        try:
            stored = await self._records.thread(*key)
            if stored is None:
                return None
            slot.state = slot.durable = stored.state
            slot.revision = stored.revision
            self._weigh(slot, stored.state)
            self._make_room(slot)
        finally:
            if slot.state is None:
                self._drop(slot)
            slot.end()
        return slot

    def _weigh(self, slot: Slot, state: ThreadState) -> None:
        weight = 1 + len(state.thread.participants)
        self._weight += weight - slot.weight
        slot.weight = weight

    def _make_room(self, new: Slot) -> None:
        while self._weight > self._capacity:
            oldest = islice(self._slots.values(), _LOOKED_AT)
            idle = next((each for each in oldest if each is not new and each.is_idle), None)
            if idle is None:
                return
            self._drop(idle)

    def _drop(self, slot: Slot) -> None:
        if self._slots.get(slot.key) is slot:
            del self._slots[slot.key]
        self._weight -= slot.weight
        slot.weight = 0
        slot.end()
