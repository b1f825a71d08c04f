"""Which connections carry the requests: reuse, bounds, queue, repeats, idle ones."""

import asyncio
import logging
from time import monotonic_ns

import pytest

from switchhook.clock import SECOND
from switchhook.grid.heard_request import HeardRequest
from switchhook.grid.ports import Failure, WebhookResponse
from switchhook.webhook.addresses import AddressRules, parse_url
from switchhook.webhook.connect import Connector
from switchhook.webhook.pool import KEEP_IDLE, Pool
from switchhook.webhook.proxies import ProxyEnvironment
from switchhook.webhook.traffic import Traffic
from switchhook.webhook.transport import SWEEP_INTERVAL, HttpTransport
from switchhook.webhook.trust import make_context
from tests.receiver import Receiver
from tests.webhook.exchanges import (
    OK,
    a_request,
    answering,
    begin,
    open_transport,
    post,
    read_request,
    send,
    webhook,
    within,
)


async def test_connection_is_reused(transport: HttpTransport, receiver: Receiver) -> None:
    """Requests one after another need one connection, whatever their path."""
    for path in "abc":
        await post(transport, f"{receiver.origin}/{path}")

    assert receiver.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        OK + OK,
    ],
)
async def test_connection_in_doubt_is_not_reused(transport: HttpTransport, answer: bytes) -> None:
    """`Connection: close`, HTTP/1.0, and an answer too many."""
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answering(answer)(reader, writer)

    async with webhook(handle) as url:
        first = await post(transport, url)
        second = await post(transport, url)

    assert (first.status, second.status, connections) == (200, 200, 2)


async def test_requests_wait_in_their_order(receiver: Receiver) -> None:
    """One connection, first come first served."""
    async with open_transport(connections_per_endpoint=1) as transport:
        sent = [begin(transport, f"{receiver.origin}/{n}") for n in range(20)]
        await within(asyncio.gather(*sent))

    assert [request.path for request in receiver.requests] == [f"/{n}" for n in range(20)]
    assert receiver.connections == 1


async def test_connections_are_bounded(receiver: Receiver) -> None:
    """No more connections to one endpoint than the setting says."""
    receiver.hold()
    async with open_transport(connections_per_endpoint=3) as transport:
        sent = [begin(transport, receiver.url) for _ in range(10)]
        await receiver.wait_for(3)
        receiver.release()
        await within(asyncio.gather(*sent))

    assert receiver.connections == 3
    assert len(receiver.requests) == 10


async def test_waiting_for_a_connection_does_not_count_towards_the_timeout(
    receiver: Receiver,
) -> None:
    """A request behind a hung one is sent when that has expired, with its own time."""
    receiver.hold()
    async with open_transport(connections_per_endpoint=1) as transport:
        first = begin(transport, receiver.url, timeout=0.3)
        second = begin(transport, receiver.url, timeout=0.3)
        assert (await within(first)).failure is Failure.TIMED_OUT
        await receiver.wait_for(2)
        receiver.release()

        assert (await within(second)).status == 200


async def test_failed_connection_leaves_its_place_to_the_next() -> None:
    """Each waiting request makes its own attempt; none is forgotten."""
    async with (
        webhook(answering(close=True)) as url,
        open_transport(connections_per_endpoint=2) as transport,
    ):
        answers = await within(asyncio.gather(*(begin(transport, url) for _ in range(20))))

    assert {answer.failure for answer in answers} == {Failure.SOCKET_ERROR}


async def test_request_is_repeated_when_a_reused_connection_closes(
    transport: HttpTransport,
) -> None:
    """Once, on a fresh connection, and nobody notices."""
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)
        writer.write(OK)
        if connections == 1:
            await read_request(reader)
            writer.close()

    async with webhook(handle) as url:
        await post(transport, url)
        response = await post(transport, url)

    assert (response.status, connections) == (200, 2)


async def test_request_is_repeated_only_once(transport: HttpTransport) -> None:
    """A fresh connection that closes without an answer is a failure."""
    requests = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while True:
            await read_request(reader)
            requests += 1
            if requests > 1:
                writer.close()
                return
            writer.write(OK)

    async with webhook(handle) as url:
        await post(transport, url)
        response = await post(transport, url)

    assert response.failure is Failure.SOCKET_ERROR
    assert "closed the connection without an answer" in response.detail
    assert requests == 3


async def test_request_is_not_repeated_after_the_answer_began(transport: HttpTransport) -> None:
    """Once a byte came, the webhook was there and has spoken."""
    requests = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while True:
            await read_request(reader)
            requests += 1
            writer.write(OK if requests == 1 else b"HTTP/1.1 2")
            if requests > 1:
                writer.close()
                return

    async with webhook(handle) as url:
        await post(transport, url)
        response = await post(transport, url)

    assert response.failure is Failure.SOCKET_ERROR
    assert "in the middle of its answer" in response.detail
    assert requests == 2


async def test_restarted_webhook_costs_no_attempt(transport: HttpTransport) -> None:
    """All kept connections close at once; whatever was sent meanwhile arrives."""
    async with Receiver() as receiver:
        receiver.hold()
        sent = [begin(transport, receiver.url) for _ in range(30)]
        await receiver.wait_for(30)
        receiver.release()
        await within(asyncio.gather(*sent))

        receiver.close_connections()
        answers = await within(asyncio.gather(*(begin(transport, receiver.url) for _ in range(30))))

        assert {answer.status for answer in answers} == {200}


async def test_idle_connection_that_speaks_is_closed(transport: HttpTransport) -> None:
    """A late second answer must never be taken for the answer to the next request."""
    connections = 0
    closed = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)
        writer.write(OK)
        await answered.wait()
        writer.write(b"HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n")
        await reader.read()
        closed.set()

    answered = asyncio.Event()
    async with webhook(handle) as url:
        await post(transport, url)
        answered.set()
        await within(closed.wait())
        response = await post(transport, url)

    assert (response.status, connections) == (200, 2)


async def test_early_answer_counts_and_ends_the_connection(transport: HttpTransport) -> None:
    """A webhook that answers before it has read the body is heard; the rest is not sent."""
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await never.wait()

    never = asyncio.Event()
    async with webhook(handle) as url:
        first = await post(transport, url, body=b"x" * 32_000_000)
        second = await post(transport, url, body=b"x" * 32_000_000)

    assert (first.status, second.status, connections) == (413, 413, 2)


async def test_mistake_in_done_is_logged_and_harms_nobody(
    transport: HttpTransport, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection lives on."""

    def done(_: WebhookResponse) -> None:
        raise RuntimeError("a mistake")

    with caplog.at_level(logging.ERROR):
        send(transport, a_request(receiver.url), done)
        await receiver.wait_for(1)
        response = await post(transport, receiver.url)

    assert response.status == 200
    assert [record.message for record in caplog.records] == ["webhook.callback_failed"]


async def test_requests_are_counted_until_they_are_answered(
    transport: HttpTransport, receiver: Receiver
) -> None:
    """Also one that cannot be sent at all."""
    answered = begin(transport, receiver.url)
    refused = begin(transport, "ftp://localhost/")
    inside = transport.is_busy
    await within(transport.quiet())

    assert (inside, transport.is_busy, transport.sent) == (True, False, 2)
    assert (answered.result().status, refused.result().failure) == (200, Failure.ABORTED)


async def test_endpoint_without_connections_is_forgotten(
    transport: HttpTransport, receiver: Receiver
) -> None:
    """Many webhooks that come and go leave nothing behind."""
    async with webhook(answering(b"HTTP/1.0 200 OK\r\n\r\n", close=True)) as url:
        await post(transport, url)
    receiver.hold()
    await post(transport, receiver.url, timeout=2 * SWEEP_INTERVAL)  # time enough to look around

    assert transport.endpoints == [receiver.origin]


async def test_endpoint_that_was_forgotten_is_asked_again(
    transport: HttpTransport, receiver: Receiver
) -> None:
    """What is remembered of a URL goes with the connections of its endpoint."""
    async with webhook(answering(b"HTTP/1.0 200 OK\r\n\r\n", close=True)) as url:
        await post(transport, url)
        receiver.hold()
        await post(transport, receiver.url, timeout=2 * SWEEP_INTERVAL)
        assert transport.endpoints == [receiver.origin]

        assert (await post(transport, url)).status == 200

    assert len(transport.endpoints) == 2


async def test_idle_connection_is_closed_after_a_while(receiver: Receiver) -> None:
    """Before `KEEP_IDLE` it stays, then it is closed and the pool has nothing to keep."""
    rules = AddressRules(allow_http=False, proxies=ProxyEnvironment({}))
    target = parse_url(receiver.url)
    pool = Pool(Connector(target.endpoint, rules, make_context), Traffic(), is_tls=False, limit=4)
    answered = asyncio.get_running_loop().create_future()
    request = HeardRequest.of(a_request(receiver.url), answered.set_result)
    request.head = target.head
    pool.submit(request)
    await within(answered)

    pool.sweep(monotonic_ns() + KEEP_IDLE - SECOND)
    assert not pool.is_empty

    pool.sweep(monotonic_ns() + KEEP_IDLE)
    await within(pool.close())
    assert pool.is_empty
