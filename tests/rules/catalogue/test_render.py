"""What stands in an event: identity, subject, topic, switches, names of older profiles."""

from typing import Any

import msgspec
import pytest

from switchhook.communication.catalogue import (
    identifier_of,
    message_id,
    name_in,
    profiles,
    render_event,
    render_json,
    sample_subject_values,
    sample_values,
    topic_of,
    types_of,
)
from switchhook.communication.catalogue.lookup import find
from switchhook.communication.catalogue.shapes import shape_of
from switchhook.communication.resources import EventSettings
from switchhook.errors import RequestError
from tests.rules.catalogue.write_fixtures import EVENT_ID, RESOURCE_ID

TIME = "2026-01-01T12:00:00.1234567Z"
REPORT = "SMSDeliveryReportReceived"


def render(type_name: str, values: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """An event with example values."""
    return render_event(
        type_name,
        resource_id=RESOURCE_ID,
        settings=EventSettings(**settings),
        values=sample_values(type_name) if values is None else values,
        subject_values=sample_subject_values(type_name),
        event_id=EVENT_ID,
        event_time=TIME,
    )


def test_sms_event_has_the_id_of_its_message() -> None:
    """`id` and `messageId` are one, whatever id the caller made up."""
    event = render("SMSReceived")

    assert event["id"] == event["data"]["messageId"]


@pytest.mark.parametrize("type_name", ["ChatMessageReceived", "EmailDeliveryReportReceived"])
def test_other_events_have_an_id_of_their_own(type_name: str) -> None:
    """Chat and email messages have ids that are not the event's."""
    assert render(type_name)["id"] == EVENT_ID


def test_json_is_the_rendered_event() -> None:
    """The bytes decode to what `render_event` returns."""
    arguments: dict[str, Any] = {
        "resource_id": RESOURCE_ID,
        "settings": EventSettings(),
        "values": sample_values(REPORT),
        "event_id": EVENT_ID,
        "event_time": TIME,
    }

    text = render_json(REPORT, **arguments)

    assert msgspec.json.decode(text) == render_event(REPORT, **arguments)


def test_topic_is_lower_case_but_for_given_names() -> None:
    """Segment names are lower case, as in every capture; the user's names keep their casing."""
    topic = topic_of(
        "/subscriptions/S/resourceGroups/My-Group/providers/Microsoft.Communication"
        "/CommunicationServices/My-Name"
    )

    assert topic == (
        "/subscriptions/S/resourcegroups/My-Group/providers/microsoft.communication"
        "/communicationservices/My-Name"
    )


def test_first_draft_has_an_envelope_of_its_own() -> None:
    """No provider in the topic, no data version, another order."""
    event = render("SMSReceived", profile="draft-2020-03")

    assert list(event)[:4] == ["topic", "subject", "eventType", "eventTime"]
    assert "/providers/" not in event["topic"]
    assert event["dataVersion"] == ""
    assert event["eventType"] == "Microsoft.CommunicationServices.SMSReceived"
    assert event["subject"] == "/phone_number/555-555-0100"


@pytest.mark.parametrize(
    ("slash", "subject"),
    [
        (None, "/phonenumber/15555550100"),
        (True, "/phonenumber/15555550100"),
        (False, "phonenumber/15555550100"),
    ],
)
def test_switch_decides_the_leading_slash(slash: bool | None, subject: str) -> None:
    """SMS subjects begin with a slash unless the switch says no."""
    event = render("SMSReceived", leading_slash_in_sms_subjects=slash)

    assert event["subject"] == subject


def test_slash_switch_leaves_other_families_alone() -> None:
    """Only SMS subjects are in dispute."""
    event = render("IncomingCall", leading_slash_in_sms_subjects=False)

    assert event["subject"].startswith("/caller/")


@pytest.mark.parametrize(
    ("profile", "casing", "name"),
    [
        ("GA", None, "messageId"),
        ("GA", "pascal", "MessageId"),
        ("docs-2022", None, "MessageId"),
        ("docs-2022", "camel", "messageId"),
    ],
)
def test_switch_decides_the_key_casing(profile: str, casing: str | None, name: str) -> None:
    """The profile has an answer, and the switch overrules it, inside arrays too."""
    data = render(REPORT, profile=profile, sms_key_casing=casing)["data"]
    attempts = data["deliveryAttempts" if name[0] == "m" else "DeliveryAttempts"]

    assert name in data
    assert ("timestamp" in attempts[0]) == (name[0] == "m")


@pytest.mark.parametrize(
    ("profile", "plus", "sender"),
    [
        ("GA", None, "+15555550100"),
        ("GA", False, "15555550100"),
        ("docs-2025", None, "15555550100"),
        ("docs-2025", True, "+15555550100"),
    ],
)
def test_switch_decides_the_plus(profile: str, plus: bool | None, sender: str) -> None:
    """The sender of a report may lose its plus, the recipient never does."""
    data = render(REPORT, profile=profile, plus_in_numbers=plus)["data"]

    assert (data["from"], data["to"]) == (sender, "+15555550123")


@pytest.mark.parametrize("sender", ["55501", "CONTOSO"])
def test_short_codes_and_names_stay_as_they_are(sender: str) -> None:
    """Only a plus is ever taken away."""
    event = render(REPORT, {**sample_values(REPORT), "from": sender}, plus_in_numbers=False)

    assert event["data"]["from"] == sender
    assert event["subject"] == f"/phonenumber/{sender}"


def test_switch_writes_both_call_spellings() -> None:
    """The articles' name of the duration stands beside the specification's."""
    data = render("CallEnded", both_call_spellings=True)["data"]

    assert data["durationOfCall"] == data["callDurationInSeconds"]


def test_switch_writes_versions_as_text() -> None:
    """Only thread-level message events are in dispute."""
    in_thread = render("ChatMessageReceivedInThread", versions_as_text=True)["data"]
    to_user = render("ChatMessageReceived", versions_as_text=True)["data"]

    assert isinstance(in_thread["version"], str)
    assert isinstance(to_user["version"], int)


def test_raw_ids_follow_the_identifiers() -> None:
    """User-level events repeat the raw ids that the values give once."""
    values = sample_values("ChatMessageReceived")
    values["senderCommunicationIdentifier"] = identifier_of("8:acs:someone", kind=False)

    event = render("ChatMessageReceived", values)

    assert event["data"]["senderId"] == "8:acs:someone"
    assert "/sender/8:acs:someone/" in event["subject"]


def test_absent_values_are_left_out() -> None:
    """A report without a tag has no such member."""
    values = sample_values(REPORT)
    del values["tag"]

    assert "tag" not in render(REPORT, values)["data"]


def test_null_queue_is_an_empty_segment() -> None:
    """A job that has no queue yet still has a subject."""
    values = {**sample_values("RouterJobQueued"), "queueId": None}

    event = render("RouterJobQueued", values)

    assert event["data"]["queueId"] is None
    assert event["subject"].endswith("/queue/")


def test_hidden_number_gives_way_to_the_user_name() -> None:
    """The subject names the WhatsApp user by what is known."""
    values = {**sample_values("AdvancedMessageReceived"), "from": "", "fromBSUID": "US.1"}

    assert render("AdvancedMessageReceived", values)["subject"].startswith(
        "advancedMessage/sender/US.1/"
    )


def test_subject_without_a_value_is_refused() -> None:
    """The variable is named."""
    with pytest.raises(RequestError, match="'correlationId'"):
        render_event(
            "RecordingFileStatusUpdated",
            resource_id=RESOURCE_ID,
            settings=EventSettings(),
            values=sample_values("RecordingFileStatusUpdated"),
            event_id=EVENT_ID,
            event_time=TIME,
        )


def test_given_subject_replaces_the_pattern() -> None:
    """A whole subject needs no variables."""
    event = render_event(
        "RecordingFileStatusUpdated",
        resource_id=RESOURCE_ID,
        settings=EventSettings(),
        values=sample_values("RecordingFileStatusUpdated"),
        subject="mine",
        event_id=EVENT_ID,
        event_time=TIME,
    )

    assert event["subject"] == "mine"


RENAMED = [
    (profile.name, name, form.name)
    for profile in profiles()
    for name, form in profile.forms.items()
    if form.name is not None
]


@pytest.mark.parametrize(("profile", "current", "old"), RENAMED)
def test_current_type_takes_the_form_of_the_old_one(profile: str, current: str, old: str) -> None:
    """What an engine knows by the current name comes out as the older document has it."""
    old_fields = [field.name for field in find(old).fields]

    event = render(current, profile=profile)

    assert event["eventType"] == old
    assert list(event["data"]) == old_fields
    assert event["dataVersion"] == shape_of(old, EventSettings()).data_version


@pytest.mark.parametrize(("profile", "current", "old"), RENAMED)
def test_profile_knows_the_old_name(profile: str, current: str, old: str) -> None:
    """An engine asks what a current type is called."""
    assert name_in(profile, current) == old


@pytest.mark.parametrize(
    ("profile", "type_name", "expected"),
    [
        ("GA", "ChatMessageReceived", "Microsoft.Communication.ChatMessageReceived"),
        ("GA", "ChatMemberAddedToThreadWithUser", None),
        ("preview-2020-07", "ChatThreadCreated", None),
        ("preview-2020-07", "UserDisconnected", "Microsoft.Communication.UserDisconnected"),
        ("preview-2021-10", "RouterJobQueued", None),
        ("preview-2021-10", "IncomingCall", None),
        ("preview-2021-10", "SMSReceived", "Microsoft.Communication.SMSReceived"),
        ("preview-2022-02", "RouterWorkerUpdated", None),
        ("docs-2024", "RouterJobQueued", "Microsoft.Communication.RouterJobQueued"),
    ],
)
def test_profile_lacks_what_its_documents_lack(
    profile: str, type_name: str, expected: str | None
) -> None:
    """Within a described family a missing type does not exist; other families are as in GA."""
    assert name_in(profile, type_name) == expected


def test_old_type_is_emitted_as_in_its_own_time() -> None:
    """A resource with the profile GA can emit every type."""
    event = render("Microsoft.CommunicationServices.ChatReceived")

    assert event["dataVersion"] == ""
    assert next(iter(event["data"])) == "id"


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("GA", "guid"),
        ("preview-2020-07", "Outgoing_20260101000001guid"),
        ("docs-2022", "Outgoing_20260101000001guid"),
    ],
)
def test_message_id_is_as_the_profile_writes_it(profile: str, expected: str) -> None:
    """Until 2025 the direction and the time stood before the GUID."""
    assert message_id(profile, "Outgoing", 1_767_225_601_000_000_000, "guid") == expected


@pytest.mark.parametrize(
    ("raw_id", "member"),
    [
        ("8:acs:a_b", {"communicationUser": {"id": "8:acs:a_b"}}),
        ("4:+15555550123", {"phoneNumber": {"value": "+15555550123"}}),
        (
            "8:orgid:abc",
            {"microsoftTeamsUser": {"userId": "abc", "isAnonymous": False, "cloud": "public"}},
        ),
        (
            "8:teamsvisitor:abc",
            {"microsoftTeamsUser": {"userId": "abc", "isAnonymous": True, "cloud": "public"}},
        ),
        ("28:gcch:abc", {"microsoftTeamsApp": {"appId": "abc", "cloud": "gcch"}}),
        ("28:bot", {}),
    ],
)
def test_raw_id_tells_the_identifier(raw_id: str, member: dict[str, Any]) -> None:
    """The prefix decides which object stands beside the raw id."""
    assert identifier_of(raw_id, kind=False) == {"rawId": raw_id} | member


def test_identifier_of_a_call_has_its_kind() -> None:
    """The calling family says the kind first."""
    assert list(identifier_of("4:+15555550123", kind=True)) == ["kind", "rawId", "phoneNumber"]


def test_unknown_profile_is_refused_by_name() -> None:
    """The message lists what there is."""
    with pytest.raises(RequestError, match="'GB' is not known; it is one of GA"):
        types_of("GB")


def test_unknown_casing_is_refused() -> None:
    """The message names the two casings."""
    with pytest.raises(RequestError, match="'snake' is neither 'camel' nor 'pascal'"):
        render("SMSReceived", sms_key_casing="snake")
