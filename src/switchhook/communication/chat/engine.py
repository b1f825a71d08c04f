"""The chat engine: what the API's routes ask of chat."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from switchhook.clock import SECOND, Clock
from switchhook.communication.chat import messages, receipts, threads, typing
from switchhook.communication.chat.actions import Prepare, Push, ThreadActions
from switchhook.communication.chat.create import ThreadCreation, Users
from switchhook.communication.chat.due import ChatDue, user_gone
from switchhook.communication.chat.listing import message_page, thread_page
from switchhook.communication.chat.model import Message, Participant, ReadReceipt, Thread
from switchhook.communication.chat.permissions import Action, check_participant, check_scope
from switchhook.communication.chat.plans import Plans
from switchhook.communication.chat.rate_limits import RateLimits
from switchhook.communication.chat.requests import (
    CreateThread,
    NewParticipant,
    PageRequest,
    SendMessage,
    SkipRequest,
    UpdateMessage,
    UpdateThread,
)
from switchhook.communication.chat.state import Step, ThreadItem, ThreadState
from switchhook.communication.chat.store import DUE, KEPT, ChatRecords
from switchhook.communication.chat.thread_cache import ThreadCache
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.due_work import DueWork
from switchhook.communication.identity.caller import Caller
from switchhook.communication.records import FORGET_LIMIT, forget
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError
from switchhook.grid.ports import Change, Record, Records
from switchhook.grid.publish import CommitEvents
from switchhook.guids import NewGuid

T = TypeVar("T")


def _push_nowhere(resource: CommunicationResource, happening: object) -> None:
    return None


class ChatEngine:
    """Threads, participants and messages of every resource.

    Whatever it answers is durable, and each change is one commit with the events it causes. Every
    method raises RequestError (403: the token's scopes, or no participant; 404: no such thread or
    message; 400) or StoreError.
    """

    def __init__(
        self,
        *,
        store: Records,
        commit: CommitEvents,
        clock: Clock,
        directory: CommunicationDirectory,
        users: Users,
        new_guid: NewGuid,
        random_bytes: Callable[[int], bytes],
        push: Push = _push_nowhere,
        limits: RateLimits | None = None,
    ) -> None:
        """`push` tells browsers what has happened; without `limits` nobody asks too often."""
        self._records = ChatRecords(store)
        self._store = store
        self._commit = commit
        self._clock = clock
        self._limits = RateLimits.off() if limits is None else limits
        self._cache = ThreadCache(self._records)
        # Resumed once the directory is complete.
        self.due_work = DueWork(DUE, records=store, clock=clock, work=self._do_due)
        self._actions = ThreadActions(
            cache=self._cache,
            commit=commit,
            clock=clock,
            new_guid=new_guid,
            push=push,
            expect=self.due_work.expect,
        )
        self._plans = Plans(records=self._records, clock=clock, users=users, limits=self._limits)
        self._creation = ThreadCreation(
            records=self._records,
            actions=self._actions,
            clock=clock,
            users=users,
            random_bytes=random_bytes,
        )
        self._due = ChatDue(
            records=self._records,
            commit=commit,
            clock=clock,
            directory=directory,
            users=users,
            cache=self._cache,
            actions=self._actions,
        )

    @property
    def throttled(self) -> int:
        """How many requests were refused because of a rate limit."""
        return self._limits.refused

    # --- threads ---

    async def create_thread(
        self, caller: Caller, request: CreateThread, repeatability_id: str | None
    ) -> tuple[Thread, tuple[str, ...]]:
        """A new thread, and who of the request cannot take part.

        The same repeatability id of the same user answers the same thread, as it is now.
        """
        check_scope(caller, Action.CREATE_THREAD)
        self._limits.check(caller, Action.CREATE_THREAD)
        return await self._creation.create(caller, request, repeatability_id)

    async def threads(self, caller: Caller, page: PageRequest) -> tuple[list[ThreadItem], str]:
        """The caller's threads, those created last first, and the next page's token ("": none)."""
        check_scope(caller, Action.LIST_THREADS)
        self._limits.check(caller, Action.LIST_THREADS)
        return await thread_page(self._records, caller.resource.topic, caller.raw_id, page)

    async def thread(self, caller: Caller, thread_id: str) -> Thread:
        """A thread's properties."""
        check_scope(caller, Action.GET_THREAD)
        state = await self._state(caller, thread_id)
        is_participant = state.thread.participant(caller.raw_id) is not None
        if not (threads.TELLS_OF_DELETED and is_participant):
            check_participant(threads.check_open(state), caller.raw_id)
        self._limits.check(caller, Action.GET_THREAD, thread_id)
        return state.thread

    async def update_thread(self, caller: Caller, thread_id: str, request: UpdateThread) -> None:
        """Change a thread's topic, metadata or retention policy."""
        await self._act(caller, thread_id, self._plans.update_thread(caller, thread_id, request))

    async def delete_thread(self, caller: Caller, thread_id: str) -> None:
        """Delete a thread for everybody; doing so again changes nothing.

        That succeeds, too: the end-to-end tests of azure-communication-chat rely on it.
        """
        plan = self._plans.delete_thread(caller, thread_id)
        try:
            await self._act(caller, thread_id, plan)
        except RequestError:
            if not threads.was_deleted(await self._state(caller, thread_id), caller.raw_id):
                raise

    # --- participants ---

    async def participants(
        self, caller: Caller, thread_id: str, page: SkipRequest
    ) -> tuple[list[Participant], bool]:
        """A thread's participants in the order in which they joined, and whether more follow."""
        state, _ = await self._allowed(caller, Action.LIST_PARTICIPANTS, thread_id)
        return _part(state.thread.participants, page)

    async def add_participants(
        self, caller: Caller, thread_id: str, new: tuple[NewParticipant, ...]
    ) -> tuple[str, ...]:
        """Add users to a thread; answer who cannot take part."""
        # Strangers must not learn from it which users there are.
        await self._open(caller, Action.ADD_PARTICIPANTS, thread_id)
        rejected: list[str] = []
        plan = self._plans.add_participants(caller, thread_id, new, rejected)
        await self._act(caller, thread_id, plan)
        return tuple(rejected)

    async def remove_participant(self, caller: Caller, thread_id: str, raw_id: str) -> None:
        """Remove a participant, or leave."""
        plan = self._plans.remove_participant(caller, thread_id, raw_id)
        await self._act(caller, thread_id, plan)

    # --- messages ---

    async def send_message(self, caller: Caller, thread_id: str, request: SendMessage) -> Message:
        """Send a message to a thread."""
        plan = self._plans.send_message(caller, thread_id, request)
        return (await self._act(caller, thread_id, plan)).messages[0]

    async def messages(
        self, caller: Caller, thread_id: str, page: PageRequest
    ) -> tuple[list[Message], str]:
        """Messages that the caller may see, newest first, and the next page's token ("": none)."""
        _, participant = await self._allowed(caller, Action.LIST_MESSAGES, thread_id)
        topic = caller.resource.topic
        return await message_page(self._records, topic, thread_id, participant, page)

    async def message(self, caller: Caller, thread_id: str, message_id: int) -> Message:
        """A message that the caller may see."""
        _, participant = await self._allowed(caller, Action.GET_MESSAGE, thread_id)
        stored = await self._records.message(caller.resource.topic, thread_id, message_id)
        if stored is None:
            raise messages.not_found(message_id)
        messages.check_visible(participant, stored.message)
        return stored.message

    async def update_message(
        self, caller: Caller, thread_id: str, message_id: int, request: UpdateMessage
    ) -> None:
        """Change a message of the caller's own."""
        plan = self._plans.update_message(caller, thread_id, message_id, request)
        await self._act(caller, thread_id, plan)

    async def delete_message(self, caller: Caller, thread_id: str, message_id: int) -> None:
        """Delete a message of the caller's own."""
        plan = self._plans.delete_message(caller, thread_id, message_id)
        await self._act(caller, thread_id, plan)

    # --- typing and receipts ---

    async def send_typing(self, caller: Caller, thread_id: str, display_name: str | None) -> None:
        """Tell the others that the caller is typing."""
        state, _ = await self._allowed(caller, Action.SEND_TYPING, thread_id)
        step = typing.type_(state, caller.raw_id, display_name, self._clock.now())
        if step.happening is not None:
            await self._actions.tell(caller.resource, step.happening)

    async def send_read_receipt(self, caller: Caller, thread_id: str, message_id: int) -> None:
        """Note that the caller has read up to a message."""
        plan = self._plans.send_read_receipt(caller, thread_id, message_id)
        await self._act(caller, thread_id, plan)

    async def read_receipts(
        self, caller: Caller, thread_id: str, page: SkipRequest
    ) -> tuple[list[ReadReceipt], bool]:
        """The latest receipt of each participant, and whether more follow."""
        state, _ = await self._allowed(caller, Action.LIST_READ_RECEIPTS, thread_id)
        if not receipts.are_supported(state.thread):
            return [], False
        return _part(await self._records.receipts(caller.resource.topic, thread_id), page)

    # --- what others ask ---

    def user_deleted_changes(
        self, resource: CommunicationResource, raw_id: str, now: int
    ) -> list[Change]:
        """The changes by which a user who is deleted leaves all threads, for the same commit.

        After the commit, `due_work.expect(now)` begins with it at once.
        """
        # Whoever forgets that is helped a little later.
        self.due_work.expect(now + SECOND)
        return [user_gone(resource.topic, raw_id, now)]

    async def forget(self, topic: str) -> None:
        """Delete what a deleted resource left; `topic` is the incarnation of its system topic."""
        # First: what is due for threads that are created from now on has to stay.
        async for due in self._records.due_of(topic, FORGET_LIMIT):
            if due:
                await self._commit(due, ())
            await asyncio.sleep(0)
        await forget(self._store, self._commit, KEPT, topic)
        self._cache.forget_topic(topic)

    # --- how ---

    async def _act(self, caller: Caller, thread_id: str, plan: Prepare) -> Step:
        return await self._actions.act(caller.resource, thread_id, plan)

    async def _open(
        self, caller: Caller, action: Action, thread_id: str
    ) -> tuple[ThreadState, Participant]:
        """A thread as the store has it, and the caller's part in it."""
        check_scope(caller, action)
        state = threads.check_open(await self._state(caller, thread_id))
        return state, check_participant(state, caller.raw_id)

    async def _allowed(
        self, caller: Caller, action: Action, thread_id: str
    ) -> tuple[ThreadState, Participant]:
        """The same, and the request counts for the rate limits."""
        found = await self._open(caller, action, thread_id)
        self._limits.check(caller, action, thread_id)
        return found

    async def _state(self, caller: Caller, thread_id: str) -> ThreadState:
        slot = await self._cache.slot(caller.resource.topic, thread_id)
        if slot is None or slot.durable is None:
            raise threads.thread_not_found()
        return slot.durable

    async def _do_due(self, due: Sequence[Record], now: int) -> None:
        await self._due.do(due, now)


def _part(rows: Sequence[T], page: SkipRequest) -> tuple[list[T], bool]:
    end = page.skip + page.size
    return list(rows[page.skip : end]), len(rows) > end
