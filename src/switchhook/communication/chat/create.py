"""How does a thread come into being?"""

from collections.abc import Callable, Sequence
from typing import Protocol

from switchhook.clock import Clock
from switchhook.communication.chat import threads
from switchhook.communication.chat.actions import MAX_REPETITIONS, ThreadActions
from switchhook.communication.chat.ids import new_thread_id
from switchhook.communication.chat.model import Thread
from switchhook.communication.chat.requests import CreateThread
from switchhook.communication.chat.store import (
    REPEATABILITY,
    REPEATABILITY_RETENTION,
    ChatRecords,
    CreatedOnce,
    RepeatabilityDue,
    repeatability_key,
)
from switchhook.communication.chat.writes import writes_of
from switchhook.communication.identity.caller import Caller
from switchhook.communication.records import put
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import ConflictError, StoreError


class Users(Protocol):
    """Knows the users of resources."""

    async def exist(
        self, resource: CommunicationResource, raw_ids: Sequence[str]
    ) -> frozenset[str]:
        """Which of them may take part in a thread of this resource."""


class ThreadCreation:
    """Creates threads; once for each repeatability id of a user."""

    def __init__(
        self,
        *,
        records: ChatRecords,
        actions: ThreadActions,
        clock: Clock,
        users: Users,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._records = records
        self._actions = actions
        self._clock = clock
        self._users = users
        self._random_bytes = random_bytes

    async def create(
        self, caller: Caller, request: CreateThread, repeatability_id: str | None
    ) -> tuple[Thread, tuple[str, ...]]:
        """A thread that is durable, and who of the request cannot take part.

        Raises:
            RequestError: 400.
            StoreError: no thread was created, or nobody knows.
        """
        topic, raw_id = caller.resource.topic, caller.raw_id
        once_key = repeatability_key(topic, raw_id, repeatability_id) if repeatability_id else None
        # Few requests are repetitions: the commit finds them, and only then are they looked up.
        for _ in range(MAX_REPETITIONS):
            try:
                return await self._create(caller, request, once_key)
            except ConflictError:
                found = await self._find(topic, once_key)
                if found is not None:
                    return found
        raise StoreError("the repeatability id is used by too many at once")

    async def _create(
        self, caller: Caller, request: CreateThread, once_key: str | None
    ) -> tuple[Thread, tuple[str, ...]]:
        resource, creator = caller.resource, caller.raw_id
        asked = [each.raw_id for each in request.participants if each.raw_id != creator]
        others = tuple(dict.fromkeys(asked))
        known = await self._users.exist(resource, others) if others else frozenset[str]()
        rejected = tuple(each for each in others if each not in known)
        now = self._clock.now()
        thread_id = new_thread_id(resource.events.profile, self._random_bytes)
        step = threads.create(thread_id, creator, request, known, now)
        writes = writes_of(resource.topic, None, step, revision=0)
        if once_key is not None:
            once = CreatedOnce(thread_id=thread_id, rejected=rejected)
            writes.changes.append(put(REPEATABILITY, once_key, once, expected=0))
            due = RepeatabilityDue(key=once_key)
            writes.add_due(now + REPEATABILITY_RETENTION, f"once/{thread_id}", due)
        await self._actions.begin(resource, step, writes)
        return step.state.thread, rejected

    async def _find(
        self, topic: str, once_key: str | None
    ) -> tuple[Thread, tuple[str, ...]] | None:
        once = await self._records.created_once(once_key) if once_key else None
        if once is None:
            return None
        stored = await self._records.thread(topic, once.thread_id)
        if stored is None:
            raise threads.thread_not_found()
        return stored.state.thread, once.rejected
