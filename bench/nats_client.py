"""`python -m bench.nats_client`: a webhook bridge for NATS JetStream; and publishers to its stream.

The bridge is what one writes where a broker knows no webhooks: a pull consumer that posts each
message on kept connections and acknowledges it once the webhook has.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
import nats
import uvloop

SUBJECT, STREAM = "events", "EVENTS"
POSTERS = 64
FETCHED = 256


class Poster(asyncio.Protocol):
    """A kept connection to the webhook, one request at a time."""

    def __init__(self, path: str, host: str) -> None:
        self._head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._answer is not None:
            self._answer.set_result(self._parser.get_status_code())

    async def post(self, body: bytes) -> int:
        """The status that the webhook answers."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return await self._answer


async def bridge(server: str, webhook: str) -> None:
    """Make the stream, say that it is ready, and post what comes."""
    client = await nats.connect(server)
    stream = client.jetstream()
    await stream.add_stream(name=STREAM, subjects=[SUBJECT])
    consumer = await stream.pull_subscribe(SUBJECT, durable="bridge")
    waiting: asyncio.Queue[Any] = asyncio.Queue(2 * FETCHED)
    parts, loop = urlsplit(webhook), asyncio.get_running_loop()

    async def work() -> None:
        _, poster = await loop.create_connection(
            lambda: Poster(parts.path, parts.netloc), parts.hostname or "", parts.port or 80
        )
        while True:
            message = await waiting.get()
            status = await poster.post(message.data)
            await (message.ack() if status < 300 else message.nak(delay=1))

    workers = [asyncio.create_task(work()) for _ in range(POSTERS)]
    print("ready", flush=True)
    while workers:
        try:
            for message in await consumer.fetch(FETCHED, timeout=1):
                await waiting.put(message)
        except TimeoutError:
            continue


async def publish(
    server: str,
    make: Callable[[bytes], bytes],
    marks: Iterator[bytes],
    acknowledge: Callable[[bytes], None],
    *,
    publishers: int,
    ends_at: float,
) -> None:
    """So many publishers, each of which waits for the stream's acknowledgement."""
    client = await nats.connect(server)
    stream = client.jetstream()

    async def work() -> None:
        while time.perf_counter() < ends_at:
            mark = next(marks)
            await stream.publish(SUBJECT, make(mark))
            acknowledge(mark)

    await asyncio.gather(*(work() for _ in range(publishers)))
    await client.close()


if __name__ == "__main__":
    uvloop.run(bridge(*sys.argv[1:]))
