"""Is what a start made left alone, and is later garbage still found?"""

import gc
import weakref
from collections.abc import Iterator

import pytest

from switchhook import garbage


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    gc.enable()


class _Knot:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def test_nothing_is_looked_for_during_a_start() -> None:
    garbage.pause()

    assert not gc.isenabled()


def test_what_the_start_made_is_not_looked_at_again() -> None:
    garbage.pause()
    kept = [[number] for number in range(1000)]

    garbage.settle()

    assert gc.isenabled()
    assert gc.get_freeze_count() > len(kept)


def test_cycles_of_the_start_and_of_later_are_found() -> None:
    garbage.pause()
    early = weakref.ref(_Knot())
    garbage.settle()
    late = weakref.ref(_Knot())
    gc.collect()

    assert (early(), late()) == (None, None)
