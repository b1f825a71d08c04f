"""Which events does a happening in a chat thread publish, and in which order?

The chat events article: each change is told once to the thread, then once to each participant but
the one who acted, in the order in which they joined. Users who are added together are told of one
after the other, each at both levels. A type that the resource's profile lacks is left out.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

import msgspec

from switchhook.clock import MILLISECOND, to_text
from switchhook.communication import catalogue
from switchhook.communication.chat import event_values
from switchhook.communication.chat.copies import copies
from switchhook.communication.chat.event_values import Level
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
from switchhook.communication.chat.recipients import (
    BOT_PREFIX,
    has_bot,
    is_published,
    recipients_of,
)
from switchhook.communication.resources import CommunicationResource, EventSettings
from switchhook.guids import NewGuid

# The public preview told of messages only when the send named its sender.
NAMELESS_ARE_SILENT = frozenset({"preview-2020-07"})

_PREFIX = "Microsoft.Communication."


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    """What subscribers hear of one change: names of types, and the values at each level."""

    values: Callable[[Level], dict[str, Any]]
    in_thread: tuple[str, ...]
    to_users: str | None = None


def events_of(
    happening: Happening, resource: CommunicationResource, new_guid: NewGuid
) -> list[bytes]:
    """Every event of `happening` as JSON text, in published order; none for some happenings.

    All carry one `transactionId` but for its last number, which counts them.
    """
    return [event for part in parts_of(happening, resource, new_guid) for event in part]


def parts_of(
    happening: Happening, resource: CommunicationResource, new_guid: NewGuid
) -> Iterator[list[bytes]]:
    """The same in parts, made one by one: what is told of each user who joins is one of them.

    200 users who join 50 are 50,000 events, 80 MB: nobody shall need all of that at a time.
    """
    if not is_published(happening):
        return
    publication = _Publication(happening, resource, new_guid)
    for change in _changes(happening, resource.events):
        events = list(publication.events(change))
        if events:
            yield events


class _Publication:
    """Renders the events of one happening."""

    def __init__(
        self, happening: Happening, resource: CommunicationResource, new_guid: NewGuid
    ) -> None:
        self._happening = happening
        self._resource = resource
        self._new_guid = new_guid
        self._event_time = to_text(_instant_of(happening))
        self._transaction = _transaction(str(new_guid()))
        self._numbers = count(1)

    def events(self, change: _Change) -> Iterator[bytes]:
        """Those of one change: the thread's, then the users'."""
        for name in filter(self._is_known, change.in_thread):
            values = change.values(Level.THREAD)
            values["transactionId"] = f"{self._transaction}.{next(self._numbers)}"
            yield self._render(name, values, str(self._new_guid()))
        if change.to_users is None or not self._is_known(change.to_users):
            return
        include_initiator = self._resource.events.include_initiator
        recipients = recipients_of(self._happening, include_initiator=include_initiator)
        render = partial(self._copy, change.to_users, change.values(Level.USER))
        yield from copies(render, recipients, numbers=self._numbers, new_guid=self._new_guid)

    def _is_known(self, name: str) -> bool:
        return catalogue.name_in(self._resource.events.profile, _PREFIX + name) is not None

    def _copy(
        self, name: str, values: dict[str, Any], *, event_id: str, recipient: str, number: str
    ) -> bytes:
        own = {
            "recipientCommunicationIdentifier": catalogue.identifier_of(recipient, kind=False),
            "transactionId": f"{self._transaction}.1.{number}",
        }
        return self._render(name, values | own, event_id)

    def _render(self, name: str, values: dict[str, Any], event_id: str) -> bytes:
        return catalogue.render_json(
            _PREFIX + name,
            resource_id=self._resource.resource_id,
            settings=self._resource.events,
            values=values,
            event_id=event_id,
            event_time=self._event_time,
        )


def _changes(happening: Happening, settings: EventSettings) -> Iterator[_Change]:
    match happening:
        case MessageSent() | MessageEdited() | MessageDeleted():
            yield from _message_changes(happening, settings)
        case TypingStarted():
            if settings.typing_events:
                values = partial(event_values.typing, happening)
                yield _Change(values=values, in_thread=("ChatTypingIndicatorReceivedInThread",))
        case MessageRead():
            return
        case _:
            yield from _thread_changes(happening, settings)


def _thread_changes(
    happening: ThreadCreated
    | PropertiesUpdated
    | ThreadDeleted
    | ParticipantsAdded
    | ParticipantRemoved,
    settings: EventSettings,
) -> Iterator[_Change]:
    match happening:
        case ThreadCreated():
            yield _Change(
                values=lambda level: event_values.created(happening.thread, level, settings),
                in_thread=("ChatThreadCreated",),
                to_users="ChatThreadCreatedWithUser",
            )
        case PropertiesUpdated():
            yield _Change(
                values=lambda level: event_values.updated(happening, level, settings),
                in_thread=("ChatThreadPropertiesUpdated",),
                to_users="ChatThreadPropertiesUpdatedPerUser",
            )
        case ThreadDeleted():
            yield _Change(
                values=lambda level: event_values.deleted(happening, level, settings),
                in_thread=("ChatThreadDeleted",),
                to_users="ChatThreadWithUserDeleted",
            )
        case ParticipantsAdded():
            for each in happening.added:
                yield _Change(
                    values=partial(event_values.added, happening, each),
                    in_thread=("ChatThreadParticipantAdded",),
                    to_users="ChatParticipantAddedToThreadWithUser",
                )
        case ParticipantRemoved():
            yield _Change(
                values=partial(event_values.removed, happening),
                in_thread=("ChatThreadParticipantRemoved",),
                to_users="ChatParticipantRemovedFromThreadWithUser",
            )


def _message_changes(
    happening: MessageSent | MessageEdited | MessageDeleted, settings: EventSettings
) -> Iterator[_Change]:
    thread, message = happening.thread, happening.message
    if message.kind.is_system:  # told by the event of its action (assumed)
        return
    if message.sender_display_name is None and settings.profile in NAMELESS_ARE_SILENT:
        return
    match happening:
        case MessageSent():
            commands = _bot_commands(happening, settings)
            yield _Change(
                values=lambda level: event_values.sent(thread, message, level, settings),
                in_thread=("ChatMessageReceivedInThread", *commands),
                to_users="ChatMessageReceived",
            )
        case MessageEdited():
            yield _Change(
                values=lambda level: event_values.edited(thread, message, level, settings),
                in_thread=("ChatMessageEditedInThread",),
                to_users="ChatMessageEdited",
            )
        case MessageDeleted():
            yield _Change(
                values=lambda level: event_values.removed_message(thread, message, level, settings),
                in_thread=("ChatMessageDeletedInThread",),
                to_users="ChatMessageDeleted",
            )


def _bot_commands(happening: MessageSent, settings: EventSettings) -> tuple[str, ...]:
    """No document says what a command is: every message of a user in a bot's thread (assumed)."""
    is_from_bot = (happening.message.sender or "").startswith(BOT_PREFIX)
    if not settings.bot_events or is_from_bot or not has_bot(happening):
        return ()
    return ("ChatAzureBotCommandReceivedInThread",)


def _instant_of(happening: Happening) -> int:
    """When it took effect, and no earlier than any time in the data."""
    match happening:
        case ThreadCreated():
            return happening.thread.created_at
        case MessageSent():
            message = happening.message
            return max(message.created_at, message.id * MILLISECOND)
        case MessageEdited():
            message = happening.message
            return max(message.edited_at or 0, message.version * MILLISECOND)
        case MessageDeleted():
            message = happening.message
            return max(message.deleted_at or 0, message.id * MILLISECOND)
        case MessageRead():
            return happening.receipt.read_at
        case _:
            return happening.at


def _transaction(guid: str) -> str:
    """The start of a correlation vector as in the samples: 22 characters of base64, then numbers.

    The thread's event ends in one more number, the users' in two: that all of one action share the
    start, and no last number comes twice, is assumed.
    """
    digits = guid.replace("-", "")
    base = b64encode(bytes.fromhex(digits)).decode().rstrip("=")
    return f"{base}.1.1.1.1.{int(digits[:8], 16) & 0x7FFFFFFF}"
