"""Does the benchmark's load notice what is lost, refused or repeated?"""

import asyncio
import time

import pytest

from bench.loading import storage_event
from bench.round_trips import MARK, Bench, Order, Requests, Tally
from switchhook.communication.access import SignedRequest, read_signature
from switchhook.defaults import COMMUNICATION_KEYS

ONE, OTHER = b"event-000000000001", b"event-000000000002"


def test_events_that_were_acknowledged_and_have_not_come_are_missing() -> None:
    tally = Tally()

    tally.answer(ONE, 200, b"")
    tally.answer(OTHER, 202, b"")
    tally.arrive(b'[{"id":"%s"}]' % OTHER)

    assert (tally.missing, tally.result(0.0).lost) == (1, 1)


def test_an_event_may_arrive_before_its_acknowledgement() -> None:
    tally = Tally()

    tally.arrive(ONE)
    tally.answer(ONE, 200, b"")

    assert tally.missing == 0


def test_a_refused_event_is_not_missed_and_its_refusal_is_told() -> None:
    tally = Tally()

    tally.answer(ONE, 503, b"full")

    result = tally.result(0.0)
    assert (result.acknowledged, result.refused, result.lost) == (0, 1, 0)
    assert result.refusal == "503 full"


def test_each_event_of_a_delivery_counts_and_a_second_one_is_a_repetition() -> None:
    tally = Tally()

    tally.arrive(ONE + OTHER)
    tally.arrive(OTHER)

    assert (len(tally.arrived), tally.repeated) == (2, 1)


def test_a_signed_request_is_what_the_server_verifies() -> None:
    key = COMMUNICATION_KEYS[0]
    url = "http://127.0.0.1:8080/sms?api-version=2026-01-23"
    requests = Requests(
        Order(url=url, body=f'{{"tag":"{MARK}"}}', connections=1, seconds=1, key=key)
    )

    head, _, body = requests.make(ONE).partition(b"\r\n\r\n")

    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split()
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    request = SignedRequest(method=method, target=target, headers=headers, body=body)
    assert body == b'{"tag":"event-000000000001"}'
    assert headers["content-length"] == str(len(body))
    assert read_signature(request, now=time.time_ns()).is_made_with([key])


async def test_what_is_published_to_the_webhook_itself_arrives() -> None:
    bench = Bench()
    port = await bench.listen()
    url = f"http://127.0.0.1:{port}/hook"

    result = await bench.run(Order(url=url, body=storage_event(), connections=3, seconds=0.02))

    bench.close()
    assert result.acknowledged >= 3
    assert (result.lost, result.refused, result.repeated) == (0, 0, 0)


async def test_a_server_that_delivers_nothing_loses_everything() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    bench = Bench(patience=0.01)

    result = await bench.run(Order(url=url, body=storage_event(), connections=1, seconds=0.0))

    server.close()
    assert (result.acknowledged, result.lost) == (1, 1)


async def test_a_publisher_that_loses_its_connection_says_so() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    order = Order(url=f"http://127.0.0.1:{port}/", body=MARK, connections=1, seconds=1.0)

    with pytest.raises(ConnectionResetError):
        await Bench().run(order)
    server.close()


async def test_a_publisher_goes_on_where_each_answer_closes_the_connection() -> None:
    answered = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        await reader.readuntil(MARK[:6].encode())
        answered += 1
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    order = Order(url=f"http://127.0.0.1:{port}/", body=MARK, connections=1, seconds=0.02)
    bench = Bench(patience=0.01)

    result = await bench.run(order)

    server.close()
    assert result.acknowledged == answered > 1
