"""Which sends share a commit, and what tells what is due for them?

Those that come while other commits are under way, which they would wait for all the same. One
commit for many costs less, and so does one record for reports that come at nearly the same instant.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from switchhook.background import Background
from switchhook.clock import MILLISECOND
from switchhook.communication.due_work import due_key
from switchhook.communication.records import put
from switchhook.communication.sms.sending import SendPlan
from switchhook.communication.sms.store import DUE, ReportDue, ReportsDue
from switchhook.errors import CommitUnknownError
from switchhook.grid.ports import Change
from switchhook.grid.publish import CommitEvents

# How many changes a commit has at most, unless one send alone has more.
MOST_CHANGES = 256
# One is being written, and the next is there when that ends.
MOST_COMMITS = 2
# How many reports a record has at most, and how much later than alone one of them may come.
MOST_REPORTS = 64
NEARLY = 10 * MILLISECOND


class _Waiting(NamedTuple):
    """A send, and who waits for it to be durable."""

    plan: SendPlan
    ended: "asyncio.Future[None]"


class Together:
    """Makes sends durable: while `MOST_COMMITS` are under way, those for the next one gather."""

    def __init__(self, commit: CommitEvents, expect: Callable[[int | None], None]) -> None:
        """`expect` hears of each instant at which something is due, when that may be durable."""
        self._commit = commit
        self._expect = expect
        self._waiting: deque[_Waiting] = deque()
        self._begins_soon = False
        self._under_way = 0
        self._background = Background()

    def commit(self, plan: SendPlan) -> "asyncio.Future[None]":
        """Ends when what a send changes is durable; the errors are those of `Commit`."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(plan, ended))
        if not self._begins_soon and self._under_way < MOST_COMMITS:
            self._begins_soon = True
            # It begins when all that came in this turn of the event loop waits, too.
            self._background.spawn(self._commit_all())
        return ended

    async def _commit_all(self) -> None:
        self._begins_soon = False
        self._under_way += 1
        try:
            while self._waiting:
                await self._commit_group(_next_group(self._waiting))
        finally:
            self._under_way -= 1

    async def _commit_group(self, group: Sequence[_Waiting]) -> None:
        first_due: int | None = None
        failure: Exception | None = None
        try:
            changes, first_due = join([each.plan for each in group])
            await self._commit(changes, ())
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            failure = error
        # Also when it is not known what became of it.
        self._expect(first_due)
        # A future is done before when the task that awaited it was cancelled.
        left = [ended for _, ended in group if not ended.done()]
        if failure is None:
            for ended in left:
                ended.set_result(None)
        elif len(group) > 1 and not isinstance(failure, CommitUnknownError):
            # One of them is at fault, or there is no room for all.
            await asyncio.gather(*(self._commit_group((each,)) for each in group))
        elif left:
            left[0].set_exception(failure)
            for ended in left[1:]:
                ended.set_exception(CommitUnknownError(*failure.args))


def _next_group(waiting: deque[_Waiting]) -> list[_Waiting]:
    """The next sends, in order, that can share a commit: not too many, and no two that name the
    same repeatability record, of which the second must find what the first has written."""
    group = [waiting.popleft()]
    plan = group[0].plan
    size, names = len(plan.changes), set(plan.sent_once)
    while waiting:
        plan = waiting[0].plan
        size += len(plan.changes)
        if size > MOST_CHANGES or not names.isdisjoint(plan.sent_once):
            break
        names.update(plan.sent_once)
        group.append(waiting.popleft())
    return group


def join(plans: Sequence[SendPlan]) -> tuple[list[Change], int | None]:
    """The changes of these sends, and when something is due for the first time."""
    changes = [change for plan in plans for change in plan.changes]
    instants = [plan.expires_at for plan in plans if plan.expires_at is not None]
    near: dict[int, list[tuple[int, ReportDue]]] = {}
    for plan in plans:
        for report in plan.reports:
            near.setdefault(report[0] // NEARLY, []).append(report)
    for found in near.values():
        for first in range(0, len(found), MOST_REPORTS):
            some = found[first : first + MOST_REPORTS]
            at = max([each for each, _ in some])
            changes.append(_due(at, [report for _, report in some]))
            instants.append(at)
    return changes, min(instants, default=None)


def _due(at: int, reports: Sequence[ReportDue]) -> Change:
    value = reports[0] if len(reports) == 1 else ReportsDue(reports=tuple(reports))
    # One of its messages names it: no other record of that instant has that one.
    return put(DUE, due_key(at, reports[0].message_id), value)
