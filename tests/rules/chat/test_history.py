"""Which id, sequence and version has the next message of a thread?"""

import pytest

from switchhook.clock import MILLISECOND, SECOND
from switchhook.communication.chat.history import append, next_message_id, system_message
from switchhook.communication.chat.model import Head, MessageKind, Participant
from tests.rules.chat.message_builders import ALICE, BOB, NOW, NOW_IN_MS, a_message, a_state


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        (0, NOW, NOW_IN_MS),
        (0, NOW_IN_MS * MILLISECOND, NOW_IN_MS),
        (0, NOW_IN_MS * MILLISECOND + MILLISECOND - 1, NOW_IN_MS),
        (NOW_IN_MS - 1, NOW, NOW_IN_MS),
        (NOW_IN_MS, NOW, NOW_IN_MS + 1),
        (NOW_IN_MS + 7, NOW, NOW_IN_MS + 8),
        (NOW_IN_MS, NOW - SECOND, NOW_IN_MS + 1),
    ],
)
def test_message_id_is_the_millisecond_and_only_rises(last: int, now: int, expected: int) -> None:
    """Also when messages share a millisecond, or the clock was set back."""
    assert next_message_id(Head(message_id=last), now) == expected


def test_message_of_a_user_is_the_last_message() -> None:
    """The head remembers what the next message is counted from."""
    message = a_message(id=NOW_IN_MS + 5, sequence=9, created_at=NOW)
    state = append(a_state(head=Head(sequence=8, message_id=NOW_IN_MS, last_message_at=1)), message)

    assert state.head == Head(sequence=9, message_id=NOW_IN_MS + 5, last_message_at=NOW)


@pytest.mark.parametrize("kind", [kind for kind in MessageKind if kind.is_system])
@pytest.mark.parametrize("last_message_at", [None, NOW - SECOND])
def test_system_message_is_a_last_message_too(
    kind: MessageKind, last_message_at: int | None
) -> None:
    """`lastMessageReceivedOn` does not tell who wrote it."""
    state = a_state(head=Head(sequence=1, message_id=NOW_IN_MS, last_message_at=last_message_at))
    message = system_message(state, kind, now=NOW, initiator=BOB)
    head = append(state, message).head

    assert head == Head(sequence=2, message_id=NOW_IN_MS + 1, last_message_at=NOW)


def test_system_message_has_an_initiator_and_no_sender() -> None:
    """As in the examples of the OpenAPI."""
    carol = Participant(raw_id="8:acs:resource_carol", display_name="Carol")
    state = a_state(head=Head(sequence=4, message_id=NOW_IN_MS))
    message = system_message(
        state,
        MessageKind.PARTICIPANT_ADDED,
        now=NOW,
        initiator=ALICE,
        participants=(carol,),
    )

    assert (message.id, message.version, message.sequence) == (NOW_IN_MS + 1, NOW_IN_MS + 1, 5)
    assert (message.sender, message.initiator, message.content) == (None, ALICE, None)
    assert (message.participants, message.topic, message.created_at) == ((carol,), None, NOW)


def test_changed_topic_is_told() -> None:
    """The message carries the new topic."""
    message = system_message(
        a_state(), MessageKind.TOPIC_UPDATED, now=NOW, initiator=ALICE, topic="Supper"
    )

    assert (message.topic, message.participants, message.sequence) == ("Supper", (), 1)
