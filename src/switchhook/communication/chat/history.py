"""How does a thread's history go on: which id, sequence and version has its next message?"""

import msgspec

from switchhook.clock import MILLISECOND
from switchhook.communication.chat.model import Head, Message, MessageKind, Participant
from switchhook.communication.chat.state import ThreadState


def milliseconds(instant: int) -> int:
    """An instant as message ids and versions write it: whole milliseconds since the epoch."""
    return instant // MILLISECOND


def next_message_id(head: Head, now: int) -> int:
    """The id of a message composed now; one more than the last where that millisecond is taken."""
    return max(milliseconds(now), head.message_id + 1)


def append(state: ThreadState, message: Message) -> ThreadState:
    """The thread after a new message, whoever wrote it.

    `lastMessageReceivedOn` is told of a thread with messages of the service alone, too (recorded
    session `test_list_chat_threads` of azure-communication-chat).
    """
    head = Head(
        sequence=message.sequence,
        message_id=message.id,
        last_message_at=message.created_at,
    )
    return msgspec.structs.replace(state, head=head)


def system_message(
    state: ThreadState,
    kind: MessageKind,
    *,
    now: int,
    initiator: str,
    topic: str | None = None,
    participants: tuple[Participant, ...] = (),
) -> Message:
    """The message by which the service tells of a change; it comes next in the history."""
    message_id = next_message_id(state.head, now)
    return Message(
        id=message_id,
        kind=kind,
        sequence=state.head.sequence + 1,
        version=message_id,
        created_at=now,
        topic=topic,
        participants=participants,
        initiator=initiator,
    )
