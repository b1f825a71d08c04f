"""What an engine keeps of a resource goes with it."""

from collections.abc import Sequence

from switchhook.communication.records import FORGET_LIMIT, forget
from switchhook.grid.ports import Batch, Change, Delete, Put
from switchhook.stores.memory import MemoryStore


async def test_what_comes_while_a_resource_is_forgotten_goes_as_a_whole() -> None:
    """A request under way adds to every collection; none of it is left, nothing else is touched."""
    store = MemoryStore()
    kept = [Put("heads", "another/1", b""), Put("messages", "topic-2/1", b"")]
    heads = [Put("heads", f"topic/{number}", b"") for number in range(FORGET_LIMIT)]
    await store.commit([*kept, *heads, Put("messages", "topic/1", b"")])
    late = [Put("heads", "topic/late", b""), Put("messages", "topic/late", b"")]

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        assert len(changes) <= FORGET_LIMIT
        first = await store.commit(changes, batches)
        if late and Delete("messages", "topic/1") in changes:
            # No heads were left.
            await store.commit(late)
            late.clear()
        return first

    await forget(store, commit, ("heads", "messages"), "topic")

    left = [each.key for name in ("heads", "messages") for each in await store.scan(name)]
    assert left == ["another/1", "topic-2/1"]
