"""What became of the events that were given up?

Each is kept with what is needed to list it, show it and deliver it again after the log was trimmed:
a record about it, and under the same key in a collection of its own the event, so that lists and
the trim do not read events. Keys are in the order in which events were given up.
"""

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum

import msgspec

from switchhook.clock import DAY
from switchhook.grid.collections import GIVEN_UP, GIVEN_UP_EVENTS
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.ports import Change, Delete, Put, Record, Records, WaitingDelivery

# How much is kept: all three are ours, Azure has no such list.
KEEP_NEWEST = 10_000
KEEP_BYTES = 256 << 20
KEEP_FOR = 7 * DAY

# Bounds of one call: records that a list looks at, and records that a trim removes.
MAX_LOOKED_AT = 5_000
MAX_TRIMMED = 500
_PAGE = 500
# More than any event has: what is kept may be so much less than the bound that was reached.
_LARGEST = 2 << 20
# Texts of publishers are cut to this for lists, where they are shown to people.
_SHOWN = 200


class GivenUpState(StrEnum):
    """How far an event that was given up has come."""

    WAITING = "waiting"  # for its dead letter to be written
    WRITTEN = "written"
    DROPPED = "dropped"


class GivenUp(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A delivery that ended without success.

    `subscription` and `topic` are incarnations, `name` is the subscription's. `event_id` and
    `event_type` are cut for lists; the event itself is found with `get_event`, `size` bytes in
    `schema`. `where` is the blob, below its container, or why there is none. `redriven_by` is the
    run that last delivered it again, 0 for none.
    """

    position: int
    run: int = 0
    subscription: str
    name: str
    topic: str
    schema: EventSchema
    event_id: str
    event_type: str
    size: int
    published_at: int
    attempts: int
    reason: str
    last_outcome: str = ""
    last_status_code: int | None = None
    last_attempt_at: int | None = None
    given_up_at: int
    state: GivenUpState
    where: str = ""
    redriven_by: int = 0

    @property
    def key(self) -> str:
        """Where it is kept; a state that it gets later replaces the one before."""
        order = f"{self.given_up_at:020}/{self.position:020}"
        return f"{order}/{self.subscription}/{self.run:020}"


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept: at most so many, so many bytes of events, and for so long."""

    newest: int = KEEP_NEWEST
    size: int = KEEP_BYTES
    age: int = KEEP_FOR


DEFAULT_KEEP = Keep()


class GivenUpPage(msgspec.Struct, frozen=True):
    """Part of a list. `after` continues it, even where the page is empty; None at its end."""

    items: tuple[GivenUp, ...]
    after: str | None


class _Size(msgspec.Struct):
    size: int


_decode = msgspec.json.Decoder(GivenUp).decode
_decode_size = msgspec.json.Decoder(_Size).decode


def given_up(
    row: WaitingDelivery, event: Event, name: str, state: GivenUpState, where: str = ""
) -> GivenUp:
    """What is kept of a row that has a `dead_letter_reason` and a `given_up_at`."""
    return GivenUp(
        position=row.position,
        run=row.run,
        subscription=row.subscription,
        name=name,
        topic=row.topic,
        schema=row.schema,
        event_id=event.id[:_SHOWN],
        event_type=event.type[:_SHOWN],
        size=len(row.body),
        published_at=row.published_at,
        attempts=row.attempts,
        reason=row.dead_letter_reason,
        last_outcome=row.last_outcome,
        last_status_code=row.last_status_code,
        last_attempt_at=row.last_attempt_at,
        given_up_at=row.given_up_at,
        state=state,
        where=where,
    )


def keep(kept: GivenUp, body: bytes) -> tuple[Put, Put]:
    """Keep it, with its event: the JSON array of one that its row has."""
    about = Put(GIVEN_UP, kept.key, msgspec.json.encode(kept))
    return about, Put(GIVEN_UP_EVENTS, kept.key, body)


def mark_redriven(kept: GivenUp, run: int) -> Put:
    """Note that a run delivers it again."""
    marked = msgspec.structs.replace(kept, redriven_by=run)
    return Put(GIVEN_UP, kept.key, msgspec.json.encode(marked))


async def get(records: Records, key: str) -> GivenUp | None:
    """What is kept under a key."""
    record = await records.get(GIVEN_UP, key)
    return None if record is None else _decode(record.value)


async def get_event(records: Records, key: str) -> bytes | None:
    """The event of what is kept under a key: a JSON array of one."""
    record = await records.get(GIVEN_UP_EVENTS, key)
    return None if record is None else record.value


async def list_given_up(
    records: Records,
    *,
    since: int = 0,
    until: int | None = None,
    subscription: str | None = None,
    reason: str | None = None,
    limit: int = 100,
    after: str | None = None,
    newest_first: bool = False,
) -> GivenUpPage:
    """Those with `since <= given_up_at < until`, a page of at most `limit`.

    `subscription` is an incarnation. One call looks at a bounded number of records: a page may be
    short, or empty, before the end of the list.
    """
    start = _time_key(since)
    end = None if until is None else _time_key(until)
    if after is not None and newest_first:
        end = after if end is None else min(after, end)
    elif after is not None:
        start = max(start, _next_key(after))
    items: list[GivenUp] = []
    looked_at = 0
    async for record in _walk(records, start, end, reverse=newest_first):
        looked_at += 1
        kept = _decode(record.value)
        if subscription in (None, kept.subscription) and reason in (None, kept.reason):
            items.append(kept)
        if len(items) >= limit or looked_at == MAX_LOOKED_AT:
            return GivenUpPage(tuple(items), record.key)
    return GivenUpPage(tuple(items), None)


async def find_position(records: Records, position: int, since: int) -> list[GivenUp]:
    """Every delivery of the event at `position` that was given up at `since` or later."""
    own = f"{position:020}"
    walk = _walk(records, _time_key(since), None, reverse=False)
    return [_decode(each.value) async for each in walk if each.key.split("/", 2)[1] == own]


async def find_id(records: Records, event_id: str) -> list[GivenUp]:
    """Those whose event has this id, the newest first; of a very long id only the beginning is
    compared."""
    found = []
    async for record in _walk(records, "", None, reverse=True):
        kept = _decode(record.value)
        if kept.event_id == event_id[:_SHOWN]:
            found.append(kept)
    return found


async def reaches_back_to(
    records: Records, instant: int, now: int, keep: Keep = DEFAULT_KEEP
) -> bool:
    """Whether everything that was given up since then is still recorded.

    The oldest goes first: a record from before says so. Otherwise no bound may have been reached.
    """
    oldest = await records.scan(GIVEN_UP, limit=1)
    if oldest and oldest[0].key < _time_key(instant):
        return True
    count = size = 0
    async for record in _walk(records, "", None, reverse=False):
        count += 1
        size += _decode_size(record.value).size
    return now - instant < keep.age and count < keep.newest and size < keep.size - _LARGEST


async def trim(
    records: Records,
    now: int,
    *,
    keep_newest: int = KEEP_NEWEST,
    keep_bytes: int = KEEP_BYTES,
    max_age: int = KEEP_FOR,
) -> list[Change]:
    """Forget the oldest of what is too old, too many or too much: a bounded number at a time.

    Commit the changes and call it again, until there are none.
    """
    too_old = _time_key(now - max_age)
    end = max(too_old, await _first_to_keep(records, too_old, keep_newest, keep_bytes))
    doomed = await records.scan(GIVEN_UP, end=end, limit=MAX_TRIMMED)
    return [change for record in doomed for change in _forget(record.key)]


async def _first_to_keep(records: Records, start: str, newest: int, most_bytes: int) -> str:
    """The key before which there is too much; "" when there is not."""
    count = size = 0
    async for record in _walk(records, start, None, reverse=True):
        count += 1
        size += _decode_size(record.value).size
        if count > newest or size > most_bytes:
            return _next_key(record.key)
    return ""


def _forget(key: str) -> tuple[Delete, Delete]:
    return Delete(GIVEN_UP, key), Delete(GIVEN_UP_EVENTS, key)


async def _walk(
    records: Records, start: str, end: str | None, *, reverse: bool
) -> AsyncIterator[Record]:
    """The records of a range, read in pages."""
    while True:
        page = await records.scan(GIVEN_UP, start=start, end=end, limit=_PAGE, reverse=reverse)
        await asyncio.sleep(0)  # a walk can be long, and the store may answer without waiting
        for record in page:
            yield record
        if len(page) < _PAGE:
            return
        start, end = (start, page[-1].key) if reverse else (_next_key(page[-1].key), end)


def _time_key(instant: int) -> str:
    return f"{max(instant, 0):020}"


def _next_key(key: str) -> str:
    return key + "\0"
