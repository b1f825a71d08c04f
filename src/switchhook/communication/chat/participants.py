"""Who joins a thread, and who leaves it?"""

from collections.abc import Iterable, Sequence

import msgspec

from switchhook.communication.chat.happenings import ParticipantRemoved, ParticipantsAdded
from switchhook.communication.chat.history import append, milliseconds, system_message
from switchhook.communication.chat.model import WHOLE_HISTORY, MessageKind, Participant, Thread
from switchhook.communication.chat.permissions import check_participant
from switchhook.communication.chat.requests import NewParticipant
from switchhook.communication.chat.state import Step, ThreadState
from switchhook.communication.json_requests import bad_request

# "Number of participants in thread" of the article about service limits.
MAX_PARTICIPANTS = 250


def check_size(count: int) -> None:
    """Whether a thread may have that many participants.

    Raises:
        RequestError: 400 (assumed).
    """
    if count > MAX_PARTICIPANTS:
        raise bad_request(f"A chat thread must not have over {MAX_PARTICIPANTS} participants.")


def accept(new: Iterable[NewParticipant]) -> tuple[Participant, ...]:
    """The participants that a request names, each once: the first mention counts."""
    found: dict[str, Participant] = {}
    for each in new:
        if each.raw_id not in found:
            found[each.raw_id] = _participant(each)
    return tuple(found.values())


def next_version(thread: Thread, now: int) -> int:
    """The version of a thread that changes now; it rises with every change."""
    return max(milliseconds(now), thread.version + 1)


def add(state: ThreadState, caller_id: str, new: Sequence[NewParticipant], now: int) -> Step:
    """The thread with more participants, and one message that tells of all of them.

    Those who take part already stay as they are, and nothing is told of them (assumed).

    Raises:
        RequestError: 403, the caller is no participant; 400, there would be too many.
    """
    check_participant(state, caller_id)
    present = {each.raw_id for each in state.thread.participants}
    added = accept(each for each in new if each.raw_id not in present)
    if not added:
        return Step(state=state)
    participants = (*state.thread.participants, *added)
    check_size(len(participants))
    step = _changed(state, participants, MessageKind.PARTICIPANT_ADDED, caller_id, added, now)
    happening = ParticipantsAdded(thread=step.state.thread, by=caller_id, at=now, added=added)
    return msgspec.structs.replace(step, happening=happening)


def remove(state: ThreadState, caller_id: str, raw_id: str, now: int) -> Step:
    """The thread without a participant, who is removed by another or leaves.

    Nothing changes where the user is no participant: the samples of azure-communication-chat
    (`chat_thread_client_sample`) remove one who never was. The last one leaves nobody who could see
    the thread or come back: it is deleted (assumed).

    Raises:
        RequestError: 403, the caller is no participant.
    """
    check_participant(state, caller_id)
    removed = state.thread.participant(raw_id)
    if removed is None:
        return Step(state=state)
    rest = tuple(each for each in state.thread.participants if each is not removed)
    step = _changed(state, rest, MessageKind.PARTICIPANT_REMOVED, caller_id, (removed,), now)
    after = step.state
    happening = ParticipantRemoved(thread=after.thread, by=caller_id, at=now, removed=removed)
    if not rest:
        thread = msgspec.structs.replace(after.thread, deleted_at=now)
        after = msgspec.structs.replace(after, thread=thread)
    return msgspec.structs.replace(step, state=after, happening=happening)


def _changed(
    state: ThreadState,
    participants: tuple[Participant, ...],
    kind: MessageKind,
    initiator: str,
    moved: tuple[Participant, ...],
    now: int,
) -> Step:
    thread = msgspec.structs.replace(
        state.thread, participants=participants, version=next_version(state.thread, now)
    )
    after = msgspec.structs.replace(state, thread=thread)
    message = system_message(after, kind, now=now, initiator=initiator, participants=moved)
    return Step(state=append(after, message), messages=(message,))


def _participant(new: NewParticipant) -> Participant:
    shared = new.share_history_time
    return Participant(
        raw_id=new.raw_id,
        display_name=new.display_name,
        share_history_time=WHOLE_HISTORY if shared is None else shared,
        metadata=new.metadata,
    )
