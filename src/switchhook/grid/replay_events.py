"""Which events does a replay deliver next? Those it finds where it stopped reading."""

from collections.abc import Iterator

import msgspec

from switchhook.clock import MINUTE, Clock
from switchhook.grid import filters, given_up
from switchhook.grid.delivery import Delivery
from switchhook.grid.events import Envelope, Event
from switchhook.grid.given_up import GivenUp, GivenUpPage, GivenUpState
from switchhook.grid.ports import Appended, Put, Store, WaitingDelivery
from switchhook.grid.replay import Replay, ReplaySource, Selection
from switchhook.grid.route import Router
from switchhook.grid.schemas.read import read
from switchhook.grid.subscription_queue import SubscriptionQueue

# Requests that came together may stand in the log in another order than their times.
_SLACK = MINUTE


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Rows for the events that were found, and where reading goes on: in the log at `position`,
    among what was given up behind `after`."""

    rows: tuple[WaitingDelivery, ...] = ()
    marks: tuple[Put, ...] = ()
    position: int = 0
    after: str = ""
    is_read: bool
    skipped: int = 0


class ReplayEvents:
    """Reads the log, or what was given up, for a replay."""

    def __init__(self, *, store: Store, router: Router, clock: Clock) -> None:
        self._store = store
        self._router = router
        self._clock = clock

    async def first_position(self, since: int) -> int:
        """Where events that were published at `since` or later begin, or a little before."""
        extent = self._store.extent()
        low, high = extent.first, extent.end
        while low < high:
            middle = (low + high) // 2
            batches = await self._store.read_from(middle, 1)
            if batches and batches[0].batch.published_at < since - _SLACK:
                low = batches[0].end
            else:
                high = middle
        return low

    async def next(self, replay: Replay, position: int, limit: int) -> Found:
        """At most `limit` events; a bounded amount is looked at, so there may be fewer."""
        if replay.source is ReplaySource.LOG:
            return await self._in_log(replay, position, limit)
        return await self._given_up(replay, limit)

    # --- the log ----------------------------------------------------------------------------------

    async def _in_log(self, replay: Replay, position: int, limit: int) -> Found:
        batches = await self._store.read_from(position)
        queue = self._router.queues.get(replay.subscription)
        if queue is None:
            return Found(position=position, is_read=True)
        rows: list[WaitingDelivery] = []
        for appended in batches:
            if appended.first >= replay.end or _is_over(replay, appended.batch.published_at):
                return Found(rows=tuple(rows), position=replay.end, is_read=True)
            for envelope in self._wanted(queue, replay, appended, position):
                if len(rows) == limit:
                    return Found(rows=tuple(rows), position=envelope.position, is_read=False)
                rows.append(self._row_of(queue, replay, envelope))
            position = appended.end
        is_read = not batches or position >= replay.end
        return Found(rows=tuple(rows), position=position, is_read=is_read)

    def _wanted(
        self, queue: SubscriptionQueue, replay: Replay, appended: Appended, position: int
    ) -> Iterator[Envelope]:
        """The events of a batch from a position on that the replay is to deliver."""
        if not replay.selection.holds_at(appended.batch.published_at):
            return
        for envelope in self._router.events_for(queue, appended):
            if envelope.position >= position and self._wants(
                queue, replay.selection, envelope.event
            ):
                yield envelope

    def _row_of(
        self, queue: SubscriptionQueue, replay: Replay, envelope: Envelope
    ) -> WaitingDelivery:
        now = self._clock.now()
        delivery = Delivery(
            envelope.position,
            envelope.published_at,
            envelope.event,
            queue.subscription,
            run=replay.run,
            lives_from=now,
            traceparent=envelope.traceparent,
        )
        return delivery.as_waiting(now)

    def _wants(self, queue: SubscriptionQueue, selection: Selection, event: Event) -> bool:
        """Whether the subscription wants the event as of today, and the replay does."""
        topic = self._router.topic(queue.subscription.topic)
        if topic is None or not self._router.matches(queue.subscription, event):
            return False
        ignores = topic.ignores_leading_slash
        return filters.matches(selection.filter, event, ignores_leading_slash=ignores)

    # --- what was given up ------------------------------------------------------------------------

    async def _given_up(self, replay: Replay, limit: int) -> Found:
        page = await self._page(replay, limit)
        rows: list[WaitingDelivery] = []
        marks: list[Put] = []
        skipped = 0
        for kept in page.items:
            if not _is_selected(replay.selection, kept):
                continue
            row = await self._row(replay, kept)
            if row is None:
                skipped += 1
            else:
                rows.append(row)
                marks.append(given_up.mark_redriven(kept, replay.run))
        return Found(
            rows=tuple(rows),
            marks=tuple(marks),
            after=page.after or "",
            is_read=page.after is None,
            skipped=skipped,
        )

    async def _page(self, replay: Replay, limit: int) -> GivenUpPage:
        selection = replay.selection
        if not selection.keys:
            return await given_up.list_given_up(
                self._store,
                since=selection.since,
                until=selection.until,
                subscription=replay.subscription or None,
                reason=selection.reason or None,
                limit=limit,
                after=replay.after or None,
            )
        left = sorted(key for key in selection.keys if key > replay.after)
        some = [await given_up.get(self._store, key) for key in left[:limit]]
        return GivenUpPage(
            tuple(kept for kept in some if kept is not None),
            left[limit - 1] if len(left) > limit else None,
        )

    async def _row(self, replay: Replay, kept: GivenUp) -> WaitingDelivery | None:
        """The row that delivers an event again; None when nobody wants it now."""
        body = await given_up.get_event(self._store, kept.key)
        queue = self._router.queues.get(kept.subscription)
        topic = self._router.topic(kept.topic)
        if body is None or queue is None or topic is None:
            return None
        at, published_at = kept.position, kept.published_at
        event = next(read(body, kept.schema, topic, first=at, published_at=published_at))
        if not self._wants(queue, replay.selection, event):
            return None
        return self._row_of(queue, replay, Envelope(at, published_at, event))


def _is_over(replay: Replay, published_at: int) -> bool:
    until = replay.selection.until
    return until is not None and published_at >= until + _SLACK


def _is_selected(selection: Selection, kept: GivenUp) -> bool:
    """Whether an event is to be delivered again; not while its dead letter is to be written."""
    if kept.state is GivenUpState.WAITING:
        return False
    if selection.keys:
        return True
    return not kept.redriven_by and selection.state in (None, kept.state)
