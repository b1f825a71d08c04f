"""When reports arrive, and what they say."""

from switchhook.clock import SECOND
from switchhook.communication.carriers.simulator import fate
from switchhook.communication.sms.reports import blocked_fate, due_reports
from switchhook.communication.sms.store import Direction, SmsMessage

MESSAGE = SmsMessage(
    message_id="m1",
    direction=Direction.OUTBOUND,
    from_="+18005550100",
    to="+14255550123",
    message="hi",
    segments=2,
    accepted_at=1_000 * SECOND,
)


def test_report_comes_when_the_carrier_says() -> None:
    """Its attempts carry the instants of the clock."""
    [(at, report)] = due_reports("t1", MESSAGE, fate("+14255552002", 2))

    assert at == 1_005_100_000_000
    assert [attempt.timestamp for attempt in report.attempts] == [1_000_100_000_000, at]
    assert (report.topic, report.message_id, report.code) == ("t1", "m1", 2000)
    assert report.details == "No error."


def test_report_in_time_ignores_the_timeout() -> None:
    """A timeout matters only to what is not known yet."""
    [(_, report)] = due_reports("t1", MESSAGE, fate("+14255550123", 2), timeout_in_seconds=60)

    assert report.code == 2000


def test_report_at_the_timeout_is_in_time() -> None:
    """The limit itself is allowed."""
    [(_, report)] = due_reports("t1", MESSAGE, fate("+14255552060", 2), timeout_in_seconds=60)

    assert report.code == 2000


def test_silence_ends_at_the_timeout_with_a_report_of_failure() -> None:
    """Without an attempt in time there is one that failed, when the wait ended."""
    [(at, report)] = due_reports("t1", MESSAGE, fate("+14255552060", 2), timeout_in_seconds=59)

    assert at == 1_059 * SECOND
    assert report.code == 9999
    assert [(a.timestamp, a.segments_failed) for a in report.attempts] == [(at, 2)]


def test_silence_keeps_the_attempts_that_were_made() -> None:
    """What the carrier tried before the timeout stays in the report."""
    [(at, report)] = due_reports("t1", MESSAGE, fate("+14255552099", 2), timeout_in_seconds=60)

    assert at == 1_060 * SECOND
    assert [attempt.timestamp for attempt in report.attempts] == [1_000_100_000_000]


def test_silence_without_a_timeout_lasts() -> None:
    """No report is ever due."""
    assert due_reports("t1", MESSAGE, fate("+14255552099", 2)) == []


def test_second_report_after_the_timeout_is_dropped() -> None:
    """What comes within the wait is reported, what comes later is not."""
    twice = fate("+14255552022", 2)

    assert len(due_reports("t1", MESSAGE, twice, timeout_in_seconds=2)) == 2
    assert len(due_reports("t1", MESSAGE, twice, timeout_in_seconds=1)) == 1


def test_blocked_message_fails_with_the_words_of_the_faq() -> None:
    """The code is the table's, the text the FAQ's."""
    [(_, report)] = due_reports("t1", MESSAGE, blocked_fate(2), is_blocked=True)

    assert (report.code, report.details) == (4007, "Sender blocked for given recipient.")
    assert [(a.segments_succeeded, a.segments_failed) for a in report.attempts] == [(0, 2)]
