"""How do the properties of a thread change?"""

from collections.abc import Container

import msgspec
from msgspec import UNSET

from switchhook.clock import DAY
from switchhook.communication.chat.happenings import (
    PropertiesUpdated,
    ThreadCreated,
    ThreadDeleted,
)
from switchhook.communication.chat.history import append, milliseconds, system_message
from switchhook.communication.chat.metadata import merge
from switchhook.communication.chat.model import Head, Message, MessageKind, Thread
from switchhook.communication.chat.participants import accept, check_size, next_version
from switchhook.communication.chat.permissions import check_participant
from switchhook.communication.chat.requests import CreateThread, NewParticipant, UpdateThread
from switchhook.communication.chat.state import Step, ThreadState
from switchhook.errors import RequestError

# A deleted thread tells its participants its properties with `deletedOn`, alone and in the list of
# threads, and nothing else, until it is forgotten (assumed: the OpenAPI has that member and no
# rule).
TELLS_OF_DELETED = True


def thread_not_found() -> RequestError:
    """The refusal where a thread never was, is deleted, or is another resource's (assumed)."""
    return RequestError(404, "NotFound", "The chat thread was not found.")


def check_open(state: ThreadState | None) -> ThreadState:
    """The thread, if it is there and not deleted.

    Raises:
        RequestError: 404.
    """
    if state is None or state.thread.deleted_at is not None:
        raise thread_not_found()
    return state


def was_deleted(state: ThreadState, raw_id: str) -> bool:
    """Whether a thread is deleted already that this user took part in to the end."""
    is_participant = state.thread.participant(raw_id) is not None
    return is_participant and state.thread.deleted_at is not None


def create(
    thread_id: str, creator: str, request: CreateThread, known: Container[str], now: int
) -> Step:
    """A thread of its creator, who comes first, and of those in the request who are `known`.

    Its history begins with who was added and, where there is one, with the topic.

    Raises:
        RequestError: 400, too many participants.
    """
    asked = request.participants
    itself = next((each for each in asked if each.raw_id == creator), None)
    others = (each for each in asked if each.raw_id in known)
    participants = accept((itself or NewParticipant(raw_id=creator), *others))
    check_size(len(participants))
    thread = Thread(
        id=thread_id,
        topic=request.topic,
        created_at=now,
        created_by=creator,
        version=milliseconds(now),
        metadata=request.metadata,
        retention_policy=request.retention_policy,
        participants=participants,
    )
    state = ThreadState(thread=thread, head=Head())
    added = MessageKind.PARTICIPANT_ADDED
    messages = [system_message(state, added, now=now, initiator=creator, participants=participants)]
    state = append(state, messages[0])
    if request.topic:
        messages.append(_topic_message(state, creator, now))
        state = append(state, messages[1])
    return Step(state=state, messages=tuple(messages), happening=ThreadCreated(thread=thread))


def update(state: ThreadState, caller_id: str, request: UpdateThread, now: int) -> Step:
    """The thread with new properties; a request that names none changes nothing (assumed).

    One that names a topic or other property is told of, even where it stays the same (assumed).

    Raises:
        RequestError: 403, the caller is no participant; 400, its metadata becomes too large.
    """
    check_participant(state, caller_id)
    before = state.thread
    policy = request.retention_policy
    if request.topic is None and request.metadata is UNSET and policy is UNSET:
        return Step(state=state)
    thread = msgspec.structs.replace(
        before,
        topic=before.topic if request.topic is None else request.topic,
        metadata=merge(before.metadata, request.metadata),
        retention_policy=before.retention_policy if policy is UNSET else policy,
        version=next_version(before, now),
    )
    state = msgspec.structs.replace(state, thread=thread)
    messages: tuple[Message, ...] = ()
    if thread.topic != before.topic:
        messages = (_topic_message(state, caller_id, now),)
        state = append(state, messages[0])
    happening = PropertiesUpdated(thread=thread, by=caller_id, at=now, topic=request.topic)
    return Step(state=state, messages=messages, happening=happening)


def delete(state: ThreadState, by: str | None, now: int) -> Step:
    """The thread, deleted by a participant, or by its retention policy (None).

    It keeps the version of its last change.

    Raises:
        RequestError: 403, whoever deletes it is no participant.
    """
    if by is not None:
        check_participant(state, by)
    thread = msgspec.structs.replace(state.thread, deleted_at=now)
    return Step(
        state=msgspec.structs.replace(state, thread=thread),
        happening=ThreadDeleted(thread=state.thread, by=by, at=now),
    )


def apply_policy(state: ThreadState, now: int) -> Step:
    """The thread, deleted where its retention policy, as it is now, says so."""
    at = deletion_time(state.thread)
    return Step(state=state) if at is None or at > now else delete(state, None, now)


def deletion_time(thread: Thread) -> int | None:
    """When the retention policy deletes the thread: days after its creation; None for never."""
    policy = thread.retention_policy
    if policy is None or policy.delete_thread_after_days is None:
        return None
    return thread.created_at + policy.delete_thread_after_days * DAY


def _topic_message(state: ThreadState, initiator: str, now: int) -> Message:
    topic = state.thread.topic
    return system_message(
        state, MessageKind.TOPIC_UPDATED, now=now, initiator=initiator, topic=topic
    )
