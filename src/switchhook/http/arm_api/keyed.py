"""The routes of resources with an endpoint and two access keys: custom topics and domains."""

from collections.abc import Callable
from typing import Generic

from starlette.responses import Response

from switchhook.grid.resources.ids import EVENT_GRID, group_resource_id, is_under
from switchhook.grid.resources.keyed_resources import KeyedResources
from switchhook.grid.resources.operations import Operations
from switchhook.grid.resources.topic_rules import K, render_topic
from switchhook.http.arm_api.exchange import ArmRequest, Body, created, no_content, page
from switchhook.http.errors import json_response


class KeyedRoutes(Generic[K]):
    """Create, read, change, list and delete; keys."""

    def __init__(
        self, resources: KeyedResources[K], operations: Operations, public_url: Callable[[], str]
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._public_url = public_url

    async def put(self, request: ArmRequest) -> Response:
        """PUT."""
        kind = self._resources.form.type
        resource_id = group_resource_id(request.path, EVENT_GRID, kind)
        body = await request.body()
        record = await self._resources.put(resource_id, request.path.name, body)
        return created(
            self._render(record),
            request,
            operation=self._operations.succeeded(),
            location=record.location,
        )

    async def patch(self, request: ArmRequest) -> Response:
        """PATCH: 200 with the final body."""
        record = await self._resources.patch(request.path.text(), await request.body())
        return json_response(self._render(record))

    async def get(self, request: ArmRequest) -> Response:
        """GET."""
        return json_response(self._render(self._resources.get(request.path.text())))

    async def list(self, request: ArmRequest) -> Response:
        """GET those of a resource group or an Azure subscription."""
        scope = request.path.scope
        found = (record for record in self._resources.all() if is_under(record.id.lower(), scope))
        return page(request, map(self._render, found))

    async def delete(self, request: ArmRequest) -> Response:
        """DELETE."""
        await self._resources.delete(request.path.text())
        return no_content()

    async def list_keys(self, request: ArmRequest) -> Response:
        """POST listKeys."""
        return _keys(self._resources.keys(request.path.parent()))

    async def regenerate_key(self, request: ArmRequest) -> Response:
        """POST regenerateKey."""
        body = await request.body()
        keys = await self._resources.regenerate_key(request.path.parent(), body.get("keyName"))
        return _keys(keys)

    def _render(self, record: K) -> Body:
        form = self._resources.form
        endpoint = f"{self._public_url()}/{form.type}/{record.name}/api/events"
        return render_topic(form, record, endpoint)


def _keys(keys: tuple[str, str]) -> Response:
    return json_response({"key1": keys[0], "key2": keys[1]})
