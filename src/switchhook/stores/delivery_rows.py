"""How is the delivery state read from its tables?"""

import json
from collections.abc import Collection

import apsw

from switchhook.grid.ports import Backlog, Cursor, DueMark, WaitingDelivery
from switchhook.stores.queries import load_queries
from switchhook.stores.rows import to_backlog, to_cursor, to_mark, to_waiting

_SQL = load_queries("delivery_state.sql")

_BEFORE_ALL = DueMark(due_at=-(1 << 63), position=0, subscription="", run=0)
_NO_LIMIT = -1

_Mark = tuple[int, int, str, int]


def watermark(cursor: apsw.Cursor) -> int:
    """Everything before it has been routed."""
    return int(cursor.execute(_SQL["get_watermark"]).get)


def cursors(cursor: apsw.Cursor) -> list[Cursor]:
    """The cursors of the subscriptions that lag behind the watermark."""
    return [to_cursor(row) for row in cursor.execute(_SQL["all_cursors"]).fetchall()]


def due(
    cursor: apsw.Cursor, now: int, limit: int, after: DueMark | None, excluding: Collection[str]
) -> list[WaitingDelivery]:
    """The exception rows that are due, after a mark."""
    values = (now, *_columns(after), json.dumps([*excluding]), limit)
    return [to_waiting(row) for row in cursor.execute(_SQL["due_waiting"], values).fetchall()]


def next_due(
    cursor: apsw.Cursor, after: DueMark | None, excluding: Collection[str]
) -> DueMark | None:
    """The first mark after another."""
    values = (*_columns(after), json.dumps([*excluding]))
    rows = cursor.execute(_SQL["next_due"], values).fetchall()
    return to_mark(rows[0]) if rows else None


def waiting(
    cursor: apsw.Cursor, subscription: str, start: int, limit: int | None
) -> list[WaitingDelivery]:
    """The exception rows of one subscription from a position on."""
    bound = _NO_LIMIT if limit is None else limit
    rows = cursor.execute(_SQL["waiting_of"], (subscription, start, bound))
    return [to_waiting(row) for row in rows.fetchall()]


def backlogs(cursor: apsw.Cursor) -> list[Backlog]:
    """How many exception rows each subscription has; from an index, but for the first of each."""
    return [to_backlog(row) for row in cursor.execute(_SQL["backlogs"]).fetchall()]


def _columns(mark: DueMark | None) -> _Mark:
    mark = mark or _BEFORE_ALL
    return mark.due_at, mark.position, mark.subscription, mark.run
