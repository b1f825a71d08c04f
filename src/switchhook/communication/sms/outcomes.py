"""What happens to messages as time goes by: reports arrive, records expire."""

from collections.abc import Iterator, Sequence

import msgspec

from switchhook.clock import SECOND, Clock
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.due_work import PASS_LIMIT, DueWork, due_key
from switchhook.communication.records import key, put
from switchhook.communication.sms import events
from switchhook.communication.sms.store import (
    DUE,
    MESSAGES,
    REPEATABILITY,
    DeliveryReport,
    ExpiryDue,
    ReportDue,
    ReportsDue,
    SmsMessage,
    decode_due,
)
from switchhook.communication.sms.unreported import Unreported
from switchhook.grid.ports import Change, Delete, Record, Records
from switchhook.grid.publish import CommitEvents, batch_of_read
from switchhook.grid.schemas.event_grid import ServiceEvent
from switchhook.guids import NewGuid

# How many messages one record deletes: a pass does many such records in one commit.
EXPIRING_TOGETHER = 32


class Outcomes:
    """Does what is due, in passes: each is one commit of state changes and their events.

    The directory must be complete before `due_work` resumes: what is due for a resource that is
    gone is dropped.
    """

    def __init__(
        self,
        *,
        store: Records,
        commit: CommitEvents,
        clock: Clock,
        directory: CommunicationDirectory,
        new_guid: NewGuid,
        unreported: Unreported,
    ) -> None:
        self._unreported = unreported
        self._commit = commit
        self._directory = directory
        self._new_guid = new_guid
        self.due_work = DueWork(DUE, records=store, clock=clock, work=self._pass)

    async def _pass(self, due: Sequence[Record], now: int) -> None:
        work = _Pass(now)
        for record in due:
            if work.size >= PASS_LIMIT:
                break
            work.changes.append(Delete(DUE, record.key, record.revision))
            match decode_due(record):
                case ReportDue() as report:
                    await self._report(work, report)
                case ReportsDue(reports=reports):
                    for report in reports:
                        await self._report(work, report)
                case ExpiryDue() as expiry:
                    work.changes += [Delete(MESSAGES, message) for message in expiry.messages]
                    work.changes += [Delete(REPEATABILITY, once) for once in expiry.repeatability]
        work.changes += [put(MESSAGES, *reported) for reported in work.reported.items()]
        work.changes += work.expiries()
        batches = [batch_of_read(topic, found, now) for topic, found in work.events.items()]
        await self._commit(work.changes, batches)

    async def _report(self, work: "_Pass", due: ReportDue) -> None:
        work.size += 1
        resource = self._directory.by_topic(due.topic)
        if resource is None:
            work.expire(due)  # what came too late to be deleted with its resource
            return
        message_key = f"{due.topic}/{due.message_id}"
        message = work.reported.get(message_key) or self._unreported.take(message_key)
        if message is None:
            message = await self._unreported.read(due.topic, due.message_id)
        if message is None:
            return
        report = DeliveryReport(
            code=due.code, details=due.details, received_at=work.now, attempts=due.attempts
        )
        if message.report is None:  # the first one stays what `GET /deliveryReports` answers
            work.reported[message_key] = msgspec.structs.replace(message, report=report)
            work.expire(due)
        if message.enable_delivery_report:
            event = events.report_event(resource, message, report, str(self._new_guid()))
            work.events.setdefault(due.topic, []).append(event)


class _Pass:
    """What one pass collects, of so many reports."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.size = 0
        self.changes: list[Change] = []
        self.reported: dict[str, SmsMessage] = {}
        self.events: dict[str, list[ServiceEvent]] = {}
        self._expiring: dict[int, list[ReportDue]] = {}

    def expire(self, due: ReportDue) -> None:
        """Have the message deleted when its time comes, by one record for all of one second."""
        if due.expires_at:
            self._expiring.setdefault(due.expires_at // SECOND, []).append(due)

    def expiries(self) -> Iterator[Change]:
        """The records by which that happens."""
        for expiring in self._expiring.values():
            for first in range(0, len(expiring), EXPIRING_TOGETHER):
                yield _expiry(expiring[first : first + EXPIRING_TOGETHER])


def _expiry(together: Sequence[ReportDue]) -> Change:
    messages = tuple(key(each.topic, each.message_id) for each in together)
    repeatability = tuple(each.repeatability for each in together if each.repeatability)
    at = max(each.expires_at for each in together)
    # One of its messages names it: no other record has that one.
    expiry = ExpiryDue(messages=messages, repeatability=repeatability)
    return put(DUE, due_key(at, messages[0]), expiry)
