"""What does each request do to a thread, and what has to be read before?"""

from collections.abc import Awaitable, Callable

from switchhook.clock import Clock
from switchhook.communication.chat import messages, participants, receipts, threads
from switchhook.communication.chat.actions import Plan, Prepare, Rule
from switchhook.communication.chat.create import Users
from switchhook.communication.chat.model import Message
from switchhook.communication.chat.permissions import Action, check_participant, check_scope
from switchhook.communication.chat.rate_limits import RateLimits
from switchhook.communication.chat.requests import (
    NewParticipant,
    SendMessage,
    UpdateMessage,
    UpdateThread,
)
from switchhook.communication.chat.state import Step, ThreadState
from switchhook.communication.chat.store import ChatRecords
from switchhook.communication.identity.caller import Caller

# A rule of the pure modules: the state and the instant to the step.
_StepRule = Callable[[ThreadState, int], Step]
_MessageRule = Callable[[ThreadState, Message, int], Step]


class Plans:
    """Prepares what a caller asks of one thread, for `ThreadActions.act`.

    Every method raises RequestError 403 where the scopes of the token do not allow it. A request
    that is allowed counts for the rate limits, once.
    """

    def __init__(
        self, *, records: ChatRecords, clock: Clock, users: Users, limits: RateLimits
    ) -> None:
        self._records = records
        self._clock = clock
        self._users = users
        self._limits = limits

    def update_thread(self, caller: Caller, thread_id: str, request: UpdateThread) -> Prepare:
        """Change properties."""
        return self._simple(
            caller,
            Action.UPDATE_THREAD,
            thread_id,
            lambda state, now: threads.update(state, caller.raw_id, request, now),
        )

    def delete_thread(self, caller: Caller, thread_id: str) -> Prepare:
        """Delete the thread."""
        return self._simple(
            caller,
            Action.DELETE_THREAD,
            thread_id,
            lambda state, now: threads.delete(state, caller.raw_id, now),
        )

    def remove_participant(self, caller: Caller, thread_id: str, raw_id: str) -> Prepare:
        """Remove a participant, or leave."""
        return self._simple(
            caller,
            Action.REMOVE_PARTICIPANT,
            thread_id,
            lambda state, now: participants.remove(state, caller.raw_id, raw_id, now),
        )

    def send_message(self, caller: Caller, thread_id: str, request: SendMessage) -> Prepare:
        """Send a message."""
        return self._simple(
            caller,
            Action.SEND_MESSAGE,
            thread_id,
            lambda state, now: messages.send(state, caller.raw_id, request, now),
        )

    def add_participants(
        self, caller: Caller, thread_id: str, new: tuple[NewParticipant, ...], rejected: list[str]
    ) -> Prepare:
        """Add users; `rejected` is filled with those who cannot take part."""

        async def read() -> Callable[[ThreadState, int], Plan]:
            raw_ids = tuple(dict.fromkeys(each.raw_id for each in new))
            known = await self._users.exist(caller.resource, raw_ids)
            rejected[:] = [each for each in raw_ids if each not in known]
            added = [each for each in new if each.raw_id in known]
            return lambda state, now: Plan(step=participants.add(state, caller.raw_id, added, now))

        return self._prepared(caller, Action.ADD_PARTICIPANTS, thread_id, read)

    def update_message(
        self, caller: Caller, thread_id: str, message_id: int, request: UpdateMessage
    ) -> Prepare:
        """Change a message."""

        def edit(state: ThreadState, message: Message, now: int) -> Step:
            return messages.edit(state, message, caller.raw_id, request, now)

        return self._rewrite(caller, Action.UPDATE_MESSAGE, thread_id, message_id, edit)

    def delete_message(self, caller: Caller, thread_id: str, message_id: int) -> Prepare:
        """Delete a message."""

        def delete(state: ThreadState, message: Message, now: int) -> Step:
            return messages.delete(state, message, caller.raw_id, now)

        return self._rewrite(caller, Action.DELETE_MESSAGE, thread_id, message_id, delete)

    def send_read_receipt(self, caller: Caller, thread_id: str, message_id: int) -> Prepare:
        """Note up to where the caller has read."""
        topic, raw_id = caller.resource.topic, caller.raw_id

        async def read() -> Callable[[ThreadState, int], Plan]:
            stored = await self._records.message(topic, thread_id, message_id)
            before = await self._records.receipt(topic, thread_id, raw_id)
            previous, revision = (before.receipt, before.revision) if before else (None, 0)

            def plan(state: ThreadState, now: int) -> Plan:
                check_participant(state, raw_id)
                if stored is None:
                    raise messages.not_found(message_id)
                step = receipts.read(state, stored.message, raw_id, now, previous)
                return Plan(step=step, rewrites=revision)

            return plan

        return self._prepared(caller, Action.SEND_READ_RECEIPT, thread_id, read)

    def _rewrite(
        self,
        caller: Caller,
        action: Action,
        thread_id: str,
        message_id: int,
        rule: _MessageRule,
    ) -> Prepare:
        async def read() -> Callable[[ThreadState, int], Plan]:
            topic = caller.resource.topic
            stored = await self._records.message(topic, thread_id, message_id)

            def plan(state: ThreadState, now: int) -> Plan:
                check_participant(state, caller.raw_id)
                if stored is None:
                    raise messages.not_found(message_id)
                step = rule(state, stored.message, now)
                return Plan(step=step, rewrites=stored.revision)

            return plan

        return self._prepared(caller, action, thread_id, read)

    def _simple(self, caller: Caller, action: Action, thread_id: str, rule: _StepRule) -> Prepare:
        async def read() -> Callable[[ThreadState, int], Plan]:
            return lambda state, now: Plan(step=rule(state, now))

        return self._prepared(caller, action, thread_id, read)

    def _prepared(
        self,
        caller: Caller,
        action: Action,
        thread_id: str,
        read: Callable[[], Awaitable[Callable[[ThreadState, int], Plan]]],
    ) -> Prepare:
        check_scope(caller, action)
        has_counted = False

        async def prepare() -> Rule:
            plan_at = await read()

            def rule(state: ThreadState) -> Plan:
                nonlocal has_counted
                plan = plan_at(state, self._clock.now())
                if not has_counted:
                    self._limits.check(caller, action, thread_id)
                    has_counted = True
                return plan

            return rule

        return prepare
