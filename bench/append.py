"""T5, T12: what does the durable append path cost beside the disk's own limit?

The limit is a loop of `os.write` and `os.fdatasync` with the same bytes: to a file that grows, as
a log does, and, told for comparison, over a file that was filled and synced before.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvloop

from bench.bars import BARS
from bench.model import Result, WrongDeliveryError, judge
from bench.template import event_id, published
from switchhook.grid.events import EventSchema
from switchhook.grid.ports import Batch, Cursor, MoveWatermark, PutCursor, hash_of_id
from switchhook.stores.sqlite import SqliteStore

_LARGE = (100, 1_280)  # events of a batch, batches of a round: more than 110 MB and 6 checkpoints
_SMALL = (1, 4_000)
_SUBSCRIPTIONS = 100
_CHECKPOINT_SECONDS = 0.1  # `grid.checkpoint` writes cursors down so often
EVENT = published()


def batches(events: int, count: int) -> list[Batch]:
    """Batches of events, no two of them alike."""
    return [_batch(number * events, events) for number in range(count)]


def _batch(first: int, count: int) -> Batch:
    return Batch(
        topic="bench",
        schema=EventSchema.EVENT_GRID,
        published_at=1_767_225_600_000_000_000 + first,
        body=EVENT.array(first, count),
        count=count,
        id_hashes=b"".join(hash_of_id(event_id(number)) for number in range(first, first + count)),
    )


# --- the limit -----------------------------------------------------------------------------------


def bare_appends(file: Path, bodies: Sequence[bytes]) -> float:
    """Seconds in which bodies are written to a file and synced, one by one."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        started = time.perf_counter()
        for body in bodies:
            if os.write(descriptor, body) != len(body):
                raise OSError("the disk took a part of a body only")
            os.fdatasync(descriptor)
        return time.perf_counter() - started
    finally:
        os.close(descriptor)


def _fill(file: Path, bodies: Sequence[bytes]) -> None:
    with file.open("wb") as filled:
        for body in bodies:
            filled.write(bytes(len(body)))
        filled.flush()
        os.fsync(filled.fileno())


# --- the store -----------------------------------------------------------------------------------


class _Appending:
    """Commits the batches, `in_flight` at a time; `seconds` is what that took.

    With one in flight each has a sync of its own, and the next waits for the answer.
    """

    def __init__(self, store: SqliteStore, appended: Sequence[Batch], in_flight: int) -> None:
        self._store = store
        self._rest: Iterator[Batch] = iter(appended)
        self._open = in_flight
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.seconds = 0.0

    async def run(self) -> None:
        """Return when every batch is durable."""
        started = time.perf_counter()
        for _ in range(self._open):
            self._commit_next(None)
        await self._done
        self.seconds = time.perf_counter() - started

    def _commit_next(self, error: Exception | None) -> None:
        batch = next(self._rest, None)
        if self._done.done():
            return
        if error is not None:
            self._done.set_exception(error)
        elif batch is not None:
            self._store.submit((), (batch,), None, self._commit_next)
        else:
            self._open -= 1
            if not self._open:
                self._done.set_result(None)


async def _store_appends(
    folder: Path, appended: Sequence[Batch], *, in_flight: int = 1, cursors: int = 0
) -> float:
    async with SqliteStore.open(folder) as store:
        work = _Appending(store, appended, in_flight)
        lagging = asyncio.create_task(_move_cursors(store, cursors)) if cursors else None
        await work.run()
        if lagging is not None:
            lagging.cancel()
            await asyncio.gather(lagging, return_exceptions=True)
            await _move_all(store, cursors)
            await _check_cursors(store, cursors)
        await _compare(store, appended)
    return work.seconds


async def _move_cursors(store: SqliteStore, subscriptions: int) -> None:
    while True:
        await asyncio.sleep(_CHECKPOINT_SECONDS)
        await _move_all(store, subscriptions)


async def _move_all(store: SqliteStore, subscriptions: int) -> None:
    end = store.extent().end
    cursors = [
        PutCursor(Cursor(subscription=f"subscription-{number:032}", position=end - 1))
        for number in range(subscriptions)
    ]
    await store.commit([*cursors, MoveWatermark(end)])


async def _check_cursors(store: SqliteStore, subscriptions: int) -> None:
    end = store.extent().end
    found = [cursor.position for cursor in await store.cursors()]
    if found != [end - 1] * subscriptions or await store.watermark() != end:
        raise WrongDeliveryError("a cursor is not where it was put")


async def _compare(store: SqliteStore, appended: Sequence[Batch]) -> None:
    position = 0
    expected = iter(appended)
    while found := await store.read_from(position):
        for each in found:
            if each.first != position or each.batch != next(expected, None):
                raise WrongDeliveryError(f"what is at position {position} is not what was appended")
            position = each.end
    if next(expected, None) is not None:
        raise WrongDeliveryError(f"the log ends at position {position}, with batches missing")


# --- rounds --------------------------------------------------------------------------------------


def measure(rounds: int, seconds: float) -> list[Result]:
    """T5 and T12, and what explains them; a round takes as long as its bytes, not `seconds`."""
    large, small = batches(*_LARGE), batches(*_SMALL)
    runs: dict[str, Callable[[Path], float]] = {
        "loop MB/s": lambda folder: _mb_per_second(large, _bare(folder, large)),
        "preallocated loop MB/s": lambda folder: _mb_per_second(large, _over(folder, large)),
        "store MB/s": lambda folder: _mb_per_second(large, _run(folder, large)),
        "store with cursors MB/s": lambda folder: _mb_per_second(
            large, _run(folder, large, cursors=_SUBSCRIPTIONS)
        ),
        "16 committers MB/s": lambda folder: _mb_per_second(
            large, _run(folder, large, in_flight=16)
        ),
        "loop of single events MB/s": lambda folder: _mb_per_second(small, _bare(folder, small)),
        "store of single events MB/s": lambda folder: _mb_per_second(small, _run(folder, small)),
    }
    measured: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            with tempfile.TemporaryDirectory() as folder:
                measured[name].append(run(Path(folder)))

    def result(bar: str, part: str, whole: str) -> Result:
        columns = {name: measured[name] for name in (whole, part)}
        return judge(BARS[bar], columns, lambda columns: columns[part] / columns[whole])

    return [
        result("T5", "store MB/s", "loop MB/s"),
        result("T5 preallocated", "store MB/s", "preallocated loop MB/s"),
        result("T5 sixteen", "16 committers MB/s", "loop MB/s"),
        result("T5 small", "store of single events MB/s", "loop of single events MB/s"),
        result("T12", "store with cursors MB/s", "store MB/s"),
    ]


def _bare(folder: Path, appended: Sequence[Batch]) -> float:
    return bare_appends(folder / "log", [batch.body for batch in appended])


def _over(folder: Path, appended: Sequence[Batch]) -> float:
    bodies = [batch.body for batch in appended]
    _fill(folder / "log", bodies)
    return bare_appends(folder / "log", bodies)


def _run(folder: Path, appended: Sequence[Batch], *, in_flight: int = 1, cursors: int = 0) -> float:
    return uvloop.run(
        _store_appends(folder / "data", appended, in_flight=in_flight, cursors=cursors)
    )


def _mb_per_second(appended: Sequence[Batch], seconds: float) -> float:
    return sum(len(batch.body) for batch in appended) / seconds / 1e6
