"""Which of many prefixes does a text begin with, and what stands there?

They are kept sorted: all prefixes of a text are among the ancestors of its predecessor in that
order, so one bisection finds them.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

V = TypeVar("V")
D = TypeVar("D")

# From so many new prefixes on all are sorted anew rather than each put in its place.
_MANY = 50


class Prefixes(Generic[V]):
    """Values by prefix."""

    __slots__ = ("_new", "_parents", "_root", "_sorted", "_values")

    def __init__(self) -> None:
        self._values: dict[str, V] = {}
        # What stands at "", which every text begins with.
        self._root: list[V] = []
        self._sorted: list[str] = []
        # The longest other prefix that each one begins with, if there is one; "" is nobody's.
        self._parents: dict[str, str] = {}
        # Those that are not in their order yet: many come together, at a start.
        self._new: list[str] = []

    def __len__(self) -> int:
        return len(self._values)

    def get(self, prefix: str, default: D) -> V | D:
        """What stands at just this prefix."""
        return self._values.get(prefix, default)

    def put(self, prefix: str, value: V) -> None:
        """Let `value` stand there, in place of what does."""
        if not prefix:
            self._root = [value]
        elif prefix not in self._values:
            self._new.append(prefix)
        self._values[prefix] = value

    def remove(self, prefix: str) -> None:
        """Forget a prefix that is there."""
        del self._values[prefix]
        if not prefix:
            self._root = []
            return
        self.arrange()
        self._cut(prefix)

    def of(self, text: str) -> Sequence[V]:
        """The values of every prefix that `text` begins with."""
        if not text:
            return self._root
        if self._new:
            self.arrange()
        found, values = self._root.copy(), self._values
        place = bisect_right(self._sorted, text)
        prefix = self._sorted[place - 1] if place else None
        while prefix is not None:
            if text.startswith(prefix):
                found.append(values[prefix])
            prefix = self._parents.get(prefix)
        return found

    def arrange(self) -> None:
        """Put what is new in its place."""
        new, self._new = self._new, []
        if len(new) < _MANY:
            for prefix in new:
                self._insert(prefix)
        else:
            self._sorted += new
            self._sorted.sort()
            self._parents = dict(_with_parents(self._sorted))

    def _insert(self, prefix: str) -> None:
        place = bisect_right(self._sorted, prefix)
        parent = self._sorted[place - 1] if place else None
        while parent is not None and not prefix.startswith(parent):
            parent = self._parents.get(parent)
        if parent is not None:
            self._parents[prefix] = parent
        insort(self._sorted, prefix)
        for longer in self._longer(prefix):
            if self._parents.get(longer) == parent:
                self._parents[longer] = prefix

    def _cut(self, prefix: str) -> None:
        parent = self._parents.pop(prefix, None)
        for longer in self._longer(prefix):
            if self._parents.get(longer) == prefix:
                if parent is None:
                    del self._parents[longer]
                else:
                    self._parents[longer] = parent
        del self._sorted[bisect_left(self._sorted, prefix)]

    def _longer(self, prefix: str) -> Iterator[str]:
        """The other prefixes that begin with `prefix`: they stand behind it, in one run."""
        for place in range(bisect_right(self._sorted, prefix), len(self._sorted)):
            if not self._sorted[place].startswith(prefix):
                return
            yield self._sorted[place]


def _with_parents(prefixes: list[str]) -> Iterator[tuple[str, str]]:
    """Each of the sorted prefixes that has a parent, with it."""
    open_ones: list[str] = []
    for prefix in prefixes:
        while open_ones and not prefix.startswith(open_ones[-1]):
            open_ones.pop()
        if open_ones:
            yield prefix, open_ones[-1]
        open_ones.append(prefix)
