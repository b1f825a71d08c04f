"""What the tests of all engines ask of a store."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from switchhook.grid.ports import Batch, Change, Store
from switchhook.grid.publish import CommitEvents
from switchhook.stores.memory import MemoryStore
from switchhook.stores.sqlite import SqliteStore

KINDS = ("memory", "sqlite")


@asynccontextmanager
async def a_store(kind: str, folder: Path) -> AsyncIterator[Store]:
    """A store of one of the `KINDS`."""
    if kind == "memory":
        yield MemoryStore()
        return
    async with SqliteStore.open(folder) as store:
        yield store


def commits_to(store: Store) -> CommitEvents:
    """As the router commits, without a router."""

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        return await store.commit(changes, batches)

    return commit


async def events_in(store: Store) -> list[dict[str, Any]]:
    """Every event of the log."""
    events: list[dict[str, Any]] = []
    for entry in await store.read_from(0, max_bytes=1 << 30):
        found = json.loads(entry.batch.body)
        assert entry.batch.count == len(found)
        events += found
    return events
