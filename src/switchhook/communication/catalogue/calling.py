"""The calling family: article "Voice and video calling events" and the specification of 2025."""

from switchhook.communication.catalogue.identifiers import ALICE, BOB, identifier
from switchhook.communication.catalogue.model import (
    EventType,
    Family,
    Field,
    Kind,
    Required,
    group,
    items,
    mapping,
    scalar,
    text,
    time,
)

_PREFIX = "Microsoft.Communication."
_SERVER_CALL_ID = "aHR0cHM6Ly9jb252LmV4YW1wbGUuY29tL2NvbnYvY2FsbC0x"
_CORRELATION_ID = "5a1f0000-0000-4000-8000-0000000ca110"
_RECORDING_ID = "cmVjb3JkaW5nLTE"
_ROLES = ("Attendee", "Presenter", "Consumer", "Collaborator", "Organizer")
_STORAGE = "https://storage.example.com/v1/objects/recording-1"

RECORDING_FILE_STATUS_UPDATED = _PREFIX + "RecordingFileStatusUpdated"

# The members of 2025 and how the articles of 2021 and 2022 spell them.
ARTICLE_SPELLINGS = {"callDurationInSeconds": "durationOfCall", "userAgent": "endpointType"}


def _party(name: str, required: Required, raw_id: str = ALICE) -> Field:
    return group(
        name,
        required,
        identifier("communicationIdentifier", Required.ALWAYS, raw_id, kind=True),
        text("role", Required.NO, "Presenter", shown=True, allowed=_ROLES),
    )


_CALL = (
    _party("startedBy", Required.YES),
    text("serverCallId", Required.YES, _SERVER_CALL_ID),
    group(
        "group",
        Required.NO,
        text("id", Required.ALWAYS, "5a1f0000-0000-4000-8000-000000009709"),
        shown=True,
    ),
    group("room", Required.NO, text("id", Required.ALWAYS, "99100000000000001")),
    scalar("isTwoParty", Kind.BOOLEAN, Required.NO, False, shown=True, nullable=True),
    text("correlationId", Required.YES, _CORRELATION_ID, note="one GUID for all events of a call"),
    scalar("isRoomsCall", Kind.BOOLEAN, Required.NO, False, shown=True),
)

_PARTICIPANT = (
    _party("user", Required.ALWAYS, BOB),
    text("displayName", Required.ALWAYS, "Bob"),
    text("participantId", Required.ALWAYS, "5a1f0000-0000-4000-8000-0000000001e9"),
    text("userAgent", Required.ALWAYS, "example-calling-client/1.0"),
    *_CALL,
)

_ENDED = (
    scalar("callDurationInSeconds", Kind.NUMBER, Required.ALWAYS, 49.5),
    group(
        "endedBy",
        Required.NO,
        identifier("communicationIdentifier", Required.NO, kind=True, shown=True),
        text(
            "type",
            Required.NO,
            "Participant",
            shown=True,
            allowed=("Participant", "MicrosoftInternal"),
        ),
        text("name", Required.NO, "call-automation"),
        shown=True,
    ),
    group(
        "reason",
        Required.NO,
        scalar("code", Kind.INTEGER, Required.NO, 0, shown=True),
        scalar("subCode", Kind.INTEGER, Required.NO, 0, shown=True),
        text("phrase", Required.NO, "Normal hang-up", shown=True),
        shown=True,
    ),
    *_CALL,
)

_CHUNK = (
    text("documentId", Required.ALWAYS, "recording-1-part-0"),
    scalar("index", Kind.INTEGER, Required.ALWAYS, 0),
    text(
        "endReason",
        Required.ALWAYS,
        "SessionEnded",
        note="also `ChunkMaximumSizeExceeded` and others",
    ),
    text("contentLocation", Required.ALWAYS, f"{_STORAGE}/content/audio"),
    text("metadataLocation", Required.ALWAYS, f"{_STORAGE}/content/acsmetadata"),
    text("deleteLocation", Required.NO, _STORAGE, shown=True),
)


def _event(name: str, when: str, subject: str, *fields: Field) -> EventType:
    return EventType(
        name=_PREFIX + name, family=Family.CALLING, when=when, subject=subject, fields=fields
    )


TYPES = (
    _event(
        "IncomingCall",
        "A call rings for a user or a phone number of the resource.",
        "/caller/{fromRawId}/recipient/{toRawId}",
        identifier("to", Required.ALWAYS, BOB, kind=True),
        identifier("from", Required.ALWAYS, ALICE, kind=True),
        text("serverCallId", Required.ALWAYS, _SERVER_CALL_ID),
        text("callerDisplayName", Required.ALWAYS, "Alice"),
        group(
            "customContext",
            Required.NO,
            mapping("sipHeaders", Required.NO, {"X-MS-Custom-table": "7"}, shown=True),
            mapping("voipHeaders", Required.NO, {"table": "7"}, shown=True),
            shown=True,
        ),
        text(
            "incomingCallContext",
            Required.ALWAYS,
            "made-up-incoming-call-context",
            note="opaque; answering, redirecting and rejecting take it",
        ),
        identifier("onBehalfOfCallee", Required.NO, BOB, kind=True),
        text("correlationId", Required.ALWAYS, _CORRELATION_ID),
        identifier("onBehalfOf", Required.NEW, BOB, kind=True),
    ),
    _event(
        "CallStarted",
        "A call begins.",
        "call/{serverCallId}/startedBy/{starterRawId}",
        *_CALL,
    ),
    _event("CallEnded", "A call is over.", "call/{serverCallId}", *_ENDED),
    _event(
        "CallParticipantAdded",
        "Someone joins a call, the one who started it included.",
        "call/{serverCallId}/participant/{participantRawId}",
        *_PARTICIPANT,
    ),
    _event(
        "CallParticipantRemoved",
        "Someone leaves a call or is removed from it.",
        "call/{serverCallId}/participant/{participantRawId}",
        *_PARTICIPANT,
    ),
    EventType(
        name=RECORDING_FILE_STATUS_UPDATED,
        family=Family.CALLING,
        when="The file of a recording can be downloaded.",
        subject="/recording/call/{correlationId}/serverCallId/{serverCallId}"
        "/recordingId/{recordingId}",
        subject_examples={
            "correlationId": _CORRELATION_ID,
            "serverCallId": _SERVER_CALL_ID,
            "recordingId": _RECORDING_ID,
        },
        fields=(
            group(
                "recordingStorageInfo",
                Required.YES,
                items("recordingChunks", Required.ALWAYS, *_CHUNK),
            ),
            time("recordingStartTime", Required.ALWAYS, before=30_000),
            scalar("recordingDurationMs", Kind.INTEGER, Required.ALWAYS, 26_000),
            text(
                "sessionEndReason",
                Required.ALWAYS,
                "CallEnded",
                note="also `InitiatorLeft` and others",
            ),
            text("recordingContentType", Required.NO, "Audio", shown=True),
            text("recordingChannelType", Required.NO, "Mixed", shown=True),
            text("recordingFormatType", Required.NO, "Mp3", shown=True),
            text("recordingId", Required.OBSERVED, _RECORDING_ID, shown=True),
            text("storageType", Required.OBSERVED, "ACS", shown=True),
        ),
    ),
)
