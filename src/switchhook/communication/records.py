"""How does an engine keep what belongs to a resource?

Its keys begin with the incarnation of the resource's system topic and a slash, so that all that a
resource has in a collection lies together, and one created again under its name inherits nothing.
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from switchhook.grid.ports import Delete, Put, Record, Records
from switchhook.grid.publish import CommitEvents

T = TypeVar("T")

# How many records of a deleted resource go into one commit.
FORGET_LIMIT = 500

_encoder = msgspec.json.Encoder()


def key(topic: str, *parts: str) -> str:
    """The key of a resource's record."""
    return "/".join((topic, *parts))


def end_of(prefix: str) -> str:
    """Where the keys end that go on with a slash after `prefix`."""
    return prefix + "0"  # the character after "/"


def put(collection: str, key: str, value: object, expected: int | None = None) -> Put:
    """The change that writes a record, where it is at the expected revision (0: there is none)."""
    return Put(collection, key, _encoder.encode(value), expected)


async def read(records: Records, collection: str, key: str, type_: type[T]) -> T | None:
    """The value of a record; None where there is none."""
    record = await records.get(collection, key)
    return None if record is None else msgspec.json.decode(record.value, type=type_)


async def under(
    records: Records, collection: str, prefix: str, limit: int | None = None
) -> list[Record]:
    """At most `limit` records with keys that go on with a slash after `prefix`."""
    if limit == 0:
        return []
    return await records.scan(collection, start=prefix + "/", end=end_of(prefix), limit=limit)


async def forget(
    records: Records, commit: CommitEvents, collections: Sequence[str], topic: str
) -> None:
    """Delete what a deleted resource left; `topic` is the incarnation of its system topic.

    It ends when there is nothing in any of them: requests that were under way may add to the first
    while the last is emptied, and no half of what they made may stay.
    """
    while True:
        found: list[Record] = []
        for collection in collections:
            found += await under(records, collection, topic, FORGET_LIMIT - len(found))
        if not found:
            return
        await commit([Delete(each.collection, each.key) for each in found], ())
