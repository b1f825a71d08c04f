"""`python -m bench.memory_server`: the door that events are published at, with nothing behind it.

Everything up to the commit is the server's own: listener, access, rules. The commit answers at once
and keeps nothing. Prints one line of JSON, `{"port", "topic", "topic_key"}`, and serves until it is
ended.
"""

import asyncio
import base64
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import uvloop

from switchhook.clock import SystemClock
from switchhook.dead_letter_stores.folder import FolderDeadLetterStore
from switchhook.grace import Grace
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.ports import Batch, Change
from switchhook.grid.topics import Topic
from switchhook.http.asgi import Receive, Scope, Send, reply
from switchhook.http.listener import Door, listening
from switchhook.http.publish_api import PublishApi
from switchhook.sockets import bind
from switchhook.stores import requests
from switchhook.stores.memory import MemoryStore
from switchhook.stores.requests import CommitRequest
from switchhook.webhook.transport import HttpTransport

KEYS = (base64.b64encode(b"1" * 32).decode(), base64.b64encode(b"2" * 32).decode())
TOPIC = Topic(incarnation="t1", resource_id="/topics/bench", name="bench", keys=KEYS)


class ForgetfulStore(MemoryStore):
    """Keeps no event: a commit ends on the next turn of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._told: list[CommitRequest] = []

    def submit(
        self,
        changes: Sequence[Change],
        batches: Sequence[Batch],
        on_durable: Callable[[int], None] | None,
        ended: Callable[[Exception | None], None],
    ) -> None:
        request = CommitRequest(changes, batches, on_durable, ended)
        request.first = self._count
        self._count += request.count
        if not self._told:
            asyncio.get_running_loop().call_soon(self._tell)
        self._told.append(request)

    def _tell(self) -> None:
        told, self._told = self._told, []
        requests.finish(told)


async def _elsewhere(_scope: Scope, _receive: Receive, send: Send) -> None:
    await reply(send, 404, [], b"")


async def _serve(folder: Path) -> None:
    clock = SystemClock()
    engine = Engine(
        store=ForgetfulStore(),
        transport=HttpTransport(environ={}),
        clock=clock,
        random=lambda: 0.0,
        dead_lettering=DeadLettering(FolderDeadLetterStore(folder), clock),
    )
    engine.router.add_topic(TOPIC)
    publishing = PublishApi(publisher=engine.publisher, topics=engine.router.topics)
    listener = bind("127.0.0.1", 0, "--http-port")
    async with listening(Door(publishing, _elsewhere), [listener], None, Grace(0)):
        ready = {"port": listener.getsockname()[1], "topic": TOPIC.name, "topic_key": KEYS[0]}
        print(json.dumps(ready), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as name,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(Path(name)))
