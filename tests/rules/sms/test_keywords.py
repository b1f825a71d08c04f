"""What inbound keywords do, by the kind of the number that receives them."""

import pytest

from switchhook.communication.resources import NumberKind
from switchhook.communication.sms.keywords import KeywordAnswers, Reaction, react, read_keyword

ANSWERS = KeywordAnswers(
    short_code_stop="short stop",
    short_code_start="short start",
    short_code_help="short help",
    toll_free_stop="carrier stop",
    toll_free_start="carrier start",
)


@pytest.mark.parametrize("message", ["STOP", "stop", " Stop \r\n", "\tsToP"])
def test_keyword_is_the_whole_message_trimmed_and_in_any_case(message: str) -> None:
    """A keyword may have blanks around it."""
    assert read_keyword(message) == "STOP"


@pytest.mark.parametrize("message", ["STOP it", "please stop", "STOPS", "", "S T O P", "end"])
def test_keyword_inside_a_text_is_no_keyword(message: str) -> None:
    """Only the whole message counts."""
    assert read_keyword(message) is None


@pytest.mark.parametrize(
    ("kind", "message", "reaction"),
    [
        (NumberKind.SHORT_CODE, "STOP", Reaction(True, "short stop")),
        (NumberKind.SHORT_CODE, "START", Reaction(False, "short start")),
        (NumberKind.SHORT_CODE, "UNSTOP", Reaction(False, "short start")),
        (NumberKind.SHORT_CODE, "HELP", Reaction(None, "short help")),
        (NumberKind.TOLL_FREE, "STOP", Reaction(True, "carrier stop")),
        (NumberKind.TOLL_FREE, "START", Reaction(False, "carrier start")),
        (NumberKind.TOLL_FREE, "UNSTOP", Reaction(False, "carrier start")),
        (NumberKind.TOLL_FREE, "HELP", Reaction()),
        (NumberKind.GEOGRAPHIC, "STOP", Reaction(True, "carrier stop")),
        (NumberKind.SHORT_CODE, "hello", Reaction()),
    ],
)
def test_reaction_depends_on_the_kind_of_number(
    kind: NumberKind, message: str, reaction: Reaction
) -> None:
    """The carrier answers for toll-free numbers, the service for short codes."""
    assert react(kind, message, ANSWERS) == reaction
