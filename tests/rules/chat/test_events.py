"""Each action publishes what the lifecycle table says, all of it and in its order."""

from typing import Any

import pytest
from azure.eventgrid import SystemEventNames
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from switchhook.communication.catalogue import validate
from switchhook.communication.catalogue.shapes import shape_of
from switchhook.communication.chat.happenings import MessageSent, ParticipantRemoved
from switchhook.communication.chat.model import MessageKind, Participant
from switchhook.communication.resources import EventSettings
from tests.rules.catalogue.reading import read_values
from tests.rules.chat.lifecycle import (
    ACTIONS,
    PROFILES,
    TABLE,
    Scene,
    Told,
    check_envelopes,
    expected_events,
    told,
)
from tests.rules.chat.scenes import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    THREAD,
    a_message,
    a_thread,
    happening_of,
    publish,
)

SWITCHES = ("include_initiator", "typing_events", "bot_events", "newest_members")
TEAMS_USER = "8:orgid:5a1f0000-0000-4000-8000-0000000000d1"
PEOPLE = (ALICE, BOB, CAROL, DAVE, TEAMS_USER, "28:orgid:5a1f-bot", "4:+15555550123", "odd/one")


@st.composite
def scenes(draw: st.DrawFn, action: str) -> Scene:
    """Somebody acts in a thread of some people, perhaps without being one of them."""
    people = draw(st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1, max_size=len(PEOPLE)))
    initiator = draw(st.sampled_from(PEOPLE))
    affected: list[str] = []
    match action:
        case "create-thread":
            initiator = people[0]
        case "add-participants":
            affected = draw(st.lists(st.sampled_from(people), unique=True, min_size=1))
        case "remove-participant":
            affected = [draw(st.sampled_from([each for each in PEOPLE if each != initiator]))]
            people = [each for each in people if each not in affected]
        case "leave":
            affected = [initiator]
            people = [each for each in people if each != initiator]
    return Scene(
        thread=THREAD,
        participants=people,
        initiator=None if action == "retention" else initiator,
        creator=initiator if action == "create-thread" else DAVE,
        affected=affected,
        sender_has_name=draw(st.booleans()),
    )


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("action", ACTIONS)
@hypothesis_settings(max_examples=25)
@given(data=st.data())
def test_action_publishes_what_the_table_says(action: str, profile: str, data: Any) -> None:
    """Under every profile and switch, whoever acts; and each event is a valid one."""
    scene = data.draw(scenes(action))
    switches = data.draw(st.fixed_dictionaries({name: st.booleans() for name in SWITCHES}))
    settings = EventSettings(profile=profile, **switches)

    events = publish(happening_of(action, scene), profile=profile, **switches)

    assert told(events) == expected_events(action, scene, settings)
    check_envelopes(events)
    for event in events:
        name = event["eventType"]
        values = read_values(shape_of(name, settings).members, event["data"])
        validate(name, values, profile)


@pytest.mark.parametrize("example", TABLE["examples"], ids=lambda example: example["title"])
def test_example_of_the_table(example: dict[str, Any]) -> None:
    """Whole sets of events that a person wrote down."""
    scene = Scene(
        thread=THREAD,
        participants=example["participants"],
        initiator=example.get("initiator"),
        creator="alice",
        affected=example.get("affected", ()),
    )
    switches = dict.fromkeys(example.get("switches", ()), True)

    events = publish(happening_of(example["action"], scene), **switches)

    assert told(events) == [
        Told(f"Microsoft.Communication.{name}", f"thread/{THREAD}/{subject}", *(to or [None]))
        for name, subject, *to in example["events"]
    ]


def test_table_knows_every_type_of_chat() -> None:
    """All 18 types of the current documents, as azure-eventgrid names them, and both previews'."""
    in_table = {f"Microsoft.Communication.{name}" for name in TABLE["types"]}
    for profile in ("preview-2020-07",):
        names = TABLE["profiles"][profile]["types"]
        own = {rule["name"] for rule in names.values() if "name" in rule}
        in_table |= {f"Microsoft.Communication.{name}" for name in own}

    in_sdk = {
        name.value for name in SystemEventNames if ".Chat" in name.value or "chat" in name.value
    }

    assert len(TABLE["types"]) == 18
    assert in_table == in_sdk


@pytest.mark.parametrize("action", [name for name in ACTIONS if "message" in name])
def test_preview_is_silent_about_senders_without_a_name(action: str) -> None:
    """Nothing but the preview of 2020 asks for a name."""
    scene = Scene(THREAD, [ALICE, BOB], ALICE, sender_has_name=False)

    assert publish(happening_of(action, scene), profile="preview-2020-07") == []
    assert len(publish(happening_of(action, scene))) == 2


def test_meeting_is_silent_without_a_user_of_the_service() -> None:
    """Teams users among themselves are none of our business."""
    thread = a_thread(TEAMS_USER, "8:orgid:other", id="19:meeting_5a1f@thread.v2")
    happening = MessageSent(thread=thread, message=a_message(TEAMS_USER))

    assert publish(happening) == []


def test_meeting_with_a_user_of_the_service_is_told() -> None:
    """To everyone in it."""
    thread = a_thread(TEAMS_USER, ALICE, id="19:meeting_5a1f@thread.v2")
    happening = MessageSent(thread=thread, message=a_message(TEAMS_USER))

    assert len(publish(happening)) == 2


def test_last_user_who_leaves_a_meeting_is_told() -> None:
    """Afterwards there is silence."""
    thread = a_thread(TEAMS_USER, id="19:meeting_5a1f@thread.v2")
    happening = ParticipantRemoved(thread=thread, by=ALICE, at=1, removed=Participant(raw_id=ALICE))

    assert len(publish(happening)) == 2


@pytest.mark.parametrize("kind", [kind for kind in MessageKind if kind.is_system])
def test_system_messages_have_no_events_of_their_own(kind: MessageKind) -> None:
    """Their actions have."""
    message = a_message(kind=kind, sender=None)

    assert publish(MessageSent(thread=a_thread(ALICE, BOB), message=message)) == []
