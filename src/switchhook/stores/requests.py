"""What is a commit while it waits for its group, and how does its caller learn the outcome?"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from switchhook.errors import StoreFullError
from switchhook.grid.ports import HASH_BYTES, Batch, Change

_log = logging.getLogger(__name__)


class CommitRequest:
    """One call of `commit`: what was asked for, and then `first` or `error`."""

    __slots__ = ("batches", "changes", "count", "error", "first", "future", "on_durable", "size")

    def __init__(
        self,
        changes: Sequence[Change],
        batches: Sequence[Batch],
        on_durable: Callable[[int], None] | None,
    ) -> None:
        self.count = self.size = 0
        for batch in batches:  # mostly one: a loop is the fastest
            _check(batch)
            self.count += batch.count
            self.size += len(batch.body)
        self.changes = changes
        self.batches = batches
        self.on_durable = on_durable
        self.future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.first = 0
        self.error: Exception | None = None


def _check(batch: Batch) -> None:
    if batch.count < 1:
        raise ValueError("a batch has at least one event: each needs a position of its own")
    if batch.id_hashes and len(batch.id_hashes) != HASH_BYTES * batch.count:
        raise ValueError("a batch has one hash for each of its events, or none at all")


def refuse_over_cap(size: int, added: int, max_bytes: int) -> None:
    """Refuse events that would take the log over its cap; changes alone are never refused here."""
    if added and size + added > max_bytes:
        raise StoreFullError(
            f"the event log is full: {size} of at most {max_bytes} bytes are in use"
        )


def finish(requests: Iterable[CommitRequest]) -> None:
    """Tell the callers, in order: first every `on_durable`, then every awaiting task."""
    for request in requests:
        if request.error is None and request.on_durable is not None:
            _call(request.on_durable, request.first)
    for request in requests:
        if request.future.done():  # the task that awaited it was cancelled
            continue
        if request.error is None:
            request.future.set_result(request.first)
        else:
            request.future.set_exception(request.error)


def _call(on_durable: Callable[[int], None], first: int) -> None:
    # It must not raise. If it does all the same, the commits of other callers must not suffer.
    try:
        on_durable(first)
    except Exception:  # noqa: BLE001 - logged, with its traceback
        _log.exception("commit.on_durable_failed", extra={"position": first})
