"""What a webhook can do wrong on the wire, and how the failure reads."""

import asyncio
import socket
import struct

import pytest

from switchhook.grid.ports import Failure
from switchhook.webhook.response import KEPT_BODY
from switchhook.webhook.transport import HttpTransport
from tests.receiver import Receiver
from tests.webhook.exchanges import (
    Handler,
    answering,
    open_transport,
    post,
    read_request,
    webhook,
)


@pytest.mark.parametrize(
    ("handle", "words"),
    [
        (answering(b"SSH-2.0-OpenSSH\r\n"), "not HTTP/1.1"),
        (answering(b"220 mail ESMTP\r\n"), "not HTTP/1.1"),
        (answering(b"HTTP/1.1 200 OK\r\nX: y\r\n", close=True), "in the middle of its answer"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", close=True), "in the middle"),
        (answering(close=True), "without an answer"),
        (answering(b"HTTP/1.1 100 Continue\r\n\r\n", close=True), "in the middle of its answer"),
        (answering(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 99_999), "larger than 65536 bytes"),
    ],
)
async def test_broken_answer_is_a_socket_error(
    transport: HttpTransport, handle: Handler, words: str
) -> None:
    """The detail says what came, and from where."""
    async with webhook(handle) as url:
        response = await post(transport, url)

    assert response.failure is Failure.SOCKET_ERROR
    assert words in response.detail
    assert url.removesuffix("/events") in response.detail


async def test_reset_is_a_socket_error(transport: HttpTransport) -> None:
    """A connection that is torn down, not closed."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with webhook(handle) as url:
        response = await post(transport, url)

    assert response.failure is Failure.SOCKET_ERROR
    assert "without an answer" in response.detail


async def test_server_that_speaks_first_is_a_socket_error(transport: HttpTransport) -> None:
    """Whether its greeting comes before or after the request was written."""

    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")

    async with webhook(handle) as url:
        response = await post(transport, url)

    assert response.failure is Failure.SOCKET_ERROR
    assert "SSH-2.0" in response.detail


async def test_answer_that_ends_with_the_connection_is_read(transport: HttpTransport) -> None:
    """HTTP/1.0 without a length."""
    async with webhook(answering(b"HTTP/1.0 500 Oh\r\n\r\nwh", b"y", close=True)) as url:
        response = await post(transport, url)

    assert (response.status, response.body) == (500, b"why")


async def test_answer_in_small_pieces_is_read(transport: HttpTransport) -> None:
    """1xx first, then chunks."""
    pieces = (
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200",
        b" OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nh",
        b"i\r\n",
        b"0\r\n\r\n",
    )
    async with webhook(answering(*pieces)) as url:
        response = await post(transport, url)

    assert (response.status, response.body) == (200, b"hi")


async def test_endless_answer_counts_by_its_status(transport: HttpTransport) -> None:
    """The body is cut, the connection closed, and nothing hangs until the timeout."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with webhook(handle) as url:
        response = await post(transport, url)

    assert (response.status, len(response.body)) == (200, KEPT_BODY)


async def test_dripping_answer_times_out(transport: HttpTransport) -> None:
    """Bytes that keep coming do not buy more time."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0)  # one byte in a turn of the loop

    async with webhook(drip) as url:
        response = await post(transport, url, timeout=0.1)

    assert response.failure is Failure.TIMED_OUT
    assert "did not answer within 0.1 seconds" in response.detail


async def test_unknown_host_is_a_resolution_error(transport: HttpTransport) -> None:
    """`.invalid` never exists (RFC 6761); https, so that no rule comes first."""
    response = await post(transport, "https://hooks.invalid/")

    assert response.failure is Failure.RESOLUTION_ERROR
    assert "hooks.invalid" in response.detail


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://192.0.2.1/", "--allow-http-webhooks"),
        ("http://[2001:db8::1]/", "--allow-http-webhooks"),
        ("https://user:pass@localhost/", "names a user"),
        ("gopher://localhost/", "does not start with https://"),
    ],
)
async def test_address_that_is_not_allowed_is_aborted(
    transport: HttpTransport, url: str, words: str
) -> None:
    """Nothing is sent, and the detail says what would help."""
    response = await post(transport, url)

    assert response.failure is Failure.ABORTED
    assert words in response.detail


async def test_proxy_variable_aborts_what_it_covers(receiver: Receiver) -> None:
    """It is refused aloud; loopback is not touched, not even by name."""
    environ = {"ALL_PROXY": "http://127.0.0.1:9/"}
    async with open_transport(environ=environ, allow_http=True) as transport:
        local = await post(transport, f"http://localhost:{receiver.port}/")
        remote = await post(transport, "http://192.0.2.1/")
        unknown = await post(transport, "https://hooks.invalid/")

    assert local.status == 200
    assert (remote.failure, unknown.failure) == (Failure.ABORTED, Failure.ABORTED)
    assert "ALL_PROXY" in remote.detail
    assert "ALL_PROXY" in unknown.detail


async def test_ipv6_webhook_is_called(transport: HttpTransport) -> None:
    """With the brackets where they belong."""
    async with Receiver(host="::1") as receiver:
        response = await post(transport, receiver.url)

        assert response.status == 200
        assert receiver.requests[0].headers["host"] == f"[::1]:{receiver.port}"
