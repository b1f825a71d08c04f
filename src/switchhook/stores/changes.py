"""What does each change do to the tables?"""

from collections.abc import Iterable
from typing import assert_never

import apsw

from switchhook.errors import ConflictError
from switchhook.grid.ports import (
    Change,
    Delete,
    DropCursor,
    DropSubscription,
    MoveWatermark,
    Put,
    PutCursor,
    PutWaiting,
    SettleWaiting,
    WaitingDelivery,
)
from switchhook.stores.queries import load_queries

_RECORDS = load_queries("records.sql")
_STATE = load_queries("delivery_state.sql")


def check_conditions(cursor: apsw.Cursor, changes: Iterable[Change]) -> None:
    """Raises:
    ConflictError: a record is not at the revision that a change expects.
    """
    for change in changes:
        if isinstance(change, Put | Delete) and change.expected is not None:
            key = (change.collection, change.key)
            revision = cursor.execute(_RECORDS["get_revision"], key).get or 0
            if revision != change.expected:
                raise ConflictError(
                    f"{change.collection}/{change.key} is at revision {revision}, "
                    f"not at {change.expected}"
                )


def apply_changes(cursor: apsw.Cursor, changes: Iterable[Change], position: int) -> None:
    """Write the changes of one commit, whose first event has `position`."""
    for change in changes:
        for query, values in _statements(change, position):
            cursor.execute(query, values)


_Value = int | str | bytes | None
_Statement = tuple[str, tuple[_Value, ...]]


def _statements(change: Change, position: int) -> tuple[_Statement, ...]:
    match change:
        case Put(collection, key, value):
            return ((_RECORDS["put_record"], (collection, key, value, position)),)
        case Delete(collection, key):
            return ((_RECORDS["delete_record"], (collection, key)),)
        case MoveWatermark(moved):
            return ((_STATE["move_watermark"], (moved,)),)
        case PutCursor(cursor):
            values = (cursor.subscription, cursor.run, cursor.position)
            return ((_STATE["put_cursor"], values),)
        case DropCursor(subscription, run):
            return ((_STATE["drop_cursor"], (subscription, run)),)
        case PutWaiting(delivery):
            return ((_STATE["put_waiting"], _values(delivery)),)
        case SettleWaiting(waiting, subscription, run):
            return ((_STATE["settle_waiting"], (subscription, waiting, run)),)
        case DropSubscription(subscription):
            return (
                (_STATE["drop_cursors"], (subscription,)),
                (_STATE["drop_waiting"], (subscription,)),
                (_STATE["note_dropped"], (subscription,)),
            )
        case _:
            assert_never(change)


def _values(delivery: WaitingDelivery) -> tuple[_Value, ...]:
    return (
        delivery.subscription,
        delivery.position,
        delivery.run,
        delivery.version,
        delivery.topic,
        delivery.schema.value,
        delivery.published_at,
        delivery.body,
        delivery.attempts,
        delivery.due_at,
        delivery.last_outcome,
        delivery.last_status_code,
        delivery.last_attempt_at,
        delivery.lives_from,
        delivery.dead_letter_reason,
        delivery.given_up_at,
        delivery.traceparent,
    )
