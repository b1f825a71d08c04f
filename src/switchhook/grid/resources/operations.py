"""What became of a long-running operation?"""

import asyncio
from collections.abc import Callable
from enum import StrEnum

import msgspec

from switchhook.background import Rest, rest_uncounted
from switchhook.clock import MINUTE, Clock

KEPT_FOR = 60 * MINUTE  # clients poll within seconds; ten minutes would do


class OperationStatus(StrEnum):
    """The states that ARM's pollers know."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class Operation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One operation; `code` and `message` say why it failed."""

    id: str
    status: OperationStatus
    started_at: int
    code: str = ""
    message: str = ""


class Operations:
    """The operations of this run. A handshake that a restart repeats keeps its operation's id."""

    def __init__(self, *, clock: Clock, new_id: Callable[[], str]) -> None:
        self._clock = clock
        self._new_id = new_id
        self._operations: dict[str, Operation] = {}
        self._ends: dict[str, asyncio.Future[None]] = {}

    def start(self, operation_id: str | None = None) -> str:
        """Begin an operation and answer its id."""
        key = self._record(operation_id or self._new_id(), OperationStatus.IN_PROGRESS)
        self._ends[key] = asyncio.get_running_loop().create_future()
        return key

    def succeeded(self, operation_id: str | None = None) -> str:
        """An operation that is done; the id of a new one unless one is given."""
        return self._record(operation_id or self._new_id(), OperationStatus.SUCCEEDED)

    def failed(self, operation_id: str, code: str, message: str) -> str:
        """The operation ends with an error."""
        return self._record(operation_id, OperationStatus.FAILED, code, message)

    def get(self, operation_id: str) -> Operation | None:
        """The operation, or None when nobody remembers it."""
        return self._operations.get(operation_id.lower())

    async def ended(self, operation_id: str, rest: Rest = rest_uncounted) -> None:
        """Wait until the operation is no longer in progress."""
        end = self._ends.get(operation_id.lower())
        if end is not None:
            await rest(end)

    def _record(
        self, operation_id: str, status: OperationStatus, code: str = "", message: str = ""
    ) -> str:
        self._forget_old()
        key = operation_id.lower()
        self._operations.pop(key, None)  # so that insertion order is the order of time
        self._operations[key] = Operation(
            id=key, status=status, started_at=self._clock.now(), code=code, message=message
        )
        if status is not OperationStatus.IN_PROGRESS:
            end = self._ends.pop(key, None)
            if end is not None:
                end.set_result(None)
        return key

    def _forget_old(self) -> None:
        limit = self._clock.now() - KEPT_FOR
        while self._operations:
            oldest = next(iter(self._operations.values()))
            if oldest.started_at > limit or oldest.status is OperationStatus.IN_PROGRESS:
                return
            del self._operations[oldest.id]
