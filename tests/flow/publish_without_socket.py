"""The publish route, which connections serve themselves, for tests that have no connection."""

import asyncio

from switchhook.http.asgi import Receive, Scope, Send, read_body
from switchhook.http.listener import Door
from switchhook.http.publish_api import Answer
from switchhook.http.publish_head import PublishHead, target_of


class BothRoutes:
    """What a door leads to, as one ASGI application."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        fields = dict(reversed(scope["headers"]))
        query = scope["query_string"]
        url = scope["path"].encode() + (b"?" + query if query else b"")
        target = target_of(url, fields.get(b"host", b""), scope["scheme"])
        if target is None:
            await self._door(scope, receive, send)
            return
        method, client = scope["method"].encode(), (scope.get("client") or ("",))[0]
        head = PublishHead(method, target, scope["headers"], fields, client, is_last=True)
        answer = await self._answer(head, await read_body(scope, receive, 1 << 20) or b"")
        status, *lines = answer.head.split(b"\r\n")[:-1]
        headers = [tuple(line.split(b": ", 1)) for line in lines]
        start = {"type": "http.response.start", "status": int(status.split()[1])}
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, head: PublishHead, body: bytes) -> Answer:
        api = self._door.publish
        assert api is not None
        begun = api.begin(head)
        if isinstance(begun, Answer):
            return begun
        ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        api.publish(begun, head, body, ended.set_result)
        return api.answer_to(await ended)
