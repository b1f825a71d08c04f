"""Which published documents does each profile stand for? Newest first."""

from collections.abc import Iterable, Mapping

from switchhook.communication.catalogue import (
    advanced_messaging,
    calling,
    chat,
    drafts,
    email,
    job_router,
    presence,
    sms,
)
from switchhook.communication.catalogue.forms import Casing, Form, Profile
from switchhook.communication.catalogue.model import EventType, Family

_P = "Microsoft.Communication."
_DRAFT = "Microsoft.CommunicationServices."
DEFAULT_PROFILE = "GA"

CURRENT_TYPES: tuple[EventType, ...] = (
    *sms.TYPES,
    *chat.TYPES,
    *calling.TYPES,
    *presence.TYPES,
    *email.TYPES,
    *advanced_messaging.TYPES,
    *job_router.TYPES,
)


def _names(types: Iterable[EventType]) -> tuple[str, ...]:
    return tuple(event_type.name for event_type in types)


def _forms(**forms: Form) -> dict[str, Form]:
    return {_P + name: form for name, form in forms.items()}


_GA = Profile(
    name=DEFAULT_PROFILE,
    documents="the current articles, and the specification where the two disagree",
    types=_names(CURRENT_TYPES),
)

# --- renderings of single articles -------------------------------------------------------------

_DOCS_2026_FORMS = _forms(
    AdvancedMessageReceived=Form(
        members="from fromBSUID to content channelType messageType media reaction context button "
        "interactive error"
    ),
    AdvancedMessageDeliveryStatusUpdated=Form(
        members="from to toBSUID status channelType messageId error"
    ),
)
_DOCS_2026 = Profile(
    name="docs-2026",
    documents="the WhatsApp user name article of 2026-04",
    types=tuple(_DOCS_2026_FORMS),
    forms=_DOCS_2026_FORMS,
)

_DOCS_2025 = Profile(
    name="docs-2025",
    documents="the SMS article of 2025-01: camel case but for `Tag`",
    types=_names(sms.TYPES),
    forms=_forms(
        SMSReceived=Form(),
        SMSDeliveryReportReceived=Form(
            members="messageId from to deliveryStatus deliveryStatusDetails receivedTimestamp "
            "deliveryAttempts Tag=tag"
        ),
    ),
    plus_in_numbers=False,
    prefixed_message_ids=True,
)

_UNDOCUMENTED_CHAT = chat.MESSAGES_IN_THREAD[3:]
_DOCS_2024 = Profile(
    name="docs-2024",
    documents="the chat article of 2024: `version` is text at thread level",
    types=tuple(name for name in _names(chat.TYPES) if name not in _UNDOCUMENTED_CHAT),
    forms=_forms(
        ChatThreadPropertiesUpdated=Form(
            members="editedByCommunicationIdentifier editTime properties createTime version "
            "threadId transactionId"
        ),
    ),
    versions_as_text=True,
)

_EXPIRING = "key labelOperator value ttl=ttlSeconds|duration"
_ERRORS = "code message target innerError=innererror details"
_SELECTED_JOB = "jobId channelId channelReference queueId priority labels tags "
_UNEXPIRED = (
    "requestedWorkerSelectors=expiredRequestedWorkerSelectors "
    "attachedWorkerSelectors=expiredAttachedWorkerSelectors "
)
_EXPIRED_INSIDE = {
    "expiredRequestedWorkerSelectors": _EXPIRING,
    "expiredAttachedWorkerSelectors": _EXPIRING,
}
_ROUTER_2023_FORMS = _forms(
    RouterJobClassified=Form(inside={"attachedWorkerSelectors": _EXPIRING}),
    RouterJobQueued=Form(
        inside={"requestedWorkerSelectors": _EXPIRING, "attachedWorkerSelectors": _EXPIRING}
    ),
    RouterJobClassificationFailed=Form(inside={"errors": _ERRORS}),
    RouterJobWorkerSelectorsExpired=Form(
        members="jobId channelReference channelId queueId labels tags "
        "requestedWorkerSelectorsExpired=expiredRequestedWorkerSelectors "
        "attachedWorkerSelectorsExpired=expiredAttachedWorkerSelectors",
        inside=_EXPIRED_INSIDE,
    ),
    RouterJobWaitingForActivation=Form(
        members=_SELECTED_JOB + _UNEXPIRED + "scheduledOn unavailableForMatching",
        inside=_EXPIRED_INSIDE,
    ),
    RouterJobSchedulingFailed=Form(
        members=_SELECTED_JOB + _UNEXPIRED + "scheduledOn failureReason",
        inside=_EXPIRED_INSIDE,
    ),
)
_ROUTER_ARTICLE = tuple(
    name for name in _names(job_router.TYPES) if name != _P + "RouterWorkerUpdated"
)
_ENGAGEMENT_FORM = Form(
    members="sender messageId userActionTimeStamp=userActionTimestamp engagementContext "
    "userAgent engagementType"
)
_DOCS_2023 = Profile(
    name="docs-2023",
    documents="the email article of 2023-05 and the Job Router article of 2023-07",
    types=(*_names(email.TYPES), *_ROUTER_ARTICLE),
    forms=_ROUTER_2023_FORMS
    | _forms(
        EmailDeliveryReportReceived=Form(
            members="sender recipient messageId status deliveryStatusDetails "
            "deliveryAttemptTimeStamp=deliveryAttemptTimestamp",
            inside={"deliveryStatusDetails": "statusMessage"},
        ),
        EmailEngagementTrackingReportReceived=_ENGAGEMENT_FORM,
    ),
)

_CALL = "startedBy serverCallId group room isTwoParty correlationId isRoomsCall"
_LEG = "user displayName participantId endpointType=userAgent " + _CALL
_ENDED_CALL = "durationOfCall=callDurationInSeconds " + _CALL
_NO_KIND = "rawId communicationUser phoneNumber microsoftTeamsUser microsoftTeamsApp"
_STARTER = {"startedBy.communicationIdentifier": _NO_KIND}
_STARTER_AND_USER = _STARTER | {"user.communicationIdentifier": _NO_KIND}
_RECORDING = "recordingStorageInfo recordingStartTime recordingDurationMs sessionEndReason"
_DOCS_2022 = Profile(
    name="docs-2022",
    documents="the SMS, email and calling articles of 2022-09 to 2022-12",
    types=(*_names(sms.TYPES), *_names(calling.TYPES), *_names(email.TYPES)),
    forms=_forms(
        SMSReceived=Form(members="messageId from to message receivedTimestamp"),
        SMSDeliveryReportReceived=Form(),
        IncomingCall=Form(
            members="to from serverCallId callerDisplayName incomingCallContext correlationId"
        ),
        CallStarted=Form(inside=_STARTER),
        CallEnded=Form(members=_ENDED_CALL, inside=_STARTER),
        CallParticipantAdded=Form(members=_LEG, inside=_STARTER_AND_USER),
        CallParticipantRemoved=Form(members=_LEG, inside=_STARTER_AND_USER),
        RecordingFileStatusUpdated=Form(members=_RECORDING),
        EmailDeliveryReportReceived=Form(
            members="sender recipient messageId status "
            "deliveryAttemptTimeStamp=deliveryAttemptTimestamp|zulu"
        ),
        EmailEngagementTrackingReportReceived=_ENGAGEMENT_FORM,
    ),
    sms_key_casing=Casing.PASCAL,
    plus_in_numbers=False,
    prefixed_message_ids=True,
)

# --- previews ----------------------------------------------------------------------------------

_SCHEDULED = "scheduledTimeUtc=scheduledOn "
_CLASSIFIED = "jobId channelReference channelId classificationPolicyId queueId priority labels"
_PREVIEW_2022_02 = Profile(
    name="preview-2022-02",
    documents="the Job Router how-to of the 2022 preview",
    types=_ROUTER_ARTICLE,
    families=frozenset({Family.JOB_ROUTER}),
    forms={name: Form() for name in _ROUTER_ARTICLE}
    | _ROUTER_2023_FORMS
    | _forms(
        RouterJobReceived=Form(
            members="jobId channelReference jobStatus channelId classificationPolicyId queueId "
            "priority labels tags requestedWorkerSelectors "
            + _SCHEDULED
            + "unavailableForMatching",
            inside={"requestedWorkerSelectors": _EXPIRING},
        ),
        RouterJobClassified=Form(
            members=f"queueInfo=queueDetails {_CLASSIFIED} tags attachedWorkerSelectors",
            inside={"attachedWorkerSelectors": _EXPIRING},
        ),
        RouterJobWaitingForActivation=Form(
            members=_SELECTED_JOB + _UNEXPIRED + _SCHEDULED + "unavailableForMatching",
            inside=_EXPIRED_INSIDE,
        ),
        RouterJobSchedulingFailed=Form(
            members=_SELECTED_JOB + _UNEXPIRED + _SCHEDULED + "failureReason",
            inside=_EXPIRED_INSIDE,
        ),
    ),
)

_FLAT = (
    "rawId=communicationIdentifier.rawId "
    "communicationUser=communicationIdentifier.communicationUser "
    "phoneNumber=communicationIdentifier.phoneNumber "
    "microsoftTeamsUser=communicationIdentifier.microsoftTeamsUser "
    "microsoftTeamsApp=communicationIdentifier.microsoftTeamsApp role"
)
_FLAT_STARTER = {"startedBy": _FLAT}
_FLAT_STARTER_AND_USER = _FLAT_STARTER | {"user": _FLAT}
_AT_HAND = "workerId jobId channelReference channelId queueId"
_PREVIEW_2021_10_FORMS = _forms(
    CallStarted=Form(inside=_FLAT_STARTER),
    CallEnded=Form(members=_ENDED_CALL, inside=_FLAT_STARTER),
    CallParticipantAdded=Form(members=_LEG, inside=_FLAT_STARTER_AND_USER),
    CallParticipantRemoved=Form(members=_LEG, inside=_FLAT_STARTER_AND_USER),
    RecordingFileStatusUpdated=Form(
        subject="/recording/call/{correlationId}/recordingId/{recordingId}",
        members=_RECORDING,
        inside={
            "recordingStorageInfo.recordingChunks": "documentId index endReason contentLocation "
            "metadataLocation"
        },
    ),
    RouterJobReceived=Form(
        members="jobId channelReference jobStatus channelId classificationPolicyId queueId "
        "priority labels"
    ),
    RouterJobClassified=Form(members=f"queueInfo=queueDetails {_CLASSIFIED}"),
    RouterJobClassificationFailed=Form(
        members="errors jobId channelReference channelId classificationPolicyId labels",
        inside={"errors": _ERRORS},
    ),
    RouterJobCompleted=Form(
        members="jobId channelReference channelId queueId assignmentId labels workerId"
    ),
    RouterJobClosed=Form(
        members="jobId channelReference channelId queueId dispositionCode workerId assignmentId "
        "labels"
    ),
    RouterJobCancelled=Form(
        members="note dispositionCode jobId channelReference channelId labels queueId"
    ),
    RouterJobExceptionTriggered=Form(
        members="ruleKey exceptionRuleId jobId channelReference channelId labels"
    ),
    RouterWorkerOfferIssued=Form(
        members=f"{_AT_HAND} offerId offerTimeUtc=offeredOn expiryTimeUtc=expiresOn jobPriority "
        "jobLabels"
    ),
    RouterWorkerOfferAccepted=Form(
        members="workerId jobId jobPriority jobLabels channelReference channelId queueId offerId "
        "assignmentId"
    ),
    RouterWorkerOfferDeclined=Form(),
    RouterWorkerOfferRevoked=Form(),
    RouterWorkerOfferExpired=Form(),
    RouterWorkerRegistered=Form(
        members="workerId totalCapacity queueAssignments labels channelConfigurations",
        inside={"channelConfigurations": "channelId capacityCostPerJob"},
    ),
    RouterWorkerDeregistered=Form(),
)
_PREVIEW_2021_10 = Profile(
    name="preview-2021-10",
    documents="the calling article of 2021-10 and the Job Router how-to of the 2021 preview",
    types=(*_PREVIEW_2021_10_FORMS, *_names(job_router.PREVIEW_TYPES)),
    own_types=job_router.PREVIEW_TYPES,
    families=frozenset({Family.CALLING, Family.JOB_ROUTER}),
    forms=_PREVIEW_2021_10_FORMS,
)

_TAIL = "recipientId transactionId threadId"
_POSTED = f"messageId senderId senderDisplayName composeTime type version {_TAIL}"


def _member_form(verb: str, preposition: str) -> Form:
    lower = verb.lower()
    return Form(
        name=f"{_P}ChatMember{verb}{preposition}ThreadWithUser",
        subject=f"thread/{{threadId}}/member{verb}/{{{lower}RawId}}/recipient/{{recipientRawId}}",
        members=f"time {lower}By={lower}ByCommunicationIdentifier.rawId "
        f"member{verb}=participant{verb} createTime version "
        "recipientId=recipientCommunicationIdentifier.rawId transactionId threadId",
        inside={
            f"participant{verb}": "displayName memberId=participantCommunicationIdentifier.rawId"
        },
    )


_PREVIEW_2020_07_FORMS = _forms(
    SMSReceived=Form(members="messageId from to message receivedTimestamp"),
    SMSDeliveryReportReceived=Form(
        members="messageId from to deliveryStatus deliveryStatusDetails receivedTimestamp "
        "deliveryAttempts"
    ),
    ChatMessageReceived=Form(members=f"messageBody {_POSTED}"),
    ChatMessageEdited=Form(members=f"editTime messageBody {_POSTED}"),
    ChatMessageDeleted=Form(members=f"deleteTime {_POSTED}"),
    ChatThreadCreatedWithUser=Form(
        members=f"createdBy properties members createTime version {_TAIL}"
    ),
    ChatThreadWithUserDeleted=Form(members=f"deletedBy deleteTime createTime version {_TAIL}"),
    ChatThreadPropertiesUpdatedPerUser=Form(
        members=f"editedBy editTime properties createTime version {_TAIL}"
    ),
)
_PREVIEW_2020_07 = Profile(
    name="preview-2020-07",
    documents="the first public article, dated 2020-07-07",
    types=(*_PREVIEW_2020_07_FORMS, *_names(chat.PREVIEW_TYPES)),
    own_types=chat.PREVIEW_TYPES,
    families=frozenset({Family.SMS, Family.CHAT}),
    forms=_PREVIEW_2020_07_FORMS
    | _forms(
        ChatParticipantAddedToThreadWithUser=_member_form("Added", "To"),
        ChatParticipantRemovedFromThreadWithUser=_member_form("Removed", "From"),
    ),
    sms_key_casing=Casing.PASCAL,
    plus_in_numbers=False,
    prefixed_message_ids=True,
)

# --- drafts ------------------------------------------------------------------------------------


def _instant_form(verb: str, change: str = "") -> Form:
    times = f"version='1.0' ComposeTime=composeTime {change} " if change else ""
    body = "messageBody=''" if verb == "Deleted" else "messageBody"  # a deleted one has none
    return Form(
        name=f"{_P}InstantMessage{verb}",
        subject="IM Event Test",
        members=f"{body} {times}senderId=senderCommunicationIdentifier.rawId "
        "senderDisplayName recipientId=recipientCommunicationIdentifier.rawId transactionId "
        "groupId=threadId collapseId=messageId messageId messageType='MIME'",
    )


_SMS_2020_07_FORMS = _forms(
    SMSReceived=Form(
        subject="SMS Event Test", members="from to messageId message receivedTimestamp"
    ),
    SMSDeliveryReportReceived=Form(
        subject="SMS Event Test",
        members="messageId from to deliveryStatus|draft-status "
        "deliveryStatusDetails|draft-details deliveryAttempts",
    ),
)
_DRAFT_2020_07 = Profile(
    name="draft-2020-07",
    documents="an unpublished draft with payloads of 2020-07-16",
    types=(*_SMS_2020_07_FORMS, *_names(drafts.SECOND_DRAFT)),
    own_types=drafts.SECOND_DRAFT,
    families=frozenset({Family.SMS, Family.CHAT}),
    forms=_SMS_2020_07_FORMS
    | _forms(
        ChatMessageReceived=_instant_form("Received"),
        ChatMessageEdited=_instant_form("Edited", "editTime"),
        ChatMessageDeleted=_instant_form("Deleted", "deleteTime"),
    ),
    id_is_message_id=False,
)

_SMS_2020_03 = "messageId sender=from|dashes recepient=to|dashes "
_DRAFT_2020_03 = Profile(
    name="draft-2020-03",
    documents="an unpublished draft of 2020-03",
    types=_names(drafts.FIRST_DRAFT),
    own_types=drafts.FIRST_DRAFT,
    families=frozenset({Family.SMS, Family.CHAT, Family.CALLING}),
    forms=_forms(
        SMSReceived=Form(
            name=_DRAFT + "SMSReceived",
            members=_SMS_2020_03 + "content=message receivedTimeStamp=receivedTimestamp",
            subject="/phone_number/{dashedRecipient}",
        ),
        SMSDeliveryReportReceived=Form(
            name=_DRAFT + "SMSDeliveryReport",
            members=_SMS_2020_03 + "deliveryStatus|draft-status "
            "deliveryStatusDetails|draft-details receivedTimeStamp=receivedTimestamp",
            subject="/phone_number/{dashedSender}",
        ),
        ChatMessageReceived=Form(
            name=_DRAFT + "ChatReceived",
            members="id=messageId messageType=type clientMessageId=messageId priority='Normal' "
            "content=messageBody senderDisplayName composedAt=composeTime|seconds "
            "arrivedAt=$time|seconds composedBy=senderCommunicationIdentifier.rawId",
            subject="/user/{userId}",
        ),
        IncomingCall=Form(
            name=_DRAFT + "IncomingCall",
            members="id=correlationId callerDisplayName from=from.rawId to=to.rawId "
            "arrivedAt=$time|seconds",
            subject="/user/{userId}",
        ),
        CallEnded=Form(
            name=_DRAFT + "CallEnded",
            members="id=correlationId from=startedBy.communicationIdentifier.rawId "
            "to=startedBy.communicationIdentifier.rawId endedAt=$time|seconds",
            subject="/user/{userId}",
        ),
    ),
    id_is_message_id=False,
    is_first_draft=True,
)

PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        _GA,
        _DOCS_2026,
        _DOCS_2025,
        _DOCS_2024,
        _DOCS_2023,
        _DOCS_2022,
        _PREVIEW_2022_02,
        _PREVIEW_2021_10,
        _PREVIEW_2020_07,
        _DRAFT_2020_07,
        _DRAFT_2020_03,
    )
}
