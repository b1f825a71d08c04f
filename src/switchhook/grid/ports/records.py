"""What is durable besides the log and the delivery state: values by collection and key."""

from typing import Protocol

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A durable value. `revision` counts its writes from 1.

    `position` is the log's end at the moment of its last write, among the batches of the same
    commit: before the first of them. Events before it were accepted before the write.
    """

    collection: str
    key: str
    value: bytes
    revision: int
    position: int


class Put(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Write a record. `expected` is the revision it must have now, 0 for absent, None for any."""

    collection: str
    key: str
    value: bytes
    expected: int | None = None


class Delete(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Remove a record, if it is there. `expected` as for `Put`."""

    collection: str
    key: str
    expected: int | None = None


class Records(Protocol):
    """Values by collection and key; keys of a collection are ordered by their code points."""

    async def get(self, collection: str, key: str) -> Record | None:
        """The record, or None. Sees what every finished commit wrote."""

    async def scan(
        self,
        collection: str,
        *,
        start: str = "",
        end: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[Record]:
        """Records with `start <= key < end` in the order of their keys, at most `limit` of them."""
