"""Are the tokens of a user in force? Whoever called a moment ago need not be looked up again."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from switchhook.communication.identity.store import USERS, IdentityRecords, user_key
from switchhook.grid.ports import Batch, Change, Delete, Put
from switchhook.grid.publish import CommitEvents

# So many users are known, by a few hundred bytes each.
CAPACITY = 4096


class KnownUsers:
    """The users who were looked up last, by what their tokens must name.

    Every commit of users has to come this way: whom it changes is not known until it has ended.
    """

    def __init__(
        self, records: IdentityRecords, commit: CommitEvents, *, capacity: int = CAPACITY
    ) -> None:
        self._records = records
        self._commit = commit
        self._capacity = capacity
        self._generations: OrderedDict[str, str] = OrderedDict()
        self._commits_under_way = 0
        self._commits_begun = 0

    async def generation(self, topic: str, raw_id: str) -> str | None:
        """The generation of the user's tokens that is in force; None where there is no user."""
        key = user_key(topic, raw_id)
        known = self._generations.get(key)
        if known is not None:
            return known
        # What is read while a commit is under way, at any moment of it, may be from before it.
        is_quiet, begun = not self._commits_under_way, self._commits_begun
        found = await self._records.user(topic, raw_id)
        if found is None:
            return None
        if is_quiet and self._commits_begun == begun:
            self._generations[key] = found.user.generation
            if len(self._generations) > self._capacity:
                self._generations.popitem(last=False)
        return found.user.generation

    async def commit(self, changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        """The `CommitEvents` of Identity."""
        keys = [
            change.key
            for change in changes
            if isinstance(change, Put | Delete) and change.collection == USERS
        ]
        if not keys:
            return await self._commit(changes, batches)
        # A task of its own: it goes on when the caller is gone, and only its end is the end.
        task = asyncio.get_running_loop().create_task(self._commit_users(keys, changes, batches))
        task.add_done_callback(_take_note)
        return await asyncio.shield(task)

    async def _commit_users(
        self, keys: Sequence[str], changes: Sequence[Change], batches: Sequence[Batch]
    ) -> int:
        self._commits_under_way += 1
        self._commits_begun += 1
        for key in keys:
            self._generations.pop(key, None)
        try:
            return await self._commit(changes, batches)
        finally:
            self._commits_under_way -= 1


def _take_note(task: "asyncio.Task[int]") -> None:
    if not task.cancelled():
        task.exception()  # there may be nobody else to hear of it
