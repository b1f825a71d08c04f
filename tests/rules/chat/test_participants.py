"""What do joining and leaving a thread come to?"""

import pytest

from switchhook.communication.chat.happenings import ParticipantRemoved, ParticipantsAdded
from switchhook.communication.chat.model import Head, MessageKind, Participant
from switchhook.communication.chat.participants import MAX_PARTICIPANTS, add, remove
from switchhook.communication.chat.requests import CreateThread, NewParticipant
from switchhook.communication.chat.state import ThreadState
from switchhook.communication.chat.threads import create
from switchhook.errors import RequestError
from tests.rules.chat.message_builders import ALICE, BOB, CAROL, NOW, NOW_IN_MS

LATER = NOW + 7_000_000


def a_thread(*others: str) -> ThreadState:
    """A thread of Alice and others."""
    request = CreateThread(
        topic="", participants=tuple(NewParticipant(raw_id=each) for each in others)
    )
    return create("19:t@thread.v2", ALICE, request, set(others), NOW).state


def test_addition_is_one_message_and_one_happening() -> None:
    """For those who are new, each once, at the end of the list."""
    state = a_thread(BOB)
    new = [NewParticipant(raw_id=each, display_name="x") for each in (BOB, CAROL, CAROL, "8:d")]
    step = add(state, BOB, new, LATER)
    added = tuple(Participant(raw_id=each, display_name="x") for each in (CAROL, "8:d"))
    thread = step.state.thread

    assert thread.participants == (*state.thread.participants, *added)
    assert thread.version == NOW_IN_MS + 7
    assert step.happening == ParticipantsAdded(thread=thread, by=BOB, at=LATER, added=added)
    (message,) = step.messages
    assert (message.kind, message.participants) == (MessageKind.PARTICIPANT_ADDED, added)
    assert (message.initiator, message.sequence, message.sender) == (BOB, 2, None)
    assert step.state.head == Head(sequence=2, message_id=message.id, last_message_at=LATER)


def test_addition_of_nobody_new_changes_nothing() -> None:
    """The participants that are there keep their names."""
    state = a_thread(BOB)
    step = add(state, ALICE, [NewParticipant(raw_id=BOB, display_name="new name")], LATER)
    assert step.state is state
    assert (step.messages, step.happening) == ((), None)


@pytest.mark.parametrize(("count", "is_allowed"), [(248, True), (249, False)])
def test_thread_has_room_for_so_many(count: int, *, is_allowed: bool) -> None:
    """Those who are in it already do not count twice."""
    state = a_thread(BOB)
    new = [NewParticipant(raw_id=f"8:{number}") for number in range(count)]
    new.append(NewParticipant(raw_id=BOB))
    if is_allowed:
        assert len(add(state, ALICE, new, NOW).state.thread.participants) == MAX_PARTICIPANTS
        return
    with pytest.raises(RequestError) as refusal:
        add(state, ALICE, new, NOW)
    assert (refusal.value.status, refusal.value.code) == (400, "BadRequest")
    assert f"{MAX_PARTICIPANTS}" in refusal.value.message


@pytest.mark.parametrize("by", [ALICE, BOB])
def test_removal_tells_of_the_thread_without_the_user(by: str) -> None:
    """Removed by another, or left; the version rises with the clock, or by one."""
    state = a_thread(BOB, CAROL)
    step = remove(state, by, BOB, NOW - 5)
    thread = step.state.thread

    assert [each.raw_id for each in thread.participants] == [ALICE, CAROL]
    assert thread.version == NOW_IN_MS + 1
    removed = Participant(raw_id=BOB)
    assert step.happening == ParticipantRemoved(thread=thread, by=by, at=NOW - 5, removed=removed)
    (message,) = step.messages
    assert (message.kind, message.participants) == (MessageKind.PARTICIPANT_REMOVED, (removed,))
    assert thread.deleted_at is None


def test_last_one_to_leave_ends_the_thread() -> None:
    """What is told is that the user has left."""
    step = remove(a_thread(), ALICE, ALICE, LATER)
    assert step.state.thread.deleted_at == LATER
    assert isinstance(step.happening, ParticipantRemoved)
    assert step.happening.thread.deleted_at is None


def test_removal_of_nobody_changes_nothing() -> None:
    """It is done already."""
    state = a_thread(BOB)
    step = remove(state, ALICE, CAROL, LATER)
    assert step.state is state
    assert (step.messages, step.happening) == ((), None)


def test_only_participants_change_who_takes_part() -> None:
    """Whoever it is about, the one who asks too."""
    for raw_id in (BOB, CAROL):
        with pytest.raises(RequestError) as refusal:
            remove(a_thread(BOB), CAROL, raw_id, NOW)
        assert refusal.value.status == 403
    with pytest.raises(RequestError) as refusal:
        add(a_thread(BOB), CAROL, [NewParticipant(raw_id=CAROL)], NOW)
    assert refusal.value.status == 403
