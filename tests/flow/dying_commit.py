"""A process that dies while it commits."""

from collections.abc import Sequence

from switchhook.errors import CommitUnknownError
from switchhook.grid.ports import Batch, Change
from switchhook.stores.memory import MemoryStore


class DyingCommit:
    """Commits until the process dies: at commit number `last`, before or after it is durable."""

    def __init__(self, store: MemoryStore, last: int, *, is_durable: bool) -> None:
        self._store = store
        self._left = last
        self._is_durable = is_durable

    @property
    def is_dead(self) -> bool:
        """Whether the process has died."""
        return self._left < 0

    async def __call__(self, changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        self._left -= 1
        if self._left > 0:
            return await self._store.commit(changes, batches)
        if self._left == 0 and self._is_durable:
            await self._store.commit(changes, batches)
        self._left = -1
        raise CommitUnknownError("the process died")
