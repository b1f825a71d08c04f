"""Who may do what in chat?

The table "Chat token scopes" of the concept article about the identity model; and only participants
act in a thread, as the concept article about chat says.
"""

from enum import StrEnum

from switchhook.communication.chat.model import Participant
from switchhook.communication.chat.state import ThreadState
from switchhook.communication.identity.caller import Caller, Scope
from switchhook.errors import RequestError


class Action(StrEnum):
    """What a request asks of chat."""

    CREATE_THREAD = "create thread"
    UPDATE_THREAD = "update thread"
    DELETE_THREAD = "delete thread"
    GET_THREAD = "get thread"
    LIST_THREADS = "list threads"
    ADD_PARTICIPANTS = "add participants"
    REMOVE_PARTICIPANT = "remove participant"
    LIST_PARTICIPANTS = "list participants"
    SEND_MESSAGE = "send message"
    GET_MESSAGE = "get message"
    LIST_MESSAGES = "list messages"
    UPDATE_MESSAGE = "update message"
    DELETE_MESSAGE = "delete message"
    SEND_TYPING = "send typing"
    SEND_READ_RECEIPT = "send read receipt"
    LIST_READ_RECEIPTS = "list read receipts"
    # The table does not name it; whoever may read messages may be told of them (assumed).
    CONNECT = "connect"


_FULL = frozenset({Scope.CHAT})
_JOIN = frozenset({Scope.CHAT, Scope.CHAT_JOIN})
_LIMITED = frozenset({Scope.CHAT, Scope.CHAT_JOIN, Scope.CHAT_JOIN_LIMITED})

SCOPES = dict.fromkeys(Action, _LIMITED) | {
    Action.CREATE_THREAD: _FULL,
    Action.UPDATE_THREAD: _FULL,
    Action.DELETE_THREAD: _FULL,
    Action.ADD_PARTICIPANTS: _JOIN,
    Action.REMOVE_PARTICIPANT: _JOIN,
}


def forbidden() -> RequestError:
    """The refusal of what a user may not do, worded as in the examples of the OpenAPI."""
    return RequestError(403, "Forbidden", "User is not allowed to perform specified action.")


def check_scope(caller: Caller, action: Action) -> None:
    """Whether the caller's token allows that action.

    Raises:
        RequestError: 403 `Forbidden`, it has none of the scopes that do.
    """
    if caller.scopes.isdisjoint(SCOPES[action]):
        raise forbidden()


def check_participant(state: ThreadState, raw_id: str) -> Participant:
    """That user's part in the thread.

    Raises:
        RequestError: 403 `Forbidden`, the user has none.
    """
    participant = state.thread.participant(raw_id)
    if participant is None:
        raise forbidden()
    return participant
