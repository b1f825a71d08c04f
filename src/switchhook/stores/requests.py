"""What is a commit while it waits for its group, and how does its caller learn the outcome?"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from switchhook.errors import StoreFullError
from switchhook.grid.ports import HASH_BYTES, Batch, Change

_log = logging.getLogger(__name__)


class CommitRequest:
    """One call of `commit`: what was asked for, and then `first` or `error`."""

    __slots__ = ("batches", "changes", "count", "ended", "error", "first", "on_durable", "size")

    def __init__(
        self,
        changes: Sequence[Change],
        batches: Sequence[Batch],
        on_durable: Callable[[int], None] | None,
        ended: Callable[[Exception | None], None],
    ) -> None:
        self.count = self.size = 0
        for batch in batches:  # mostly one: a loop is the fastest
            count, hashes = batch.count, batch.id_hashes
            if count < 1 or (hashes and len(hashes) != HASH_BYTES * count):
                raise _malformed(batch)
            self.count += count
            self.size += len(batch.body)
        self.changes = changes
        self.batches = batches
        self.on_durable = on_durable
        self.ended = ended
        self.first = 0
        self.error: Exception | None = None


def _malformed(batch: Batch) -> ValueError:
    if batch.count < 1:
        return ValueError("a batch has at least one event: each needs a position of its own")
    return ValueError("a batch has one hash for each of its events, or none at all")


def refuse_over_cap(size: int, added: int, max_bytes: int) -> None:
    """Refuse events that would take the log over its cap; changes alone are never refused here."""
    if added and size + added > max_bytes:
        raise StoreFullError(
            f"the event log is full: {size} of at most {max_bytes} bytes are in use"
        )


def finish(requests: Iterable[CommitRequest]) -> None:
    """Tell the callers, in order: first every `on_durable`, then who waits for the end."""
    # They must not raise. If one does all the same, the commits of others must not suffer.
    for request in requests:
        if request.error is None and request.on_durable is not None:
            try:
                request.on_durable(request.first)
            except Exception:  # noqa: BLE001 - logged, with its traceback
                _log_untold(request)
    for request in requests:
        # Its traceback leads to the group: kept here, it would keep all their events with it.
        error, request.error = request.error, None
        try:
            request.ended(error)
        except Exception:  # noqa: BLE001 - logged, with its traceback
            _log_untold(request)


def _log_untold(request: CommitRequest) -> None:
    _log.exception("commit.not_told", extra={"position": request.first})


class SubmitCommits(Protocol):
    """The part of `grid.ports.Commit` that the other one is made of."""

    def submit(
        self,
        changes: Sequence[Change],
        batches: Sequence[Batch],
        on_durable: Callable[[int], None] | None,
        ended: Callable[[Exception | None], None],
    ) -> None:
        """See the port."""


async def commit(
    store: SubmitCommits,
    changes: Sequence[Change],
    batches: Sequence[Batch],
    on_durable: Callable[[int], None] | None,
) -> int:
    """The `commit` of a store that can `submit`; a caller that is cancelled takes nothing back."""
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    position = 0

    def durable(first: int) -> None:
        nonlocal position
        position = first
        if on_durable is not None:
            on_durable(first)

    def ended(error: Exception | None) -> None:
        if done.done():  # the task that awaits it was cancelled
            return
        if error is None:
            done.set_result(position)
        else:
            done.set_exception(error)

    store.submit(changes, batches, durable, ended)
    try:
        return await done
    except Exception:
        del done  # whose error leads to here
        raise
