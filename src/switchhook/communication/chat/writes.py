"""What does a step write?"""

from switchhook.communication.chat.model import Thread
from switchhook.communication.chat.state import Step, ThreadState
from switchhook.communication.chat.store import (
    DUE,
    HEADS,
    MEMBERS,
    MESSAGES,
    RECEIPTS,
    THREADS,
    TOMBSTONE_RETENTION,
    Due,
    PurgeDue,
    RetentionDue,
    TombstoneDue,
    member_key,
    message_key,
)
from switchhook.communication.chat.threads import deletion_time
from switchhook.communication.due_work import due_key
from switchhook.communication.records import key, put
from switchhook.grid.ports import Change, Delete


class Writes:
    """The changes of one commit; `first_due` is when something will happen because of them."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.first_due: int | None = None

    def add_due(self, at: int, what: str, due: Due) -> None:
        """Have something happen at that instant; `what` tells it from all else of that instant."""
        self.changes.append(put(DUE, due_key(at, what), due))
        self.first_due = at if self.first_due is None else min(self.first_due, at)


def writes_of(
    topic: str,
    before: ThreadState | None,
    step: Step,
    *,
    revision: int,
    rewrites: int | None = None,
) -> Writes:
    """What a step from `before` (None: a new thread) writes.

    It holds only where the head is at `revision`, so that it follows on what it was computed from;
    a message or receipt that is rewritten must be at revision `rewrites`.
    """
    writes = Writes()
    thread, changes = step.state.thread, writes.changes
    thread_key = key(topic, thread.id)
    changes.append(put(HEADS, thread_key, step.state.head, revision))
    for message in step.messages:
        message_at = message_key(topic, thread.id, message.id)
        changes.append(put(MESSAGES, message_at, message, rewrites))
    for receipt in step.receipts:
        receipt_at = key(topic, thread.id, receipt.sender)
        changes.append(put(RECEIPTS, receipt_at, receipt, rewrites))
    if before is None or thread is not before.thread:
        changes.append(put(THREADS, thread_key, thread))
        _add_memberships(changes, topic, before.thread if before else None, thread)
        _add_future(writes, topic, before.thread if before else None, thread)
    return writes


def _add_memberships(
    changes: list[Change], topic: str, before: Thread | None, after: Thread
) -> None:
    if before is not None and before.participants is after.participants:
        return
    was = {each.raw_id for each in before.participants} if before else set()
    is_now = {each.raw_id for each in after.participants}
    joined = sorted(is_now - was)
    changes += [put(MEMBERS, member_key(topic, raw_id, after), {}) for raw_id in joined]
    for raw_id in sorted(was - is_now):
        changes.append(Delete(MEMBERS, member_key(topic, raw_id, after)))
        changes.append(Delete(RECEIPTS, key(topic, after.id, raw_id)))


def _add_future(writes: Writes, topic: str, before: Thread | None, after: Thread) -> None:
    if after.deleted_at is not None:
        purge = PurgeDue(topic=topic, thread_id=after.id)
        writes.add_due(after.deleted_at, f"purge/{after.id}", purge)
        tombstone = TombstoneDue(topic=topic, thread_id=after.id)
        forgotten_at = after.deleted_at + TOMBSTONE_RETENTION
        writes.add_due(forgotten_at, f"tombstone/{after.id}", tombstone)
        return
    deleted_at = deletion_time(after)
    if deleted_at is not None and (before is None or deletion_time(before) != deleted_at):
        retention = RetentionDue(topic=topic, thread_id=after.id)
        writes.add_due(deleted_at, f"retention/{after.id}", retention)
