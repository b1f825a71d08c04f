"""What do the rows of the tables mean? Columns come in the order in which the queries name them."""

from typing import Any

from switchhook.grid.events import EventSchema
from switchhook.grid.ports import Backlog, Cursor, DueMark, Record, WaitingDelivery

_Row = tuple[Any, ...]  # what SQLite holds: its tables are strict, which is as good as a type


def to_record(row: _Row) -> Record:
    """A row of `get_record` or of a scan."""
    collection, key, value, revision, position = row
    return Record(collection=collection, key=key, value=value, revision=revision, position=position)


def to_cursor(row: _Row) -> Cursor:
    """A row of `all_cursors`."""
    subscription, run, position = row
    return Cursor(subscription=subscription, run=run, position=position)


def to_mark(row: _Row) -> DueMark:
    """A row of `next_due`."""
    due_at, position, subscription, run = row
    return DueMark(due_at=due_at, position=position, subscription=subscription, run=run)


def to_backlog(row: _Row) -> Backlog:
    """A row of `backlogs`."""
    subscription, count, published_at = row
    return Backlog(subscription=subscription, count=count, published_at=published_at)


def to_waiting(row: _Row) -> WaitingDelivery:
    """A row of `due_waiting` or `waiting_of`."""
    return WaitingDelivery(
        subscription=row[0],
        position=row[1],
        run=row[2],
        version=row[3],
        topic=row[4],
        schema=EventSchema(row[5]),
        published_at=row[6],
        body=row[7],
        attempts=row[8],
        due_at=row[9],
        last_outcome=row[10],
        last_status_code=row[11],
        last_attempt_at=row[12],
        lives_from=row[13],
        dead_letter_reason=row[14],
        given_up_at=row[15],
        traceparent=row[16],
    )
