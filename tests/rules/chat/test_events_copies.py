"""The copies for many recipients are what each would be if it were rendered alone."""

import itertools
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.communication import catalogue
from switchhook.communication.chat.copies import copies
from switchhook.communication.chat.events import events_of
from switchhook.communication.chat.happenings import MessageSent
from switchhook.communication.resources import EventSettings
from tests.rules.chat.lifecycle import PROFILES
from tests.rules.chat.scenes import a_message, a_resource, a_thread, guids

PREFIXES = ("8:acs:", "8:gcch-acs:", "4:", "8:orgid:", "8:teamsvisitor:", "28:orgid:", "28:", "")
RESTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
RAW_IDS = st.builds("{}{}".format, st.sampled_from(PREFIXES), RESTS)
USER_LEVEL = [
    event_type.name
    for event_type in catalogue.all_types()
    if event_type.name.startswith("Microsoft.Communication.Chat")
    and any(field.name == "recipientCommunicationIdentifier" for field in event_type.fields)
]


class Rendering:
    """Renders a type's example for one recipient; counts how often."""

    def __init__(self, name: str, profile: str, body: str) -> None:
        self._name = name
        self._settings = EventSettings(profile=profile)
        self._values = dict(catalogue.sample_values(name, now=0, guid="g"))
        if "messageBody" in self._values:
            self._values["messageBody"] = body
        self.count = 0

    def __call__(self, *, event_id: str, recipient: str, number: str) -> bytes:
        self.count += 1
        own: dict[str, Any] = {
            "recipientCommunicationIdentifier": catalogue.identifier_of(recipient, kind=False),
            "transactionId": f"vector.1.{number}",
        }
        if "recipientId" in self._values:
            own["recipientId"] = recipient
        return catalogue.render_json(
            self._name,
            resource_id="/a",
            settings=self._settings,
            values=self._values | own,
            event_id=event_id,
            event_time="2026-01-01T00:00:00Z",
        )


@pytest.mark.parametrize("profile", PROFILES)
@given(
    name=st.sampled_from(USER_LEVEL),
    recipients=st.lists(RAW_IDS, max_size=12),
    body=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_copy_is_what_plain_rendering_makes(
    profile: str, name: str, recipients: list[str], body: str
) -> None:
    """Byte for byte, for every kind of identifier and whatever stands in ids and messages."""
    render = Rendering(name, profile, body)
    fixed = uuid.UUID(int=5)

    made = list(copies(render, recipients, numbers=itertools.count(3), new_guid=lambda: fixed))

    assert made == [
        render(event_id=str(fixed), recipient=recipient, number=str(number))
        for number, recipient in enumerate(recipients, start=3)
    ]


def test_message_is_rendered_once_for_all_recipients_of_a_kind() -> None:
    """However many they are."""
    render = Rendering("ChatMessageReceived", "GA", "hello")
    recipients = [f"8:acs:{number}" for number in range(249)] + ["28:bot", "4:+15555550123"]

    made = list(copies(render, recipients, numbers=itertools.count(1), new_guid=guids()))

    assert len(set(made)) == len(recipients)
    assert render.count == 3


def test_thread_of_250_publishes_250_events() -> None:
    """One of the thread, 249 of users."""
    users = [f"8:acs:{number}" for number in range(250)]
    happening = MessageSent(thread=a_thread(*users), message=a_message(users[7]))

    events = events_of(happening, a_resource(), guids())

    assert len(set(events)) == 250
