"""How does a command show a chat message? As a line or a row; it comes from strangers.

Pure: messages are as the Chat API answers them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from switchhook.cli.listen_output import printable

Message = Mapping[str, Any]
Names = Mapping[str, str]
"""Raw id to display name; who is not in it is shown by raw id."""


def raw_id_of(identifier: Mapping[str, Any] | None) -> str:
    """The raw id of an identifier, "" where there is none."""
    return str((identifier or {}).get("rawId", ""))


def names_of(participants: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The display names of participants, where they have one."""
    return {
        raw_id_of(each.get("communicationIdentifier")): each["displayName"]
        for each in participants
        if each.get("displayName")
    }


def names_in(message: Message) -> dict[str, str]:
    """The display names that a message tells of."""
    found = names_of(message.get("content", {}).get("participants", ()))
    if message.get("senderDisplayName"):
        found[raw_id_of(message.get("senderCommunicationIdentifier"))] = message[
            "senderDisplayName"
        ]
    return found


def sender_of(message: Message, names: Names) -> str:
    """Who wrote a message; "" for one by the service."""
    raw_id = raw_id_of(message.get("senderCommunicationIdentifier"))
    return message.get("senderDisplayName") or names.get(raw_id, raw_id)


def text_of(message: Message, names: Names) -> str:
    """What a message says, on one line."""
    if message.get("deletedOn"):
        return "(deleted)"
    content = message.get("content", {})
    if message["type"] in ("text", "html"):
        edited = " (edited)" if message.get("editedOn") else ""
        return f"{content.get('message', '')}{edited}"
    return _told(message["type"], content, names)


def happened_at(message: Message) -> datetime:
    """When a message became what it is now: sent, edited or deleted."""
    at: str = message.get("deletedOn") or message.get("editedOn") or message["createdOn"]
    return datetime.fromisoformat(at)


def order_of(message: Message) -> tuple[datetime, int]:
    """By what messages stand in the order of their last changes; versions are finer than times."""
    return happened_at(message), int(message["version"])


def to_line(message: Message, names: Names, *, happens_now: bool = True) -> str:
    """A message as it is shown when it comes, or among those of before, under the time when it
    was sent; a later state of it tells its id."""
    at = happened_at(message) if happens_now else datetime.fromisoformat(message["createdOn"])
    said = text_of(message, names)
    sender = sender_of(message, names)
    if message.get("deletedOn") or message.get("editedOn"):
        said = f"{said} [{message['id']}]"
    who = f"{sender}: " if sender else "* "
    return printable(f"{at.astimezone():%H:%M:%S}  {who}{said}")


def local_time(text: str, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time of the API in the local zone; "" for none."""
    return datetime.fromisoformat(text).astimezone().strftime(form) if text else ""


def _told(kind: str, content: Mapping[str, Any], names: Names) -> str:
    """What the service says."""
    initiator = raw_id_of(content.get("initiatorCommunicationIdentifier"))
    by = names.get(initiator, initiator)
    if kind == "topicUpdated":
        return f"{by} set the topic to {content.get('topic', '')!r}"
    people = content.get("participants", [])
    ids = [raw_id_of(each.get("communicationIdentifier")) for each in people]
    if kind == "participantRemoved" and ids == [initiator]:
        return f"{by} left"
    verb = {"participantAdded": "added", "participantRemoved": "removed"}.get(kind, kind)
    known = {**names, **names_of(people)}
    return f"{by} {verb} {', '.join(known.get(each, each) for each in ids)}"
