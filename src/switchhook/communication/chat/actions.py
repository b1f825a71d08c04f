"""How does an action on a thread become durable?

The rule is applied to the newest state; the state it leaves, its messages and its events go into
one commit. Nothing is acknowledged, refused or pushed to real time because of a state that did not
become durable.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from switchhook.clock import Clock
from switchhook.communication.chat.events import parts_of
from switchhook.communication.chat.happenings import Happening
from switchhook.communication.chat.state import Step, ThreadState
from switchhook.communication.chat.thread_cache import Slot, ThreadCache, Turn
from switchhook.communication.chat.threads import check_open, thread_not_found
from switchhook.communication.chat.writes import Writes, writes_of
from switchhook.communication.due_work import BACK_OFF
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import ConflictError, RequestError, StoreError, StoreFullError
from switchhook.grid.ports import Batch
from switchhook.grid.publish import CommitEvents, batch_of
from switchhook.guids import NewGuid

_log = logging.getLogger(__name__)

# How often an action is repeated that met a change which it did not know of. Each time another one
# has got through, so that this many are met under a load only that nobody can serve.
MAX_REPETITIONS = 100


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A step, and the revision of the message or receipt that it rewrites.

    0 where there must be none; None where what is written is new by its id.
    """

    step: Step
    rewrites: int | None = None


# What an action does to an open thread; pure. It raises what it refuses.
Rule = Callable[[ThreadState], Plan]
# Reads what the rule needs besides the thread; called again for each repetition.
Prepare = Callable[[], Awaitable[Rule]]
Push = Callable[[CommunicationResource, Happening], None]


class ThreadActions:
    """Applies rules to threads, and makes durable what they come to.

    `expect` hears when something will happen because of a commit.
    """

    def __init__(
        self,
        *,
        cache: ThreadCache,
        commit: CommitEvents,
        clock: Clock,
        new_guid: NewGuid,
        push: Push,
        expect: Callable[[int | None], None],
    ) -> None:
        self._cache = cache
        self._commit = commit
        self._clock = clock
        self._new_guid = new_guid
        self._push = push
        self._expect = expect
        self._commits: set[asyncio.Task[None]] = set()

    async def act(self, resource: CommunicationResource, thread_id: str, prepare: Prepare) -> Step:
        """What the rule comes to, once it is durable.

        Raises:
            RequestError: 404, no such thread; and what the rule refuses.
            StoreError: it was not done, or nobody knows.
        """
        for _ in range(MAX_REPETITIONS):
            rule = await prepare()
            slot = await self._cache.slot(resource.topic, thread_id)
            if slot is None:
                raise thread_not_found()
            # From here until the commit is submitted nothing is awaited: the state is the newest.
            try:
                plan = rule(check_open(slot.state))
            except RequestError:
                if await slot.stands():
                    raise
                continue
            if _changes_nothing(slot, plan.step):
                if await slot.stands():
                    return plan.step
                continue
            if await self._is_written(resource, slot, plan):
                return plan.step
        raise StoreError("the thread changes too fast")

    async def begin(self, resource: CommunicationResource, step: Step, writes: Writes) -> None:
        """Make a new thread durable.

        Raises:
            ConflictError: a condition of `writes` does not hold.
            StoreError: it was not done, or nobody knows.
        """
        await asyncio.shield(self._submit(resource, step, writes))

    async def tell(self, resource: CommunicationResource, happening: Happening) -> None:
        """Publish and push what leaves no trace in a thread.

        Raises:
            StoreError: its events were not published.
        """
        batches = await self._batches(resource, happening)
        if batches:
            await self._commit((), batches)
        self._push_safely(resource, happening)

    async def _is_written(self, resource: CommunicationResource, slot: Slot, plan: Plan) -> bool:
        writes = writes_of(
            resource.topic,
            slot.state,
            plan.step,
            revision=slot.revision,
            rewrites=plan.rewrites,
        )
        commit = self._submit(resource, plan.step, writes, slot)
        self._cache.submitted(slot, plan.step.state, commit)
        try:
            # Who asked may go away; the outcome must be learnt, and told, all the same.
            await asyncio.shield(commit)
        except ConflictError:
            # What this one built on found no room: neither would this one, and those after it.
            if isinstance(slot.failure, StoreFullError):
                raise StoreFullError(str(slot.failure)) from slot.failure
            return False
        return True

    def _submit(
        self,
        resource: CommunicationResource,
        step: Step,
        writes: Writes,
        slot: Slot | None = None,
    ) -> asyncio.Task[None]:
        """Begin a commit; those of a thread reach the store in the order in which they begin."""
        turn = slot.queue_up() if slot is not None else None
        work = self._make_durable(resource, step, writes, slot, turn)
        commit = asyncio.get_running_loop().create_task(work)
        self._commits.add(commit)
        commit.add_done_callback(self._ended)
        return commit

    async def _make_durable(
        self,
        resource: CommunicationResource,
        step: Step,
        writes: Writes,
        slot: Slot | None,
        turn: Turn | None,
    ) -> None:
        try:
            batches = await self._batches(resource, step.happening)
            if turn is not None:
                await turn.has_come()
                turn.is_over()
            await self._commit(writes.changes, batches)
        except BaseException as failure:
            if turn is not None:
                turn.is_over()
            if slot is not None:
                self._cache.failed(slot, failure)
            if writes.first_due is not None:
                # It may be durable all the same. Not at once: what is due may be what fails.
                self._expect(max(writes.first_due, self._clock.now() + BACK_OFF))
            raise
        self._expect(writes.first_due)
        if slot is not None:
            self._cache.succeeded(slot, step.state)
        if step.happening is not None:
            self._push_safely(resource, step.happening)

    async def _batches(
        self, resource: CommunicationResource, happening: Happening | None
    ) -> Sequence[Batch]:
        """The events of a happening; between two parts of many, others have their turn."""
        batches: list[Batch] = []
        if happening is not None:
            now = self._clock.now()
            for events in parts_of(happening, resource, self._new_guid):
                if batches:
                    await asyncio.sleep(0)
                batches.append(batch_of(resource.topic, events, now))
        return batches

    def _push_safely(self, resource: CommunicationResource, happening: Happening) -> None:
        try:
            self._push(resource, happening)
        except Exception:  # noqa: BLE001 - it is durable: browsers must not undo that
            _log.exception("chat.push_failed")

    def _ended(self, commit: asyncio.Task[None]) -> None:
        self._commits.discard(commit)
        if not commit.cancelled():
            commit.exception()  # nobody else asks where the client has gone away


def _changes_nothing(slot: Slot, step: Step) -> bool:
    return step.state is slot.state and not step.messages and not step.receipts
