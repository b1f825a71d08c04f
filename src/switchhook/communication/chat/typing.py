"""What does a typing notification come to?"""

from switchhook.communication.chat.happenings import TypingStarted
from switchhook.communication.chat.permissions import check_participant
from switchhook.communication.chat.receipts import are_supported
from switchhook.communication.chat.state import Step, ThreadState


def type_(state: ThreadState, caller_id: str, display_name: str | None, now: int) -> Step:
    """The caller is typing: nothing is kept, the others are told; in a large thread, nobody.

    Raises:
        RequestError: 403 `Forbidden`, the caller is not a participant.
    """
    check_participant(state, caller_id)
    if not are_supported(state.thread):
        return Step(state=state)
    return Step(
        state=state,
        happening=TypingStarted(
            thread=state.thread, sender=caller_id, sender_display_name=display_name, at=now
        ),
    )
