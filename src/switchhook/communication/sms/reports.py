"""When does the service know what became of a message, and what does it know then?"""

from collections.abc import Iterable

from switchhook.clock import MILLISECOND, SECOND
from switchhook.communication.carriers.ports import Attempt, Fate
from switchhook.communication.sms import statuses
from switchhook.communication.sms.store import RETENTION, DeliveryAttempt, ReportDue, SmsMessage

# How long the service takes to report that the recipient has opted out (assumed).
BLOCKED_DELAY = 100 * MILLISECOND


def blocked_fate(segments: int) -> Fate:
    """What becomes of a message to a recipient who opted out; no carrier sees it.

    The report shows one attempt in which every segment failed (assumed: the articles say nothing
    of the attempts of a blocked message).
    """
    attempt = Attempt(after=BLOCKED_DELAY, segments_succeeded=0, segments_failed=segments)
    return Fate(code=statuses.OPTED_OUT, attempts=(attempt,), reported_after=(BLOCKED_DELAY,))


def due_reports(
    topic: str,
    message: SmsMessage,
    fate: Fate,
    *,
    is_blocked: bool = False,
    timeout_in_seconds: int | None = None,
    repeatability: str = "",
) -> list[tuple[int, ReportDue]]:
    """The reports of a message, each with the instant at which it arrives.

    After the timeout the service makes one itself, and what the carrier says later is too late.
    `repeatability` is the key of the record that expires with the message.
    """
    details = statuses.BLOCKED_DETAILS if is_blocked else statuses.DETAILS[fate.code]
    if timeout_in_seconds is None:
        instants = fate.reported_after
    else:
        timeout = timeout_in_seconds * SECOND
        instants = tuple(after for after in fate.reported_after if after <= timeout)
        if not instants:
            fate = _timed_out(fate, timeout)
            instants, details = fate.reported_after, statuses.DETAILS[fate.code]
    report = ReportDue(
        topic=topic,
        message_id=message.message_id,
        code=fate.code,
        details=details,
        attempts=_attempts(message.accepted_at, fate.attempts),
        expires_at=message.accepted_at + RETENTION,
        repeatability=repeatability,
    )
    if len(instants) == 1:
        return [(message.accepted_at + instants[0], report)]
    return [(message.accepted_at + after, report) for after in instants]


def _timed_out(fate: Fate, timeout: int) -> Fate:
    made = tuple(attempt for attempt in fate.attempts if attempt.after <= timeout)
    segments = fate.attempts[0].segments_succeeded + fate.attempts[0].segments_failed
    attempts = made or (Attempt(after=timeout, segments_succeeded=0, segments_failed=segments),)
    return Fate(code=statuses.REPORT_TIMED_OUT, attempts=attempts, reported_after=(timeout,))


def _attempts(accepted_at: int, attempts: Iterable[Attempt]) -> tuple[DeliveryAttempt, ...]:
    return tuple(
        [
            DeliveryAttempt(
                timestamp=accepted_at + attempt.after,
                segments_succeeded=attempt.segments_succeeded,
                segments_failed=attempt.segments_failed,
            )
            for attempt in attempts
        ]
    )
