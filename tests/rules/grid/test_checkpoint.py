"""How far are due rows read, when others are put while a page is on its way?"""

import pytest

from switchhook.clock import VirtualClock
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.ports import DueMark, WaitingDelivery
from switchhook.stores.memory import MemoryStore
from tests.contract.values import a_delivery

PAGE = [a_delivery(1, due_at=10), a_delivery(5, due_at=20)]
ITS_END = DueMark(20, 5, "s1", 0)
BEFORE = DueMark(5, 0, "s1", 0)


@pytest.mark.parametrize("start", [None, BEFORE])
@pytest.mark.parametrize(
    ("meanwhile", "is_read"),
    [
        pytest.param(a_delivery(3, due_at=20), False, id="at the page's end"),
        pytest.param(a_delivery(9, due_at=12), False, id="within the page"),
        pytest.param(a_delivery(9, due_at=21), True, id="behind the page"),
    ],
)
@pytest.mark.parametrize("way", ["put", "released"])
async def test_row_that_is_put_while_a_page_is_read_is_not_passed_over(
    start: DueMark | None, meanwhile: WaitingDelivery, is_read: bool, way: str
) -> None:
    """The mark moves to the end of the page only if all rows before that were on it."""
    checkpoint = Checkpoint(store=MemoryStore(), clock=VirtualClock(), head=lambda: 0)
    checkpoint.read_mark = start

    async def page() -> list[WaitingDelivery]:
        (checkpoint.put if way == "put" else checkpoint.release_row)(meanwhile)
        return PAGE

    assert await checkpoint.read_due(page()) == PAGE

    assert (checkpoint.read_mark == ITS_END) is is_read
    assert is_read or checkpoint.read_mark == start
