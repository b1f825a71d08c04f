"""The view of resources: in order, by kind, and cheap however many there are of another kind."""

import random

import msgspec
import pytest

from switchhook.grid.resources.records import (
    GRID_KINDS,
    DeliverySettingsRecord,
    DomainTopicRecord,
)
from switchhook.grid.resources.view import ResourceView
from switchhook.stores.memory import MemoryStore

Edits = dict[str, msgspec.Struct | None]


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore()


@pytest.fixture
def view(store: MemoryStore) -> ResourceView:
    """A view of it."""
    return ResourceView(store, GRID_KINDS)


def a_topic(name: str) -> DomainTopicRecord:
    return DomainTopicRecord(id=f"/d/topics/{name}", name=name)


def names(view: ResourceView, prefix: str = "/", after: str = "") -> list[str]:
    return [key for key, _ in view.all(DomainTopicRecord, prefix, after)]


@pytest.mark.parametrize("size", [1, 7, 250], ids=["one by one", "few", "many at once"])
async def test_documents_are_listed_in_order_whatever_was_edited(
    store: MemoryStore, view: ResourceView, size: int
) -> None:
    """After any edits the view has what the store has, and so has one that is opened anew."""
    chance = random.Random(size)  # noqa: S311 - repeatable, not secret
    for _ in range(12):
        edits: Edits = {}
        for _ in range(size):
            key = f"/d/topics/{chance.randrange(300):03}"
            edits[key] = chance.choice([None, a_topic(key), DeliverySettingsRecord()])
        await view.write(edits)
    again = ResourceView(store, GRID_KINDS)
    await again.load()
    stored = [record.key for record in await store.scan("resources")]

    for one in (view, again):
        topics = names(one)
        settings = [key for key, _ in one.all(DeliverySettingsRecord)]
        assert sorted([*topics, *settings]) == stored
        assert (topics, settings) == (sorted(topics), sorted(settings))
        assert one.count(DomainTopicRecord) == len(topics)


async def test_list_can_begin_below_a_prefix_and_after_a_key(view: ResourceView) -> None:
    """What a page needs, without a look at the pages before it."""
    keys = ["/a/1", "/b/1", "/b/2", "/b/3", "/b/é", "/c/1"]
    await view.write({key: a_topic(key) for key in keys})

    assert names(view, "/b/") == ["/b/1", "/b/2", "/b/3", "/b/é"]
    assert names(view, "/b/", after="/b/2") == ["/b/3", "/b/é"]
    assert names(view, "/b/", after="/b/20") == ["/b/3", "/b/é"]
    assert names(view, "/b/", after="/c") == []
    assert view.count(DomainTopicRecord, "/b/") == 4
    assert view.count(DeliverySettingsRecord, "/b/") == 0


async def test_what_is_removed_meanwhile_is_left_out(view: ResourceView) -> None:
    """Whoever lists may await between two documents."""
    await view.write({f"/b/{number}": a_topic("x") for number in range(3)})
    seen = view.all(DomainTopicRecord, "/b/")
    first, _ = next(seen)
    await view.write({"/b/1": None})

    assert [first, *(key for key, _ in seen)] == ["/b/0", "/b/2"]
