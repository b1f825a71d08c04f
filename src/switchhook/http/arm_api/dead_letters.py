"""The routes of events that were given up: lists, one with its event, and delivery once more."""

import msgspec
from starlette.responses import Response

from switchhook.clock import Clock, to_text
from switchhook.errors import RequestError
from switchhook.grid import given_up
from switchhook.grid.given_up import GivenUp
from switchhook.grid.ports import Records
from switchhook.grid.replay import ReplaySource
from switchhook.grid.replays import Replays
from switchhook.grid.resources.replay_rules import (
    dead_letter_name,
    read_dead_letter_name,
    read_redrive_order,
    select_dead_letters,
)
from switchhook.http.arm_api.exchange import (
    ArmRequest,
    Body,
    continued_page,
    page_size,
    place_in_list,
)
from switchhook.http.arm_api.replays import ReplayRoutes, SubscriptionIds
from switchhook.http.arm_api.subscriptions import SETTINGS_NAMESPACE, SubscriptionRoutes
from switchhook.http.errors import json_response

_TYPE = f"{SETTINGS_NAMESPACE}/deadLetters"


class DeadLetterRoutes:
    """Dead letters, and what was dropped, of an event subscription or of all."""

    def __init__(
        self,
        subscriptions: SubscriptionRoutes,
        ids: SubscriptionIds,
        records: Records,
        replays: Replays,
        answers: ReplayRoutes,
        clock: Clock,
    ) -> None:
        self._subscriptions = subscriptions
        self._ids = ids
        self._records = records
        self._replays = replays
        self._answers = answers
        self._clock = clock

    async def list(self, request: ArmRequest) -> Response:
        """GET those that `startTime`, `endTime`, `reason` and `state` select, the newest first.

        A page may be short, or empty, and have a link to the rest all the same.
        """
        query = request.query
        wanted = {"startTime": "starttime", "endTime": "endtime"}
        members = {name: query.get(lower) for name, lower in wanted.items()}
        members |= {name: query.get(name) for name in ("reason", "state")}
        selection = select_dead_letters(members, self._clock.now())
        found = await given_up.list_given_up(
            self._records,
            since=selection.since,
            until=selection.until,
            subscription=self._incarnation(request) or None,
            reason=selection.reason or None,
            limit=page_size(request),
            after=place_in_list(request) or None,
            newest_first=True,
        )
        items = [kept for kept in found.items if selection.state in (None, kept.state)]
        ids = self._ids.all()
        return continued_page(
            request, [self._render(request, kept, ids) for kept in items], found.after
        )

    async def get(self, request: ArmRequest) -> Response:
        """GET one, with its event as it was published."""
        incarnation = self._incarnation(request)
        key = read_dead_letter_name(request.path.name)
        kept = await given_up.get(self._records, key)
        body = await given_up.get_event(self._records, key)
        if kept is None or body is None or incarnation not in ("", kept.subscription):
            raise RequestError(
                404, "ResourceNotFound", f"The dead letter '{request.path.name}' was not found."
            )
        answer = self._render(request, kept, self._ids.all())
        answer["properties"]["event"] = msgspec.Raw(body.strip()[1:-1])
        return json_response(answer)

    async def act(self, request: ArmRequest) -> Response:
        """POST redrive: deliver them again; the answer is the replay that does."""
        if request.path.name.lower() != "redrive":
            raise RequestError(
                404, "InvalidResourceType", f"Dead letters have no action '{request.path.name}'."
            )
        incarnation = self._incarnation(request)
        order = read_redrive_order(await request.body(), self._clock.now())
        replay = await self._replays.begin(
            subscription=incarnation,
            source=ReplaySource.DEAD_LETTERS,
            selection=order.selection,
            rate=order.rate,
        )
        return json_response(self._answers.render(request, replay), 202)

    def _incarnation(self, request: ArmRequest) -> str:
        """Whose dead letters are asked for, "" for all."""
        if not request.path.scope:
            return ""
        return self._subscriptions.owner(request, "Dead letters").incarnation

    def _render(self, request: ArmRequest, kept: GivenUp, ids: dict[str, str]) -> Body:
        name = dead_letter_name(kept.key)
        last = kept.last_attempt_at
        return {
            "id": f"{request.path.scope}/providers/{_TYPE}/{name}",
            "name": name,
            "type": _TYPE,
            "properties": {
                "eventId": kept.event_id,
                "eventType": kept.event_type,
                "eventSubscription": kept.name,
                "eventSubscriptionId": ids.get(kept.subscription),
                "reason": kept.reason,
                "state": str(kept.state),
                "where": kept.where or None,
                "givenUpTime": to_text(kept.given_up_at),
                "publishedTime": to_text(kept.published_at),
                "deliveryAttempts": kept.attempts,
                "lastDeliveryOutcome": kept.last_outcome or None,
                "lastHttpStatusCode": kept.last_status_code,
                "lastDeliveryAttemptTime": None if last is None else to_text(last),
                "eventSchema": str(kept.schema),
                "size": kept.size,
                "replayRun": kept.run or None,
                "redrivenByRun": kept.redriven_by or None,
            },
        }
