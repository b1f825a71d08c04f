"""How does a process of load stay awake, as the programs of the limits do?

Who sends to a process that sleeps pays for waking it up, on a virtual machine microseconds of every
request. nginx and wrk always have work when they measure a limit, and are never woken up. So the
load looks for more instead of waiting; it has a core of its own.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Self


class Awake:
    """As a context: the running event loop does not wait. `idle_seconds` is CPU time.

    `done` counts what the process does: a turn of the loop in which it stays the same was idle.
    """

    def __init__(
        self, done: Callable[[], object], clock: Callable[[], float] = time.process_time
    ) -> None:
        self._done = done
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self.idle_seconds = 0.0

    def __enter__(self) -> Self:
        self._before, self._turned_at = self._done(), self._clock()
        self._next = self._loop.call_soon(self._turn)
        return self

    def __exit__(self, *_: object) -> None:
        self._next.cancel()

    def _turn(self) -> None:
        now, done = self._clock(), self._done()
        if done == self._before:
            self.idle_seconds += now - self._turned_at
        self._before, self._turned_at = done, now
        self._next = self._loop.call_soon(self._turn)
