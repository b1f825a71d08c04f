"""The Job Router family: article "Job Router events" of 2023-07 with the specification's names."""

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
    texts,
    time,
)

_PREFIX = "Microsoft.Communication."
_GUID = "5a1f0000-0000-4000-8000-0000000000"
_YES, _ALWAYS, _NO = Required.YES, Required.ALWAYS, Required.NO
_LABELS = {"language": "en", "vip": True, "seats": 4}
_TAGS = {"restaurant": "harbour"}
_STATES = (
    "PendingClassification",
    "Queued",
    "Assigned",
    "Completed",
    "Closed",
    "Cancelled",
    "ClassificationFailed",
    "Created",
    "PendingSchedule",
    "Scheduled",
    "ScheduleFailed",
    "WaitingForActivation",
)

_JOB = text("jobId", _ALWAYS, _GUID + "a1")
_WORKER = text("workerId", _ALWAYS, "worker-7")
_REFERENCE = text("channelReference", _ALWAYS, "booking-1042")
_CHANNEL = text("channelId", _ALWAYS, "voice")
_POLICY = text("classificationPolicyId", _ALWAYS, "by-language")
_QUEUE = text("queueId", _NO, "english", shown=True, nullable=True)
_ASSIGNMENT = text("assignmentId", _ALWAYS, _GUID + "a2")
_OFFER = text("offerId", _ALWAYS, _GUID + "a3")
_PRIORITY = scalar("priority", Kind.INTEGER, _NO, 5, shown=True, nullable=True)


def _labels(name: str, required: Required = _YES, *, shown: bool | None = None) -> Field:
    example = _TAGS if name.lower().endswith("tags") else _LABELS
    return mapping(name, required, dict(example), Kind.SCALAR, shown=shown)


_LABELLED = (_labels("labels"), _labels("tags"))


def _selectors(name: str) -> Field:
    return items(
        name,
        _NO,
        text("key", _ALWAYS, "seats"),
        text("labelOperator", _ALWAYS, "greaterThan", note="as the router API was given it"),
        scalar("value", Kind.SCALAR, _ALWAYS, 3),
        scalar("ttlSeconds", Kind.NUMBER, _NO, 60, shown=True),
        text("state", _NO, "active", allowed=("active", "expired")),
        time("expirationTime", _NO, -60_000, shown=True),
        shown=True,
    )


def _queue_members() -> tuple[Field, ...]:
    return (
        text("id", _ALWAYS, "english"),
        text("name", _ALWAYS, "English-speaking guests"),
        _labels("labels", _ALWAYS),
    )


def _event(name: str, when: str, subject: str, *fields: Field, note: str = "") -> EventType:
    return EventType(
        name=_PREFIX + name,
        family=Family.JOB_ROUTER,
        when=when,
        subject=subject,
        fields=fields,
        note=note,
    )


_AT_JOB = "job/{jobId}/channel/{channelId}"
_AT_QUEUE = _AT_JOB + "/queue/{queueId}"
_AT_ASSIGNMENT = _AT_JOB + "/assignment/{assignmentId}"
_AT_RULE = _AT_JOB + "/exceptionrule/{ruleKey}"
_AT_OFFER = "worker/{workerId}/job/{jobId}"

_ERROR = items(
    "errors",
    _ALWAYS,
    text("code", _ALWAYS, None, nullable=True),
    text("message", _ALWAYS, "No queue fits the labels of the job."),
    text("target", _ALWAYS, None, nullable=True),
    Field(
        name="innererror",
        kind=Kind.MAP,
        item=Kind.ANY,
        required=_ALWAYS,
        shown=True,
        nullable=True,
        note="an error of the same form",
    ),
    Field(
        name="details",
        kind=Kind.ARRAY,
        item=Kind.ANY,
        required=_ALWAYS,
        shown=True,
        nullable=True,
        note="errors of the same form",
    ),
)
_EXPIRED = (
    _selectors("expiredRequestedWorkerSelectors"),
    _selectors("expiredAttachedWorkerSelectors"),
)
_SCHEDULED = time("scheduledOn", _NO, 200, shown=True)
_SUSPENDED = scalar("unavailableForMatching", Kind.BOOLEAN, _YES, False)

_JOBS = (
    _event(
        "RouterJobReceived",
        "A job is created.",
        _AT_JOB,
        _JOB,
        _REFERENCE,
        text("jobStatus", _ALWAYS, "PendingClassification", allowed=_STATES),
        _CHANNEL,
        text("classificationPolicyId", _NO, "by-language", shown=True, nullable=True),
        _QUEUE,
        _PRIORITY,
        *_LABELLED,
        _selectors("requestedWorkerSelectors"),
        _SCHEDULED,
        _SUSPENDED,
    ),
    _event(
        "RouterJobClassified",
        "A classification policy has found the job's queue.",
        _AT_QUEUE,
        group("queueDetails", _ALWAYS, *_queue_members()),
        _JOB,
        _REFERENCE,
        _CHANNEL,
        _POLICY,
        _QUEUE,
        _PRIORITY,
        *_LABELLED,
        _selectors("attachedWorkerSelectors"),
    ),
    _event(
        "RouterJobQueued",
        "A job enters a queue.",
        _AT_QUEUE,
        _JOB,
        _REFERENCE,
        _CHANNEL,
        _QUEUE,
        _PRIORITY,
        *_LABELLED,
        _selectors("requestedWorkerSelectors"),
        _selectors("attachedWorkerSelectors"),
    ),
    _event(
        "RouterJobClassificationFailed",
        "A classification policy cannot be applied to the job.",
        _AT_JOB + "/classificationpolicy/{classificationPolicyId}",
        _ERROR,
        _JOB,
        _REFERENCE,
        _CHANNEL,
        _POLICY,
        *_LABELLED,
        text("queueId", _NO, "english", nullable=True),
    ),
    _event(
        "RouterJobCompleted",
        "The worker completes the job and wraps up.",
        _AT_ASSIGNMENT,
        _JOB,
        _REFERENCE,
        _CHANNEL,
        _QUEUE,
        _ASSIGNMENT,
        *_LABELLED,
        _WORKER,
    ),
    _event(
        "RouterJobClosed",
        "The job is closed, its wrap-up is over.",
        _AT_ASSIGNMENT,
        _JOB,
        _REFERENCE,
        _CHANNEL,
        _QUEUE,
        text("dispositionCode", _NO, "booked", shown=True, nullable=True),
        _WORKER,
        _ASSIGNMENT,
        *_LABELLED,
    ),
    _event(
        "RouterJobCancelled",
        "The job is cancelled.",
        _AT_JOB + "/disposition/{dispositionCode}",
        text("note", _NO, "The guest hung up.", shown=True, nullable=True),
        text("dispositionCode", _ALWAYS, "hung-up"),
        _JOB,
        _REFERENCE,
        _CHANNEL,
        *_LABELLED,
        _QUEUE,
    ),
    _event(
        "RouterJobExceptionTriggered",
        "A rule of the queue's exception policy applies to the job.",
        _AT_RULE,
        text("ruleKey", _ALWAYS, "too-long-waiting"),
        text("exceptionRuleId", _ALWAYS, _GUID + "a4"),
        _JOB,
        _REFERENCE,
        _CHANNEL,
        *_LABELLED,
        text("queueId", _NO, "english", nullable=True),
    ),
    _event(
        "RouterJobWorkerSelectorsExpired",
        "Worker selectors of a waiting job have reached the end of their time to live.",
        _AT_QUEUE,
        _JOB,
        _REFERENCE,
        _CHANNEL,
        _QUEUE,
        *_LABELLED,
        *_EXPIRED,
    ),
    _event(
        "RouterJobUnassigned",
        "A job is taken back from the worker who had accepted it.",
        _AT_ASSIGNMENT,
        _JOB,
        _ASSIGNMENT,
        _WORKER,
        _CHANNEL,
        _REFERENCE,
        _QUEUE,
        *_LABELLED,
    ),
    _event(
        "RouterJobWaitingForActivation",
        "The scheduled time of a job has come; the application decides what is next.",
        _AT_JOB,
        _JOB,
        _CHANNEL,
        _REFERENCE,
        _QUEUE,
        _PRIORITY,
        *_LABELLED,
        *_EXPIRED,
        _SCHEDULED,
        _SUSPENDED,
    ),
    _event(
        "RouterJobSchedulingFailed",
        "A scheduled job could not be created.",
        _AT_JOB,
        _JOB,
        _CHANNEL,
        _REFERENCE,
        _QUEUE,
        _PRIORITY,
        *_LABELLED,
        *_EXPIRED,
        _SCHEDULED,
        text("failureReason", _NO, "The queue does not exist.", shown=True, nullable=True),
    ),
    _event(
        "RouterJobDeleted",
        "A job is deleted.",
        _AT_JOB,
        _JOB,
        _REFERENCE,
        _CHANNEL,
        *_LABELLED,
        _QUEUE,
    ),
)

_PRIORITY_OF_JOB = scalar("jobPriority", Kind.INTEGER, _ALWAYS, 5)
_LABELS_OF_JOB = (
    _labels("jobLabels", _NO, shown=True),
    _labels("jobTags", _NO, shown=True),
)
_LABELS_OF_WORKER = (_labels("workerLabels", _NO), _labels("workerTags", _NO))
_AT_HAND = (_WORKER, _JOB, _REFERENCE, _CHANNEL, text("queueId", _ALWAYS, "english"))

_OFFERS = (
    _event(
        "RouterWorkerOfferIssued",
        "A worker is offered a job.",
        _AT_OFFER,
        *_AT_HAND,
        _OFFER,
        time("offeredOn", _ALWAYS, 100),
        time("expiresOn", _ALWAYS, -60_000),
        _PRIORITY_OF_JOB,
        *_LABELS_OF_JOB,
        *_LABELS_OF_WORKER,
    ),
    _event(
        "RouterWorkerOfferAccepted",
        "The worker accepts an offer.",
        _AT_OFFER,
        _WORKER,
        _JOB,
        _PRIORITY_OF_JOB,
        *_LABELS_OF_JOB,
        *_LABELS_OF_WORKER,
        _REFERENCE,
        _CHANNEL,
        text("queueId", _ALWAYS, "english"),
        _OFFER,
        _ASSIGNMENT,
    ),
    _event(
        "RouterWorkerOfferDeclined",
        "The worker declines an offer.",
        _AT_OFFER,
        *_AT_HAND,
        _OFFER,
    ),
    _event(
        "RouterWorkerOfferRevoked",
        "An open offer is withdrawn.",
        _AT_OFFER,
        _OFFER,
        *_AT_HAND,
    ),
    _event(
        "RouterWorkerOfferExpired",
        "The time to answer an offer is over.",
        _AT_OFFER,
        _OFFER,
        *_AT_HAND,
    ),
)

_RECORD = (
    _WORKER,
    scalar("totalCapacity", Kind.INTEGER, _ALWAYS, 100),
    items("queueAssignments", _ALWAYS, *_queue_members()),
    _labels("labels", _NO, shown=True),
    items(
        "channelConfigurations",
        _ALWAYS,
        text("channelId", _ALWAYS, "voice"),
        scalar("capacityCostPerJob", Kind.INTEGER, _ALWAYS, 50),
        scalar("maxNumberOfJobs", Kind.INTEGER, _NO, 2, shown=True, nullable=True),
    ),
    _labels("tags", _NO, shown=True),
)

_WORKERS = (
    _event(
        "RouterWorkerRegistered", "A worker is ready for offers.", "worker/{workerId}", *_RECORD
    ),
    _event(
        "RouterWorkerUpdated",
        "Properties of a worker change.",
        "worker/{workerId}",
        *_RECORD,
        texts("updatedWorkerProperties", _ALWAYS, ["TotalCapacity", "Tags"]),
        note="Described by the specification only.",
    ),
    _event(
        "RouterWorkerDeregistered",
        "A worker no longer takes offers.",
        "worker/{workerId}",
        _WORKER,
    ),
    _event(
        "RouterWorkerDeleted",
        "A worker is deleted.",
        "worker/{workerId}",
        *_RECORD,
        text("jobId", _NO, _GUID + "a1", note="in the specification's base model only"),
        text("channelReference", _NO, "booking-1042", note="as `jobId`"),
        text("channelId", _NO, "voice", note="as `jobId`"),
    ),
)

# Names that lived only in the preview of 2021.
PREVIEW_TYPES = (
    _event(
        "RouterJobLabelsUpdated",
        "The labels of a job change (preview of 2021).",
        _AT_JOB,
        _JOB,
        _REFERENCE,
        text("jobStatus", _ALWAYS, "Queued", allowed=_STATES[:7]),
        _CHANNEL,
        text("classificationPolicyId", _NO, "by-language", shown=True, nullable=True),
        _QUEUE,
        scalar("priority", Kind.INTEGER, _ALWAYS, 5, nullable=True),
        mapping("labelsAddedOrChanged", _NO, {"seats": "4"}, Kind.SCALAR, shown=True),
        _labels("labels", _NO, shown=True),
    ),
    _event(
        "RouterJobExceptionCleared",
        "A rule of the exception policy no longer applies to the job (preview of 2021).",
        _AT_RULE,
        text("ruleKey", _ALWAYS, "too-long-waiting"),
        _JOB,
        _REFERENCE,
        _CHANNEL,
        _labels("labels", _NO, shown=True),
    ),
)

TYPES = (*_JOBS, *_OFFERS, *_WORKERS)
