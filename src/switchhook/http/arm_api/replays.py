"""The routes of replays: of one event subscription, and of all."""

from collections.abc import Iterator, Sequence

from starlette.responses import Response

from switchhook.clock import Clock
from switchhook.errors import RequestError
from switchhook.grid.replay import Replay, ReplaySource
from switchhook.grid.replays import Replays
from switchhook.grid.resources.ids import EVENT_GRID
from switchhook.grid.resources.replay_rules import (
    check_replay_name,
    read_replay_order,
    render_replay,
)
from switchhook.grid.resources.subscriptions import SubscriptionResources
from switchhook.http.arm_api.exchange import ArmRequest, Body, no_content, page
from switchhook.http.arm_api.subscriptions import SETTINGS_NAMESPACE, SubscriptionRoutes
from switchhook.http.errors import json_response

_TYPE = f"{SETTINGS_NAMESPACE}/replays"


class SubscriptionIds:
    """The ids of event subscriptions by their incarnations."""

    def __init__(self, subscriptions: SubscriptionResources) -> None:
        self._subscriptions = subscriptions

    def all(self) -> dict[str, str]:
        """Those that exist."""
        return {
            record.incarnation: (
                f"{record.source}/providers/{EVENT_GRID}/eventSubscriptions/{record.name}"
            )
            for record in self._subscriptions.all()
        }


class ReplayRoutes:
    """Replays; their names are unique on the server, so that each is found below `/providers`."""

    def __init__(
        self,
        subscriptions: SubscriptionRoutes,
        ids: SubscriptionIds,
        replays: Replays,
        clock: Clock,
    ) -> None:
        self._subscriptions = subscriptions
        self._ids = ids
        self._replays = replays
        self._clock = clock

    async def put(self, request: ArmRequest) -> Response:
        """PUT a replay: it begins."""
        record = self._subscriptions.owner(request, "Replays")
        check_replay_name(request.path.name)
        order = read_replay_order(await request.body(), self._clock.now())
        replay = await self._replays.begin(
            subscription=record.incarnation,
            source=ReplaySource.LOG,
            selection=order.selection,
            rate=order.rate,
            name=request.path.name,
        )
        return json_response(self.render(request, replay), 201)

    async def get(self, request: ArmRequest) -> Response:
        """GET a replay."""
        return json_response(self.render(request, self._find(request)))

    async def list(self, request: ArmRequest) -> Response:
        """GET the replays of an event subscription, or all."""
        wanted = self._incarnation(request)
        some = [each for each in self._replays.all() if wanted in ("", each.subscription)]
        return page(request, list(self._render_all(request, some)))

    async def cancel(self, request: ArmRequest) -> Response:
        """POST cancel: nothing more is delivered."""
        replay = self._find(request)
        await self._replays.cancel(replay.run)
        return json_response(self.render(request, self._find(request)))

    async def delete(self, request: ArmRequest) -> Response:
        """DELETE a replay; one that runs is canceled."""
        incarnation = self._incarnation(request)
        replay = self._replays.find(request.path.name)
        if replay is not None and incarnation in ("", replay.subscription):
            await self._replays.delete(replay.run)
        return no_content()

    def render(self, request: ArmRequest, replay: Replay) -> Body:
        """A replay, as it is answered."""
        return next(self._render_all(request, [replay]))

    def _render_all(self, request: ArmRequest, replays: Sequence[Replay]) -> Iterator[Body]:
        ids = self._ids.all()
        for replay in replays:
            yield {
                "id": f"{request.path.scope}/providers/{_TYPE}/{replay.name}",
                "name": replay.name,
                "type": _TYPE,
                "properties": render_replay(
                    replay,
                    subscription_id=ids.get(replay.subscription),
                    outstanding=self._replays.outstanding(replay.run),
                ),
            }

    def _find(self, request: ArmRequest) -> Replay:
        incarnation = self._incarnation(request)
        name = request.path.names[0]
        replay = self._replays.find(name)
        if replay is None or incarnation not in ("", replay.subscription):
            raise RequestError(404, "ResourceNotFound", f"The replay '{name}' was not found.")
        return replay

    def _incarnation(self, request: ArmRequest) -> str:
        """Whose replays are asked for, "" for all."""
        if not request.path.scope:
            return ""
        return self._subscriptions.owner(request, "Replays").incarnation
