"""What does a Communication Services resource own, and how do its events look?"""

from enum import StrEnum

import msgspec


class NumberKind(StrEnum):
    """What may stand in an SMS sender; opt-out keywords work differently for each."""

    TOLL_FREE = "tollFree"
    GEOGRAPHIC = "geographic"
    SHORT_CODE = "shortCode"
    ALPHANUMERIC = "alphanumeric"


class OwnedNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A sender that the resource owns: E.164 with `+`, a short code's digits, or a text."""

    value: str
    kind: NumberKind


class EventSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the resource's events look.

    `profile` names the published documents whose shapes are emitted, `GA` or an older one. Each
    switch decides a point in which those documents contradict each other; None takes the profile's
    own answer.

    `sms_key_casing`: `camel` or `pascal` members in SMS data (the articles of 2020 to 2022 and of
    2025 differ). `plus_in_numbers`: whether `from` and `to` of SMS data keep their `+`, or look as
    in the articles' samples. `leading_slash_in_sms_subjects`: `/phonenumber/...` as in the samples,
    or `phonenumber/...` as in the article's table of subjects. `strict_subject_filters`: a leading
    slash counts in `subjectBeginsWith`, as everywhere else in Event Grid.
    `status_code_in_details`: put the number of the status in front of `deliveryStatusDetails`.
    `versions_as_text`: `version` of thread-level message events is a string, as in the chat
    article's samples, or a number, as in the specification. `both_call_spellings`: calling events
    carry `durationOfCall` and `endpointType`, as the articles spell them, beside
    `callDurationInSeconds` and `userAgent`. `include_initiator`: user-level chat events go to the
    user who acted, too, as the chat article had it before 2024-09. `typing_events` and
    `bot_events`: publish ChatTypingIndicatorReceivedInThread and
    ChatAzureBotCommandReceivedInThread, which only the specification describes. `newest_members`:
    chat events carry what the specification of 2026-04 adds (`sequenceId`, `retentionPolicy`,
    `reason`).
    """

    profile: str = "GA"
    sms_key_casing: str | None = None
    plus_in_numbers: bool | None = None
    leading_slash_in_sms_subjects: bool | None = None
    strict_subject_filters: bool = False
    status_code_in_details: bool = False
    versions_as_text: bool | None = None
    both_call_spellings: bool = False
    include_initiator: bool = False
    typing_events: bool = False
    bot_events: bool = False
    newest_members: bool = False


class CommunicationResource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource, with all that a data-plane request needs to know of it.

    `topic` is the incarnation of the system topic that carries its events. Keys are base64 text.
    `immutable_id` is the GUID that stands in its users' ids.
    """

    resource_id: str
    name: str
    immutable_id: str
    topic: str
    keys: tuple[str, str]
    numbers: tuple[OwnedNumber, ...] = ()
    events: EventSettings = EventSettings()
