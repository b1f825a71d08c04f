"""The routes of topics, system topics and operations."""

import asyncio
from collections.abc import Callable

from starlette.responses import Response

from switchhook.errors import RequestError
from switchhook.grid.resources.ids import EVENT_GRID, group_resource_id, is_under
from switchhook.grid.resources.operations import Operations, OperationStatus
from switchhook.grid.resources.records import SystemTopicRecord, TopicRecord
from switchhook.grid.resources.topic_rules import render_system_topic
from switchhook.grid.resources.topics import TopicResources
from switchhook.http.arm_api.exchange import ArmRequest, Body, created, no_content, page
from switchhook.http.arm_api.keyed import KeyedRoutes
from switchhook.http.errors import json_response

# A poll waits this long, in real seconds, for the end: most handshakes are over by then, and the
# client need not sleep for the whole second that `Retry-After` can say at least.
POLL_PATIENCE = 2.0


class TopicRoutes(KeyedRoutes[TopicRecord]):
    """Custom topics, system topics and operations."""

    def __init__(
        self, topics: TopicResources, operations: Operations, public_url: Callable[[], str]
    ) -> None:
        super().__init__(topics, operations, public_url)
        self._topics = topics

    # --- system topics -------------------------------------------------------------------------

    async def put_system_topic(self, request: ArmRequest) -> Response:
        """PUT system topic."""
        topic_id = group_resource_id(request.path, EVENT_GRID, "systemTopics")
        body = await request.body()
        record = await self._topics.put_system_topic(topic_id, request.path.name, body)
        return created(
            render_system_topic(record),
            request,
            operation=self._operations.succeeded(),
            location=record.location,
        )

    async def patch_system_topic(self, request: ArmRequest) -> Response:
        """PATCH system topic."""
        record = await self._topics.patch_system_topic(request.path.text(), await request.body())
        return json_response(render_system_topic(record))

    async def get_system_topic(self, request: ArmRequest) -> Response:
        """GET system topic."""
        return json_response(
            render_system_topic(self._topics.get_system_topic(request.path.text()))
        )

    async def list_system_topics(self, request: ArmRequest) -> Response:
        """GET system topics of a resource group or an Azure subscription."""
        scope = request.path.scope

        def is_wanted(record: SystemTopicRecord) -> bool:
            return is_under(record.id.lower(), scope)

        found = filter(is_wanted, self._topics.all_system_topics())
        return page(request, map(render_system_topic, found))

    async def delete_system_topic(self, request: ArmRequest) -> Response:
        """DELETE system topic."""
        await self._topics.delete_system_topic(request.path.text())
        return no_content()

    # --- operations ----------------------------------------------------------------------------

    async def operation_status(self, request: ArmRequest) -> Response:
        """GET the state of an operation; a little patience saves the client a second's sleep."""
        operation_id = request.path.name
        try:
            async with asyncio.timeout(POLL_PATIENCE):
                await self._operations.ended(operation_id)
        except TimeoutError:
            pass  # the answer says so
        operation = self._operations.get(operation_id)
        if operation is None:
            raise RequestError(
                404, "OperationNotFound", f"The operation '{operation_id}' was not found."
            )
        body: Body = {
            "id": f"{request.base_url}{request.path.text()}",
            "name": operation.id,
            "status": operation.status.value,
        }
        if operation.status is OperationStatus.FAILED:
            body["error"] = {"code": operation.code, "message": operation.message}
        if operation.status is OperationStatus.IN_PROGRESS:
            return json_response(body, headers={"retry-after": "1"})
        return json_response(body)
