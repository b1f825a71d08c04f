"""How is an event's subject made?

A pattern names variables in braces; each is read from the event's data, or given by the caller
where the data does not hold it.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from switchhook.communication.catalogue.conversions import with_dashes, without_plus
from switchhook.errors import RequestError

# Where each variable comes from; the first path that holds a non-empty value is taken. A variable
# that is not listed is the member of its own name.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "recipientNumber": ("to",),
    "senderNumber": ("from",),
    "dashedRecipient": ("recepient", "to"),
    "dashedSender": ("sender", "from"),
    "userId": (
        "recipientCommunicationIdentifier.rawId",
        "startedBy.communicationIdentifier.rawId",
        "to.rawId",
        "to",
    ),
    "senderRawId": ("senderCommunicationIdentifier.rawId", "senderId"),
    "recipientRawId": ("recipientCommunicationIdentifier.rawId", "recipientId"),
    "creatorRawId": ("createdByCommunicationIdentifier.rawId", "createdBy"),
    "editorRawId": ("editedByCommunicationIdentifier.rawId", "editedBy"),
    "deleterRawId": ("deletedByCommunicationIdentifier.rawId", "deletedBy"),
    "addedRawId": (
        "participantAdded.participantCommunicationIdentifier.rawId",
        "memberAdded.memberId",
    ),
    "removedRawId": (
        "participantRemoved.participantCommunicationIdentifier.rawId",
        "memberRemoved.memberId",
    ),
    "fromRawId": ("from.rawId",),
    "toRawId": ("to.rawId",),
    "starterRawId": ("startedBy.communicationIdentifier.rawId",),
    "participantRawId": ("user.communicationIdentifier.rawId",),
    "userRawId": ("userCommunicationIdentifier.rawId",),
    "senderAddress": ("sender",),
    # A WhatsApp user who hides the number is known by a business-scoped user id instead.
    "senderId": ("from", "fromBSUID"),
    "recipientId": ("to",),
}

_CONVERSIONS = {
    "recipientNumber": without_plus,
    "senderNumber": without_plus,
    "dashedRecipient": with_dashes,
    "dashedSender": with_dashes,
}
_VARIABLE = re.compile(r"\{(\w+)\}")


class Pattern(msgspec.Struct, frozen=True):
    """A subject's pattern, cut at its variables: literals stand between them."""

    literals: tuple[str, ...]
    variables: tuple[str, ...]
    paths: tuple[tuple[tuple[str, ...], ...], ...]


def parse_pattern(pattern: str) -> Pattern:
    """The pieces of `pattern`."""
    parts = _VARIABLE.split(pattern)
    variables = tuple(parts[1::2])
    paths = tuple(
        tuple(tuple(path.split(".")) for path in SOURCES.get(variable, (variable,)))
        for variable in variables
    )
    return Pattern(tuple(parts[0::2]), variables, paths)


def make_subject(
    event_type: str, pattern: Pattern, values: Mapping[str, Any], given: Mapping[str, str]
) -> str:
    """The subject of an event with these values; what is `given` comes first.

    Raises RequestError when a variable is neither given nor in the data.
    """
    pieces = [pattern.literals[0]]
    for index, variable in enumerate(pattern.variables):
        value = given.get(variable)
        if value is None:
            value = _derive(event_type, variable, pattern.paths[index], values)
        pieces.append(value)
        pieces.append(pattern.literals[index + 1])
    return "".join(pieces)


def _derive(
    event_type: str, variable: str, paths: tuple[tuple[str, ...], ...], values: Mapping[str, Any]
) -> str:
    found = None
    for path in paths:
        value: Any = values
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                break
            value = value[name]
        else:
            # null and "" stand for "not known yet", such as the queue of a job: an empty segment
            found = "" if value is None else str(value)
            if found:
                break
    if found is None:
        message = f"The subject of {event_type} needs a value for '{variable}'."
        raise RequestError(400, "InvalidRequest", message)
    convert = _CONVERSIONS.get(variable)
    return convert(found) if convert else found
