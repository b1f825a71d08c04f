"""The Event Grid endpoint of an Azure Functions host, as its extension answers.

Source: Azure/azure-functions-eventgrid-extension, EventGridExtensionConfigProvider. The host takes
one address for all functions, answers the handshake for them, and 202 to what they processed. A
handshake in CloudEvents has its data as a text (Azure/azure-sdk-for-net, HttpRequestProcessor).
"""

import asyncio
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PATH = "/runtime/webhooks/eventgrid"


class FunctionsHost:
    """A host with some functions; `runs` has, of each run, the function, the event and the request.

    Functions named in `failing` raise.
    """

    def __init__(self, *functions: str) -> None:
        self.functions = functions
        self.failing: set[str] = set()
        self.runs: list[tuple[str, dict[str, Any], Request]] = []
        self._changed = asyncio.Condition()
        methods = ["GET", "POST", "OPTIONS"]  # it does not look at the method
        self.app = Starlette(routes=[Route(PATH, self._answer, methods=methods)])

    def events_of(self, function: str) -> list[dict[str, Any]]:
        """What a function was run with."""
        return [event for name, event, _ in self.runs if name == function]

    async def wait_for(self, count: int, timeout: float = 10.0) -> None:  # noqa: ASYNC109
        """Wait until there were so many runs."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: len(self.runs) >= count)

    async def _answer(self, request: Request) -> Response:
        function = request.query_params.get("functionName", "")
        if function not in self.functions:
            return Response(f"cannot find function: '{function}'", 404)
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "subscriptionvalidation":
            return JSONResponse({"validationResponse": _code(await request.json())})
        if kind == "notification":
            return await self._run(function, await request.json(), request)
        return Response(status_code=202 if kind == "unsubscribe" else 400)

    async def _run(self, function: str, body: Any, request: Request) -> Response:
        events = body if isinstance(body, list) else [body]
        self.runs += [(function, event, request) for event in events]
        async with self._changed:
            self._changed.notify_all()
        return Response(status_code=500 if function in self.failing else 202)


def _code(body: Any) -> str:
    event = body[0] if isinstance(body, list) else body
    data = event["data"]
    found: dict[str, str] = json.loads(data) if isinstance(data, str) else data
    return found["validationCode"]
