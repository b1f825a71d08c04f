"""Which token allows what, and who acts in a thread?"""

import pytest

from switchhook.communication.chat.permissions import Action, check_participant, check_scope
from switchhook.communication.identity.caller import Scope
from switchhook.errors import RequestError
from tests.rules.chat.message_builders import ALICE, CAROL, a_caller, a_state

CHANGE_THREADS = {Action.CREATE_THREAD, Action.UPDATE_THREAD, Action.DELETE_THREAD}
CHANGE_PARTICIPANTS = {Action.ADD_PARTICIPANTS, Action.REMOVE_PARTICIPANT}
THE_REST = set(Action) - CHANGE_THREADS - CHANGE_PARTICIPANTS


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ((Scope.CHAT,), set(Action)),
        ((Scope.CHAT_JOIN,), CHANGE_PARTICIPANTS | THE_REST),
        ((Scope.CHAT_JOIN_LIMITED,), THE_REST),
        ((Scope.VOIP,), set()),
        ((Scope.VOIP, Scope.VOIP_JOIN), set()),
        ((Scope.VOIP, Scope.CHAT_JOIN_LIMITED), THE_REST),
        ((Scope.CHAT_JOIN_LIMITED, Scope.CHAT), set(Action)),
    ],
)
def test_scopes_allow_what_the_identity_article_says(
    scopes: tuple[Scope, ...], allowed: set[Action]
) -> None:
    """Its table of chat token scopes; scopes of calls allow nothing."""
    caller = a_caller(*scopes)

    for action in allowed:
        check_scope(caller, action)
    for action in set(Action) - allowed:
        with pytest.raises(RequestError) as refusal:
            check_scope(caller, action)
        assert (refusal.value.status, refusal.value.code) == (403, "Forbidden")
        assert refusal.value.message == "User is not allowed to perform specified action."


def test_participant_is_found() -> None:
    """By raw id."""
    assert check_participant(a_state(), ALICE).raw_id == ALICE


@pytest.mark.parametrize("raw_id", [CAROL, "", ALICE.upper()])
def test_others_are_forbidden(raw_id: str) -> None:
    """Only participants act in a thread."""
    with pytest.raises(RequestError) as refusal:
        check_participant(a_state(), raw_id)

    assert (refusal.value.status, refusal.value.code) == (403, "Forbidden")
