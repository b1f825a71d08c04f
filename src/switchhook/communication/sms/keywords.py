"""What does an inbound keyword do?

Rules of the SMS FAQ (revisions of 2021-06 and 2023-03), by the kind of the number that received it.
That a keyword must be the whole message, whatever its case, is assumed.
"""

from enum import StrEnum

import msgspec

from switchhook.communication.resources import NumberKind


class Keyword(StrEnum):
    """A word that the service or the carrier reacts to."""

    STOP = "STOP"
    START = "START"
    UNSTOP = "UNSTOP"
    HELP = "HELP"


class KeywordAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """The automatic answers.

    A short code's are the texts of its program brief. A toll-free number's come from the carrier,
    which blocks by itself as well.
    """

    short_code_stop: str = (
        "You are unsubscribed and will get no more messages. Reply START to undo."
    )
    short_code_start: str = "You are subscribed again. Reply STOP to end, HELP for help."
    short_code_help: str = "Reply STOP to end messages from this number, START to get them again."
    toll_free_stop: str = "Carrier: this number can no longer text you. Reply UNSTOP to allow it."
    toll_free_start: str = "Carrier: this number can text you again."


class Reaction(msgspec.Struct, frozen=True):
    """What follows from an inbound message: `blocks` is None where the opt-out list stays."""

    blocks: bool | None = None
    answer: str | None = None


def read_keyword(message: str) -> Keyword | None:
    """The keyword that the message consists of, if any."""
    word = message.strip().upper()
    return Keyword(word) if word in Keyword.__members__ else None


def react(kind: NumberKind, message: str, answers: KeywordAnswers) -> Reaction:
    """The reaction to a message that came in for a number of that kind.

    The FAQ says nothing of keywords for geographic numbers: they are treated as toll-free ones
    (assumed). Nor does it mention HELP for toll-free numbers, which then have no answer to it.
    """
    keyword = read_keyword(message)
    if keyword is None:
        return Reaction()
    is_short_code = kind is NumberKind.SHORT_CODE
    match keyword:
        case Keyword.STOP:
            return Reaction(
                True, answers.short_code_stop if is_short_code else answers.toll_free_stop
            )
        case Keyword.START | Keyword.UNSTOP:
            return Reaction(
                False, answers.short_code_start if is_short_code else answers.toll_free_start
            )
        case Keyword.HELP:
            return Reaction(answer=answers.short_code_help if is_short_code else None)
