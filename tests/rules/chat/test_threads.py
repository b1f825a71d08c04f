"""What do creating, changing and deleting a thread come to?"""

import pytest
from msgspec import UNSET, UnsetType

from switchhook.clock import DAY
from switchhook.communication.chat.happenings import (
    PropertiesUpdated,
    ThreadCreated,
    ThreadDeleted,
)
from switchhook.communication.chat.model import (
    WHOLE_HISTORY,
    MessageKind,
    Participant,
    RetentionPolicy,
)
from switchhook.communication.chat.requests import CreateThread, NewParticipant, UpdateThread
from switchhook.communication.chat.state import ThreadState
from switchhook.communication.chat.threads import (
    apply_policy,
    check_open,
    create,
    delete,
    deletion_time,
    update,
)
from switchhook.errors import RequestError
from tests.rules.chat.message_builders import ALICE, BOB, CAROL, NOW, NOW_IN_MS

ID = "19:thread@thread.v2"


def created(*raw_ids: str, topic: str = "Lunch", days: int | None = None) -> ThreadState:
    """A thread of Alice."""
    policy = None if days is None else RetentionPolicy(delete_thread_after_days=days)
    request = CreateThread(
        topic=topic,
        participants=tuple(NewParticipant(raw_id=each) for each in raw_ids),
        retention_policy=policy,
    )
    return create(ID, ALICE, request, set(raw_ids), NOW).state


def test_creator_is_first_as_the_request_describes_it() -> None:
    """Each once, the first mention counts; who is not known stays out."""
    request = CreateThread(
        topic="",
        participants=(
            NewParticipant(raw_id=BOB, display_name="B", share_history_time=NOW),
            NewParticipant(raw_id=CAROL),
            NewParticipant(raw_id=BOB, display_name="again"),
            NewParticipant(raw_id=ALICE, display_name="A", metadata={"k": "v"}),
        ),
    )
    step = create(ID, ALICE, request, {BOB}, NOW)
    thread = step.state.thread

    assert thread.participants == (
        Participant(raw_id=ALICE, display_name="A", metadata={"k": "v"}),
        Participant(raw_id=BOB, display_name="B", share_history_time=NOW),
    )
    assert thread.participants[0].share_history_time == WHOLE_HISTORY
    assert (thread.created_at, thread.created_by, thread.version) == (NOW, ALICE, NOW_IN_MS)
    assert [each.kind for each in step.messages] == [MessageKind.PARTICIPANT_ADDED]
    assert step.happening == ThreadCreated(thread=thread)


def test_thread_has_what_was_asked_for() -> None:
    """Its metadata, and the policy by which it is deleted."""
    policy = RetentionPolicy(delete_thread_after_days=30)
    request = CreateThread(topic="Lunch", metadata={"k": "v"}, retention_policy=policy)

    thread = create(ID, ALICE, request, set(), NOW).state.thread

    assert (thread.topic, thread.metadata, thread.retention_policy) == ("Lunch", {"k": "v"}, policy)


def test_thread_is_created_with_250_participants_at_most() -> None:
    """The creator is one of them; requests are bounded by themselves, to fewer."""
    others = [f"{BOB}{number}" for number in range(250)]

    assert len(created(*others[1:]).thread.participants) == 250
    with pytest.raises(RequestError) as refusal:
        created(*others)
    assert refusal.value.status == 400


def test_topic_is_told_second() -> None:
    """The history has an id and a sequence for each."""
    state = created(BOB)
    assert (state.head.sequence, state.head.message_id) == (2, NOW_IN_MS + 1)
    assert state.head.last_message_at == NOW


@pytest.mark.parametrize(
    ("update_", "told"),
    [
        (UpdateThread(topic="Dinner"), "Dinner"),
        (UpdateThread(topic=""), ""),
        (UpdateThread(metadata={"k": "v"}), None),
        (UpdateThread(retention_policy=RetentionPolicy(delete_thread_after_days=40)), None),
        (UpdateThread(retention_policy=None), None),
    ],
)
def test_update_tells_what_was_part_of_it(update_: UpdateThread, told: str | None) -> None:
    """What it does not name stays; a new topic goes into the history."""
    state = created(BOB, days=30)
    step = update(state, BOB, update_, NOW + 1)
    thread = step.state.thread

    assert step.happening == PropertiesUpdated(thread=thread, by=BOB, at=NOW + 1, topic=told)
    assert thread.topic == ("Lunch" if told is None else told)
    assert thread.metadata == ({} if isinstance(update_.metadata, UnsetType) else {"k": "v"})
    policy = state.thread.retention_policy
    assert thread.retention_policy == (
        policy if update_.retention_policy is UNSET else update_.retention_policy
    )
    assert thread.version == NOW_IN_MS + 1
    assert [each.topic for each in step.messages] == ([] if told is None else [told])


def test_update_of_nothing_changes_nothing() -> None:
    """But it is for participants."""
    state = created(BOB)
    assert update(state, ALICE, UpdateThread(), NOW).state is state
    with pytest.raises(RequestError) as refusal:
        update(state, CAROL, UpdateThread(), NOW)
    assert refusal.value.status == 403


def test_deletion_tells_of_the_thread_as_it_was() -> None:
    """By a participant, or by nobody."""
    state = created(BOB)
    for by in (BOB, None):
        step = delete(state, by, NOW + 5)
        assert step.happening == ThreadDeleted(thread=state.thread, by=by, at=NOW + 5)
        assert step.state.thread.deleted_at == NOW + 5
        assert step.state.thread.version == state.thread.version
        with pytest.raises(RequestError) as refusal:
            check_open(step.state)
        assert refusal.value.status == 404
    with pytest.raises(RequestError) as refusal:
        delete(state, CAROL, NOW)
    assert refusal.value.status == 403


@pytest.mark.parametrize(
    ("days", "age", "is_deleted"),
    [(None, 1000, False), (30, 30, True), (30, 29, False), (90, 90, True), (90, 89, False)],
)
def test_policy_deletes_days_after_the_creation(
    days: int | None, age: int, *, is_deleted: bool
) -> None:
    """Exactly then."""
    state = created(days=days)
    step = apply_policy(state, NOW + age * DAY)

    assert (step.happening is not None) == is_deleted
    assert (step.state is state) != is_deleted
    assert deletion_time(state.thread) == (None if days is None else NOW + days * DAY)


def test_policy_of_none_deletes_never() -> None:
    """As a thread without one."""
    state = created()
    update_ = UpdateThread(retention_policy=RetentionPolicy())
    assert deletion_time(update(state, ALICE, update_, NOW).state.thread) is None
