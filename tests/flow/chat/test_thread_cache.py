"""Which threads stay in memory?"""

from switchhook.communication.chat.store import HEADS, ChatRecords
from switchhook.communication.chat.thread_cache import ThreadCache
from switchhook.grid.ports import Record
from switchhook.stores.memory import MemoryStore
from tests.flow.chat.world import a_world

# What a thread of one user takes: itself and its participant.
WEIGHT = 2


class Reads(MemoryStore):
    """A store that notes which threads are read."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[str] = []

    async def get(self, collection: str, key: str) -> Record | None:
        """See Records."""
        if collection == HEADS:
            self.threads.append(key.partition("/")[2])
        return await super().get(collection, key)


async def a_cache(threads: int, room: int) -> tuple[ThreadCache, Reads, str, list[str]]:
    """A cache with that much room, over a store of so many threads: of which topic, and their
    ids."""
    store = Reads()
    world = a_world(store=store)
    ids = [(await world.create("alice")).id for _ in range(threads)]
    store.threads.clear()
    cache = ThreadCache(ChatRecords(store), capacity=room)
    return cache, store, world.resource.topic, ids


async def test_thread_that_was_used_longest_ago_makes_room() -> None:
    """Not the one that was read first."""
    cache, store, topic, [one, two, three] = await a_cache(3, 2 * WEIGHT)
    for each in (one, two, one, three, one):
        await cache.slot(topic, each)
    assert store.threads == [one, two, three]

    await cache.slot(topic, two)

    assert store.threads == [one, two, three, two]


async def test_thread_larger_than_the_cache_is_kept_while_it_is_used() -> None:
    """Whoever acts on it at the same time must find the same state."""
    cache, store, topic, [one] = await a_cache(1, 1)

    assert await cache.slot(topic, one) is await cache.slot(topic, one)
    assert store.threads == [one]


async def test_forgotten_threads_take_no_room() -> None:
    """Others have it then."""
    cache, store, topic, [one, two, three, four] = await a_cache(4, 2 * WEIGHT)
    for each in (one, two):
        await cache.slot(topic, each)
        cache.forget(topic, each)

    for each in (three, four, three, four):
        await cache.slot(topic, each)

    assert store.threads == [one, two, three, four]
