"""Who is told what of a happening."""

import json
from typing import Any

import msgspec
import pytest

from switchhook.communication.chat.happenings import (
    MessageDeleted,
    MessageEdited,
    MessageRead,
    MessageSent,
    ParticipantRemoved,
    TypingStarted,
)
from switchhook.communication.chat.model import Participant, ReadReceipt
from switchhook.communication.realtime.hub import Hub
from switchhook.communication.realtime.payloads import push_of
from switchhook.communication.resources import CommunicationResource
from tests.flow.realtime.happenings import AT, a_message, a_thread, sent
from tests.flow.realtime.world import ALICE, BOB, CAROL, RESOURCE


class Screen:
    """A connection that remembers."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.has_ended = False

    def push(self, body: str) -> None:
        """See Connection."""
        self.heard.append(json.loads(body))

    def end(self) -> None:
        """See Connection."""
        self.has_ended = True


class Comings:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def connected(self, resource: CommunicationResource, raw_id: str) -> None:
        """See PresenceListener."""
        self.log.append(f"+{raw_id}")

    def disconnected(self, resource: CommunicationResource, raw_id: str) -> None:
        """See PresenceListener."""
        self.log.append(f"-{raw_id}")


ANOTHER = msgspec.structs.replace(RESOURCE, topic="another")


def test_only_connections_of_the_resource_are_told() -> None:
    """The same user id of another incarnation of the resource is another user."""
    hub, here, there = Hub(), Screen(), Screen()
    hub.connect(ANOTHER, BOB, "1", there)
    hub.connect(RESOURCE, BOB, "1", here)

    hub.push(RESOURCE, sent())

    assert [each["recipientMri"] for each in here.heard] == [BOB]
    assert there.heard == []


def test_newer_connection_of_a_page_takes_over_for_good() -> None:
    """That the older one goes later changes nothing."""
    hub, old, new, comings = Hub(), Screen(), Screen(), Comings()
    hub.listen(comings)
    hub.connect(RESOURCE, BOB, "1", old)
    hub.connect(RESOURCE, BOB, "1", new)
    hub.disconnect(RESOURCE, BOB, "1", old)

    hub.push(RESOURCE, sent())

    assert (len(old.heard), len(new.heard)) == (0, 1)
    assert comings.log == [f"+{BOB}", f"+{BOB}", f"-{BOB}"]


def test_who_has_gone_is_not_told() -> None:
    """And leaves nothing behind."""
    hub, screen = Hub(), Screen()
    hub.connect(RESOURCE, BOB, "1", screen)
    hub.disconnect(RESOURCE, BOB, "1", screen)

    hub.push(RESOURCE, sent())

    assert screen.heard == []
    assert hub.is_empty


def test_connections_and_users_are_counted() -> None:
    """Every live connection, also one that a newer one of the page follows."""
    hub, first, second = Hub(), Screen(), Screen()
    hub.connect(RESOURCE, BOB, "1", first)
    hub.connect(RESOURCE, BOB, "1", second)
    hub.connect(RESOURCE, ALICE, "2", Screen())
    hub.connect(ANOTHER, BOB, "1", Screen())
    assert (hub.connections, hub.users) == (4, 3)

    hub.disconnect(RESOURCE, BOB, "1", first)
    assert (hub.connections, hub.users) == (3, 3)
    hub.disconnect(RESOURCE, BOB, "1", second)
    assert (hub.connections, hub.users) == (2, 2)


def test_nobody_connected_costs_nothing() -> None:
    """Not even the reading of what has happened."""
    Hub().push(RESOURCE, "no happening")  # type: ignore[arg-type]


def test_connections_of_a_resource_end_together() -> None:
    """When it is forgotten."""
    hub, here, there = Hub(), Screen(), Screen()
    hub.connect(RESOURCE, BOB, "1", here)
    hub.connect(ANOTHER, BOB, "1", there)

    hub.forget(RESOURCE.topic)

    assert (here.has_ended, there.has_ended) == (True, False)


@pytest.mark.parametrize(
    ("happening", "recipients"),
    [
        (sent(), {ALICE, BOB}),
        (
            TypingStarted(thread=a_thread(), sender=ALICE, sender_display_name=None, at=AT),
            {ALICE, BOB},
        ),
        (
            MessageRead(
                thread=a_thread(), receipt=ReadReceipt(sender=ALICE, message_id=1, read_at=AT)
            ),
            {BOB},
        ),
        (
            ParticipantRemoved(
                thread=a_thread(), by=ALICE, at=AT, removed=Participant(raw_id=CAROL)
            ),
            {ALICE, BOB, CAROL},
        ),
    ],
)
def test_recipients(happening: Any, recipients: set[str]) -> None:
    """Everybody in the thread, who reads excepted, and who was removed besides."""
    assert set(push_of(happening).recipients) == recipients


def test_what_is_no_happening_is_a_mistake() -> None:
    """A new kind of happening must be given a push."""
    with pytest.raises(TypeError, match="str"):
        push_of("no happening")  # type: ignore[arg-type]


def test_members_without_a_value_are_text_all_the_same() -> None:
    """The client calls methods of them."""
    happening = TypingStarted(thread=a_thread(), sender=ALICE, sender_display_name=None, at=AT)

    assert push_of(happening).members["senderDisplayName"] == ""


@pytest.mark.parametrize("kind", [MessageSent, MessageEdited, MessageDeleted])
@pytest.mark.parametrize(("since", "is_told"), [(0, True), (AT, True), (AT + 1, False)])
def test_message_is_told_to_who_may_read_it(kind: Any, since: int, is_told: bool) -> None:
    """An edit must not tell a newcomer what was said before the history that is shared."""
    thread = a_thread(
        participants=(
            Participant(raw_id=ALICE),
            Participant(raw_id=CAROL, share_history_time=since),
        )
    )
    message = a_message(edited_at=AT + 9, deleted_at=AT + 9)

    recipients = push_of(kind(thread=thread, message=message)).recipients

    assert recipients == ((ALICE, CAROL) if is_told else (ALICE,))
