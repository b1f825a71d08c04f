"""`python -m bench.sinks`: webhooks in a process of their own, good and bad ones.

Prints one line of JSON: the ports by what their webhooks do. Ends when its input is closed.
"""

import asyncio
import json
import sys
from functools import partial
from typing import cast

import httptools
import uvloop

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
_HUGE = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"
_DRIP_SECONDS = 0.2
GOOD = 10
BAD = ("hangs", "answers 500", "drips", "sends a huge body")


class Webhook(asyncio.Protocol):
    """One connection to a webhook that behaves in one way."""

    def __init__(self, behaviour: str) -> None:
        self._behaviour = behaviour
        self._parser = httptools.HttpRequestParser(self)
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._may_write.set()

    def on_message_complete(self) -> None:
        match self._behaviour:
            case "is good":
                self._transport.write(_OK)
            case "answers 500":
                self._transport.write(_ERROR)
            case "drips":
                self._task = asyncio.create_task(self._drip())
            case "sends a huge body":
                self._task = asyncio.create_task(self._flood())

    async def _drip(self) -> None:
        for byte in _OK:
            if self._transport.is_closing():
                return
            self._transport.write(bytes([byte]))
            await asyncio.sleep(_DRIP_SECONDS)

    async def _flood(self) -> None:
        self._transport.write(_HUGE)
        while not self._transport.is_closing():
            self._transport.write(b"x" * 65536)
            await self._may_write.wait()
            await asyncio.sleep(0)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    ports: dict[str, list[int]] = {}
    for behaviour in ["is good"] * GOOD + [*BAD]:
        server = await loop.create_server(partial(Webhook, behaviour), "127.0.0.1", 0)
        ports.setdefault(behaviour, []).append(server.sockets[0].getsockname()[1])
    closed = await loop.create_server(lambda: Webhook("is good"), "127.0.0.1", 0)
    ports["refuses"] = [closed.sockets[0].getsockname()[1]]
    closed.close()
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())
