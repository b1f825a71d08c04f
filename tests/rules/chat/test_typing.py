"""What does a typing notification come to?"""

import pytest

from switchhook.communication.chat.happenings import TypingStarted
from switchhook.communication.chat.state import Step
from switchhook.communication.chat.typing import type_
from switchhook.errors import RequestError
from tests.rules.chat.message_builders import BOB, CAROL, NOW, a_crowd, a_state


@pytest.mark.parametrize("name", [None, "", "Bjørn"])
def test_others_are_told(name: str | None) -> None:
    """Nothing is written."""
    state = a_state()

    assert type_(state, BOB, name, NOW) == Step(
        state=state,
        happening=TypingStarted(thread=state.thread, sender=BOB, sender_display_name=name, at=NOW),
    )


@pytest.mark.parametrize(("count", "told"), [(20, True), (21, False)])
def test_large_threads_have_no_typing_indicators(count: int, told: bool) -> None:
    """More than 20 participants: the request succeeds, and that is all."""
    step = type_(a_state(*a_crowd(count)), BOB, None, NOW)

    assert (step.happening is not None) is told


def test_only_participants_type() -> None:
    """Others are refused."""
    with pytest.raises(RequestError) as refusal:
        type_(a_state(), CAROL, None, NOW)

    assert (refusal.value.status, refusal.value.code) == (403, "Forbidden")
