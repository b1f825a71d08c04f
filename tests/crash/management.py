"""Resources for a test, through the server's management routes."""

import asyncio
from typing import Any
from urllib.parse import quote

import msgspec

from tests.crash.http_client import Answer, Connection, build_request
from tests.system.server_process import ServerProcess

_VERSION = "api-version=2025-02-15"


class Management:
    """Requests with the token of the server's data folder."""

    def __init__(self, server: ServerProcess) -> None:
        self._endpoint = server.ready.http_endpoint
        self._headers = {"Authorization": f"Bearer {server.token}"}

    async def request(self, method: str, path: str, body: object = None) -> Answer:
        """Ask for a resource by its id."""
        connection = await Connection.open(self._endpoint)
        target = f"{quote(path)}?{_VERSION}"
        content = b"" if body is None else msgspec.json.encode(body)
        try:
            return await connection.exchange(
                build_request(method, target, connection.host, self._headers, content)
            )
        finally:
            connection.close()

    async def get(self, path: str) -> dict[str, Any]:
        """The resource's body."""
        answer = await self.request("GET", path)
        assert answer.status == 200, (path, answer)
        return msgspec.json.decode(answer.body, type=dict[str, Any])

    async def subscribe(
        self,
        scope: str,
        name: str,
        url: str,
        filter_: dict[str, Any] | None = None,
        *,
        settings: dict[str, Any] | None = None,
        batch: int = 1,
        **members: Any,
    ) -> str:
        """Create an event subscription, wait until it is Succeeded; its id.

        `settings` are its delivery settings, `members` more properties.
        """
        path = f"{scope}/providers/Microsoft.EventGrid/eventSubscriptions/{name}"
        if settings is not None:
            own = f"{path}/providers/Switchhook.EventGrid/deliverySettings/default"
            answer = await self.request("PUT", own, {"properties": settings})
            assert answer.status in (200, 201), answer
        webhook = {"endpointUrl": url, "maxEventsPerBatch": batch}
        destination = {"endpointType": "WebHook", "properties": webhook}
        properties = {"destination": destination, "filter": filter_ or {}, **members}
        answer = await self.request("PUT", path, {"properties": properties})
        assert answer.status == 201, answer
        async with asyncio.timeout(15):
            while (state := await self._state(path)) != "Succeeded":
                assert state == "Creating", await self.get(path)
                await asyncio.sleep(0.02)
        return path

    async def _state(self, path: str) -> str:
        return str((await self.get(path))["properties"]["provisioningState"])
