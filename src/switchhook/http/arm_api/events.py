"""The routes about events: why one did not arrive, and which are being accepted."""

from collections.abc import AsyncIterator, Iterator

import msgspec
from starlette.responses import Response, StreamingResponse

from switchhook.clock import Clock
from switchhook.errors import RequestError
from switchhook.grid.access_keys import TopicDirectory
from switchhook.grid.explain import DEFAULT_LIMIT, MAX_LIMIT, Explainer
from switchhook.grid.explanations import Explanation, Found
from switchhook.grid.places import Place
from switchhook.grid.resources.body_rules import (
    as_count,
    as_object,
    as_text,
    check_members,
    refuse,
)
from switchhook.grid.resources.records import SubscriptionRecord
from switchhook.grid.resources.settings_rules import as_moment
from switchhook.grid.resources.sources import EventSource, EventSources
from switchhook.grid.resources.subscriptions import SubscriptionResources
from switchhook.grid.resources.topics import TopicResources
from switchhook.grid.tail import Tails, Wanted
from switchhook.grid.topics import TopicKind
from switchhook.http.arm_api.exchange import ArmRequest, Body
from switchhook.http.arm_api.explanation_body import (
    render_explanation,
    render_extent,
    render_found,
    render_line,
)
from switchhook.http.errors import json_response

# How many may watch the log at once: each reads it for itself.
MAX_TAILS = 20
_MAX_POSITION = 1 << 62
_MAX_ID = 4096
_QUESTION = {"id", "position", "event", "topic", "before", "limit"}
_TAIL = {"api-version", "topic", "type", "subjectbeginswith", "since", "position", "follow"}


class EventRoutes:
    """Questions about events of any topic; below the id of one, about its events."""

    def __init__(
        self,
        *,
        explainer: Explainer,
        tails: Tails,
        directory: TopicDirectory,
        sources: EventSources,
        topics: TopicResources,
        subscriptions: SubscriptionResources,
        clock: Clock,
    ) -> None:
        self._explainer = explainer
        self._tails = tails
        self._directory = directory
        self._sources = sources
        self._topics = topics
        self._subscriptions = subscriptions
        self._clock = clock

    async def explain(self, request: ArmRequest) -> Response:
        """POST `explainEvent`: by `id`, by `position`, or an `event` that is not published."""
        body = await request.body()
        check_members(body, _QUESTION, "explainEvent")
        asked = [name for name in ("id", "position", "event") if body.get(name) is not None]
        if len(asked) != 1:
            refuse("Give one of 'id', 'position' and 'event'.")
        source = self._source(request, as_text(body.get("topic"), "topic"))
        if asked == ["event"]:
            return self._rehearse(body, source)
        if asked == ["position"]:
            return await self._at(as_count(body["position"], "position", (0, _MAX_POSITION), 0))
        return await self._by_id(body, source)

    async def _by_id(self, body: Body, source: EventSource | None) -> Response:
        event_id = as_text(body["id"], "id", _MAX_ID)
        if not event_id:
            refuse("The value of 'id' must not be empty.")
        before = body.get("before")
        found = await self._explainer.by_id(
            event_id,
            place=_place(source),
            before=None if before is None else as_count(before, "before", (0, _MAX_POSITION), 0),
            limit=as_count(body.get("limit"), "limit", (1, MAX_LIMIT), DEFAULT_LIMIT),
        )
        return self._answer(found, f"event with the id '{event_id}'")

    async def _at(self, position: int) -> Response:
        explanation = await self._explainer.at(position)
        items = () if explanation is None else (explanation,)
        return self._answer(Found(items=items, before=None), f"event at position {position}")

    def _rehearse(self, body: Body, source: EventSource | None) -> Response:
        if source is None:
            refuse("An 'event' that is not published needs the 'topic' it is meant for.")
        event = msgspec.json.encode(as_object(body["event"], "event"))
        explanation = self._explainer.rehearse(source.topic, event)
        extent = self._explainer.extent()
        value = [render_explanation(explanation, self._never_in_force(explanation))]
        return json_response({"value": value, "before": None, "log": render_extent(extent)})

    def _answer(self, found: Found, asked: str) -> Response:
        bodies = (render_explanation(each, self._never_in_force(each)) for each in found.items)
        return json_response(render_found(found, self._explainer.extent(), bodies, asked))

    def _never_in_force(self, explanation: Explanation) -> Iterator[SubscriptionRecord]:
        """The event subscriptions whose handshake has not ended well."""
        ids = [explanation.topic]
        if explanation.domain_topic:
            ids.append(f"{explanation.topic}/topics/{explanation.domain_topic}")
        for source in filter(None, map(self._sources.get, ids)):
            for record in self._subscriptions.of(source):
                if not record.version:
                    yield record

    # --- tail -------------------------------------------------------------------------------------

    async def tail(self, request: ArmRequest) -> Response:
        """GET `events`: a line of JSON for each event, as they are accepted."""
        query = request.query
        unknown = sorted(set(query) - _TAIL)
        if unknown:
            refuse(f"The query parameter '{unknown[0]}' is not known.")
        source = self._source(request, query.get("topic", ""))
        follow = _flag(query.get("follow", "true"))
        wanted = Wanted(
            place=_place(source),
            event_type=query.get("type", ""),
            subject_begins_with=query.get("subjectbeginswith", ""),
        )
        start = await self._start(query.get("since", ""), query.get("position", ""), follow)
        if self._tails.count >= MAX_TAILS:
            raise RequestError(
                429, "TooManyRequests", f"{MAX_TAILS} clients watch the events already."
            )
        lines = self._lines(start, wanted, follow)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def _start(self, since: str, position: str, follow: bool) -> int:
        if since and position:
            refuse("Give one of 'since' and 'position'.")
        if position:
            if not position.isascii() or not position.isdigit():
                refuse(f"The position '{position[:20]}' is not a whole number.")
            return min(int(position[:19]), self._tails.head)
        moment = as_moment(since, "since", self._clock.now())
        if moment is not None:
            return await self._tails.position_at(moment)
        return self._tails.head if follow else self._tails.first

    async def _lines(self, start: int, wanted: Wanted, follow: bool) -> AsyncIterator[bytes]:
        # A line goes when the client has room for it: what it does not read stays in the log.
        async for found in self._tails.watch(start, wanted, follow=follow):
            for each in found:
                yield render_line(each)
            if not found:
                yield b"\n"

    # --- topics -----------------------------------------------------------------------------------

    def _source(self, request: ArmRequest, named: str) -> EventSource | None:
        """What a question is about: by the path, by id, or by the name of a topic or a domain."""
        named = request.path.scope or named
        if not named:
            return None
        for resource_id in self._ids(named):
            source = self._sources.get(resource_id) or self._of_system_topic(resource_id)
            if source is not None:
                return source
        raise RequestError(404, "ResourceNotFound", f"There is no topic '{named}'.")

    def _ids(self, named: str) -> Iterator[str]:
        if named.startswith("/"):
            yield named
            return
        name, slash, topic = named.partition("/")
        for kind in (TopicKind.DOMAIN,) if slash else (TopicKind.CUSTOM, TopicKind.DOMAIN):
            owner = self._directory.by_name(name, kind)
            if owner is not None:
                yield f"{owner.resource_id}/topics/{topic}" if slash else owner.resource_id

    def _of_system_topic(self, resource_id: str) -> EventSource | None:
        wanted = resource_id.rstrip("/").lower()
        for record in self._topics.all_system_topics():
            if record.id.lower() == wanted:
                return self._sources.get(record.source)
        return None


def _place(source: EventSource | None) -> Place | None:
    if source is None:
        return None
    return Place(topic=source.topic, domain_topic=source.domain_topic.lower())


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        refuse("The value of 'follow' must be true or false.")
    return text.lower() == "true"
