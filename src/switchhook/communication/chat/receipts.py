"""What does a read receipt come to?

A receipt says that its sender has read up to a message: there is one for each participant.
"""

from switchhook.communication.chat.happenings import MessageRead
from switchhook.communication.chat.messages import check_visible
from switchhook.communication.chat.model import Message, ReadReceipt, Thread
from switchhook.communication.chat.permissions import check_participant
from switchhook.communication.chat.state import Step, ThreadState

# Read receipts and typing indicators are not supported in larger threads (article about service
# limits).
MAX_PARTICIPANTS = 20


def are_supported(thread: Thread) -> bool:
    """Whether a thread is small enough for read receipts and typing indicators.

    In a larger one the service accepts receipts, keeps none and lists none: issue 31413 of
    azure-sdk-for-net. Typing indicators are taken to be the same (assumed).
    """
    return len(thread.participants) <= MAX_PARTICIPANTS


def read(
    state: ThreadState,
    message: Message,
    caller_id: str,
    now: int,
    previous: ReadReceipt | None = None,
) -> Step:
    """The caller has read up to a message; `previous` is the receipt that is kept of the caller.

    A receipt for the same or an earlier message changes nothing (assumed).

    Raises:
        RequestError: 403 `Forbidden`, the caller is not a participant; 404, the message is too old
            for the caller to see.
    """
    check_visible(check_participant(state, caller_id), message)
    goes_on = previous is None or previous.message_id < message.id
    if not goes_on or not are_supported(state.thread):
        return Step(state=state)
    receipt = ReadReceipt(sender=caller_id, message_id=message.id, read_at=now)
    return Step(
        state=state,
        receipts=(receipt,),
        happening=MessageRead(thread=state.thread, receipt=receipt),
    )
