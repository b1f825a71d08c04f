"""What does a read receipt come to?"""

import pytest

from switchhook.clock import SECOND
from switchhook.communication.chat.happenings import MessageRead
from switchhook.communication.chat.model import MessageKind, ReadReceipt
from switchhook.communication.chat.receipts import are_supported, read
from switchhook.communication.chat.state import Step
from switchhook.errors import RequestError
from tests.rules.chat.message_builders import (
    BOB,
    CAROL,
    NOW,
    NOW_IN_MS,
    a_crowd,
    a_message,
    a_state,
)

LATER = NOW + SECOND


@pytest.mark.parametrize("kind", list(MessageKind))
def test_receipt_says_who_read_up_to_what(kind: MessageKind) -> None:
    """Any message will do."""
    state = a_state()
    step = read(state, a_message(kind=kind), BOB, LATER)
    receipt = ReadReceipt(sender=BOB, message_id=NOW_IN_MS, read_at=LATER)

    assert step == Step(
        state=state,
        receipts=(receipt,),
        happening=MessageRead(thread=state.thread, receipt=receipt),
    )


@pytest.mark.parametrize(
    ("read_before", "written"), [(NOW_IN_MS - 1, True), (NOW_IN_MS, False), (NOW_IN_MS + 1, False)]
)
def test_receipts_go_on_by_the_order_of_messages(read_before: int, written: bool) -> None:
    """Receipts that come late take nothing back."""
    previous = ReadReceipt(sender=BOB, message_id=read_before, read_at=NOW)
    step = read(a_state(), a_message(), BOB, LATER, previous)

    assert bool(step.receipts) is written
    assert (step.happening is not None) is written


@pytest.mark.parametrize(("count", "kept"), [(2, True), (20, True), (21, False), (250, False)])
def test_large_threads_keep_no_receipts(count: int, kept: bool) -> None:
    """More than 20 participants: the request succeeds, and that is all."""
    state = a_state(*a_crowd(count))
    step = read(state, a_message(), BOB, LATER)

    assert are_supported(state.thread) is kept
    assert len(step.receipts) == kept
    assert (step.happening is not None) is kept


@pytest.mark.parametrize(("caller", "status"), [(CAROL, 403), (BOB, 404)])
def test_receipt_needs_a_visible_message(caller: str, status: int) -> None:
    """403 for those outside, 404 for what is not shared with the participant."""
    state = a_state(share_history_time=NOW + 1)

    with pytest.raises(RequestError) as refusal:
        read(state, a_message(), caller, LATER)
    assert refusal.value.status == status
