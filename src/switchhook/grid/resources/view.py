"""Which resources exist now? The collection `resources` in memory, and its only writer."""

import asyncio
import functools
import operator
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from switchhook.grid.collections import read_all
from switchhook.grid.ports import Change, Commit, Delete, Put, Records

COLLECTION = "resources"
_LAST = chr(0x10FFFF)  # comes after every character of a key
# From so many edits in one commit the lists of keys are sorted anew rather than edited one by one.
_MANY = 100

R = TypeVar("R", bound=msgspec.Struct)


def _as_it_is(document: msgspec.Struct) -> msgspec.Struct:
    return document


class ResourceStore(Commit, Records, Protocol):
    """The ports of the store that resources need."""


class ResourceView:
    """Every resource's document, by the lower-case id.

    `turn` is held by whoever checks the view and then writes: checks that span resources (a name
    that is unique per server, a quota, the last subscription of a source) stay true until the
    commit. Reads need no turn. Handshakes run outside of it.
    """

    def __init__(self, store: ResourceStore, kinds: Sequence[type[msgspec.Struct]]) -> None:
        self.turn = asyncio.Lock()
        self._store = store
        self._decoder: msgspec.json.Decoder[msgspec.Struct] = msgspec.json.Decoder(
            functools.reduce(operator.or_, kinds)
        )
        self._documents: dict[str, msgspec.Struct] = {}
        self._revisions: dict[str, int] = {}
        # Sorted keys by kind: a domain can have 100,000 topics, which no other list must pass by.
        self._keys: defaultdict[type, list[str]] = defaultdict(list)

    async def load(self, share: Callable[[msgspec.Struct], msgspec.Struct] = _as_it_is) -> None:
        """Read what earlier runs wrote; `share` may answer an equal document that takes less."""
        async for record in read_all(self._store, COLLECTION):
            self._documents[record.key] = share(self._decoder.decode(record.value))
            self._revisions[record.key] = record.revision
        self._sort()

    def get(self, key: str, kind: type[R]) -> R | None:
        """The document at `key`, if it is of this kind."""
        found = self._documents.get(key)
        return found if isinstance(found, kind) else None

    def all(self, kind: type[R], prefix: str = "/", after: str = "") -> Iterator[tuple[str, R]]:
        """Keys and documents of this kind below `prefix`, in the order of their keys.

        Only those whose keys come later than `after`; what is removed meanwhile is left out.
        """
        first, last = self._span(kind, prefix)
        first = max(first, bisect_right(self._keys[kind], after))
        for key in self._keys[kind][first:last]:
            document = self.get(key, kind)
            if document is not None:
                yield key, document

    def count(self, kind: type[msgspec.Struct], prefix: str = "/") -> int:
        """How many documents of this kind there are below `prefix`; as cheap as one look-up."""
        first, last = self._span(kind, prefix)
        return last - first

    async def write(
        self,
        edits: Mapping[str, msgspec.Struct | None],
        changes: Sequence[Change] = (),
        on_durable: Callable[[int], None] | None = None,
    ) -> None:
        """Put documents, remove those that are None, together with `changes`, or nothing of it.

        The view shows the edits from the moment in which they are durable; then `on_durable` runs.
        """

        def show(position: int) -> None:
            for key, document in edits.items():
                self._show(key, document, sort=len(edits) < _MANY)
            if len(edits) >= _MANY:
                self._sort()
            if on_durable is not None:
                on_durable(position)

        own = [self._change(key, document) for key, document in edits.items()]
        await self._store.commit([*own, *changes], on_durable=show)

    def _change(self, key: str, document: msgspec.Struct | None) -> Change:
        revision = self._revisions.get(key, 0)
        if document is None:
            return Delete(COLLECTION, key)
        return Put(COLLECTION, key, msgspec.json.encode(document), expected=revision)

    def _show(self, key: str, document: msgspec.Struct | None, *, sort: bool) -> None:
        before = self._documents.get(key)
        if document is None:
            self._documents.pop(key, None)
            self._revisions.pop(key, None)
        else:
            self._documents[key] = document
            self._revisions[key] = self._revisions.get(key, 0) + 1
        if not sort or type(before) is type(document):
            return
        if before is not None:
            keys = self._keys[type(before)]
            del keys[bisect_left(keys, key)]
        if document is not None:
            insort(self._keys[type(document)], key)

    def _sort(self) -> None:
        self._keys.clear()
        for key in sorted(self._documents):
            self._keys[type(self._documents[key])].append(key)

    def _span(self, kind: type[msgspec.Struct], prefix: str) -> tuple[int, int]:
        keys = self._keys[kind]
        return bisect_left(keys, prefix), bisect_left(keys, prefix + _LAST)
