"""Who hears of what happens in a chat thread?

The chat events article: an action is told to each participant but the one who acted.
"""

from switchhook.communication import catalogue
from switchhook.communication.chat.happenings import (
    Happening,
    MessageDeleted,
    MessageEdited,
    MessageRead,
    MessageSent,
    ParticipantRemoved,
    ParticipantsAdded,
    PropertiesUpdated,
    ThreadCreated,
    ThreadDeleted,
    TypingStarted,
)

# The threads of Teams meetings; a random id of our own begins so by one chance in 2**48.
MEETING_PREFIX = "19:meeting_"
# Azure bots (concept article "Bots"); Teams apps have longer prefixes that begin so, too.
BOT_PREFIX = "28:"


def initiator_of(happening: Happening) -> str | None:
    """The raw id of who acted; None where a retention policy did."""
    match happening:
        case ThreadCreated():
            return happening.thread.created_by
        case MessageSent() | MessageEdited() | MessageDeleted():
            return happening.message.sender
        case TypingStarted():
            return happening.sender
        case MessageRead():
            return happening.receipt.sender
        case PropertiesUpdated() | ThreadDeleted() | ParticipantsAdded() | ParticipantRemoved():
            return happening.by


def audience_of(happening: Happening) -> tuple[str, ...]:
    """The raw ids of everyone who was in the thread before or after it, in the order of joining.

    Added users hear of their addition, a removed user of the removal (both assumed).
    """
    participants = tuple(each.raw_id for each in happening.thread.participants)
    if isinstance(happening, ParticipantRemoved):
        return (*participants, happening.removed.raw_id)
    return participants


def recipients_of(happening: Happening, *, include_initiator: bool) -> tuple[str, ...]:
    """The raw ids of those who get a user-level copy, in the order of joining.

    Nobody is left out where who acted is no participant (assumed). Who leaves is told no more, and
    neither is anyone of his own doing, unless `include_initiator` asks for that.
    """
    audience = audience_of(happening)
    if include_initiator:
        return audience
    initiator = initiator_of(happening)
    return tuple(raw_id for raw_id in audience if raw_id != initiator)


def is_published(happening: Happening) -> bool:
    """Whether events tell of that thread at all.

    The chat of a Teams meeting is silent unless a Communication Services user is in it. That the
    last of them leaves is told (assumed).
    """
    if not happening.thread.id.startswith(MEETING_PREFIX):
        return True
    return any(catalogue.is_user(raw_id) for raw_id in audience_of(happening))


def has_bot(happening: Happening) -> bool:
    """Whether an Azure bot takes part in the thread."""
    return any(raw_id.startswith(BOT_PREFIX) for raw_id in audience_of(happening))
