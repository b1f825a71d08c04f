"""What happens to messages as time goes by: reports arrive, records expire.

What is due stands in the store, in the order of its instants, so that a restart goes on where the
last run stopped. One timer waits for the earliest of it.
"""

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

import msgspec

from switchhook.clock import SECOND, Clock, Timer
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.sms import events
from switchhook.communication.sms.store import (
    DUE,
    MESSAGES,
    REPEATABILITY,
    DeliveryReport,
    ExpiryDue,
    ReportDue,
    SmsMessage,
    SmsRecords,
    decode_due,
    key,
    put,
)
from switchhook.grid.ports import Change, Delete
from switchhook.grid.publish import CommitEvents, batch_of

_log = logging.getLogger(__name__)

# How much of what is due goes into one commit.
PASS_LIMIT = 256
# How long to wait after a pass that failed, such as for want of space.
BACK_OFF = SECOND


class Outcomes:
    """Does what is due, in passes: each is one commit of state changes and their events."""

    def __init__(
        self,
        *,
        records: SmsRecords,
        commit: CommitEvents,
        clock: Clock,
        directory: CommunicationDirectory,
        new_guid: Callable[[], UUID],
    ) -> None:
        self._records = records
        self._commit = commit
        self._clock = clock
        self._directory = directory
        self._new_guid = new_guid
        self._timer: Timer | None = None
        self._armed_for = 0
        self._task: asyncio.Task[None] | None = None
        self._was_woken = False
        self._is_closed = False

    async def resume(self) -> None:
        """Wait for what an earlier run left; at once for what has become due meanwhile.

        The directory must be complete: what is due for a resource that is gone is dropped.
        """
        self.expect(await self._records.next_due())

    def expect(self, due_at: int | None) -> None:
        """Be awake at that instant: something may be due then."""
        if due_at is None or self._is_closed:
            return
        if self._timer is not None:
            if self._armed_for <= due_at:
                return
            self._timer.cancel()
        self._armed_for = due_at
        self._timer = self._clock.call_at(due_at, self._wake)

    @property
    def is_busy(self) -> bool:
        """Whether something that has been due is in flight."""
        return self._task is not None

    async def quiet(self) -> None:
        """Return when nothing is in flight that has been due."""
        while self._task is not None:
            await asyncio.wait((self._task,))

    async def close(self) -> None:
        """Finish the pass that runs, and start no other."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self.quiet()

    def _wake(self) -> None:
        self._timer = None
        if self._task is not None:
            # The running task may have read before this became due: look again at its end.
            self._was_woken = True
        elif not self._is_closed:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while not self._is_closed and await self._pass():
                pass
            self.expect(await self._records.next_due())
        except Exception:  # noqa: BLE001 - what is due stays due; later passes must still come
            _log.warning("sms.outcomes_failed", exc_info=True)
            self.expect(self._clock.now() + BACK_OFF)
        finally:
            self._task = None
            if self._was_woken:
                self._was_woken = False
                self.expect(self._clock.now())

    async def _pass(self) -> bool:
        """Do a bounded part of what is due; answer whether there was any."""
        now = self._clock.now()
        due = await self._records.due(now, PASS_LIMIT)
        if not due:
            return False
        work = _Pass(now)
        for record in due:
            work.changes.append(Delete(DUE, record.key, record.revision))
            match decode_due(record):
                case ReportDue() as report:
                    await self._report(work, report)
                case ExpiryDue() as expiry:
                    work.changes += [Delete(MESSAGES, message) for message in expiry.messages]
                    work.changes += [Delete(REPEATABILITY, once) for once in expiry.repeatability]
        work.changes += [put(MESSAGES, *reported) for reported in work.reported.items()]
        batches = [batch_of(topic, found, now) for topic, found in work.events.items()]
        await self._commit(work.changes, batches)
        return True

    async def _report(self, work: "_Pass", due: ReportDue) -> None:
        resource = self._directory.by_topic(due.topic)
        if resource is None:
            return
        message_key = key(due.topic, due.message_id)
        message = work.reported.get(message_key)
        if message is None:
            message = await self._records.message(due.topic, due.message_id)
        if message is None:
            return
        report = DeliveryReport(
            code=due.code, details=due.details, received_at=work.now, attempts=due.attempts
        )
        if message.report is None:  # the first one stays what `GET /deliveryReports` answers
            work.reported[message_key] = msgspec.structs.replace(message, report=report)
        if message.enable_delivery_report:
            event = events.report_event(resource, message, report, str(self._new_guid()))
            work.events.setdefault(due.topic, []).append(event)


class _Pass:
    """What one pass collects."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.changes: list[Change] = []
        self.reported: dict[str, SmsMessage] = {}
        self.events: dict[str, list[bytes]] = {}
