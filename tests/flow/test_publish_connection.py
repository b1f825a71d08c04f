"""What becomes of publish requests on their connection? Raw bytes to a real server."""

import asyncio
import contextlib
import gc
import re
import socket
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import pytest

from switchhook.clock import VirtualClock
from switchhook.grace import Grace
from switchhook.grid.collections import TOPICS
from switchhook.grid.ports import Batch, Change, Put
from switchhook.grid.route import Router
from switchhook.grid.schemas.json_text import MAX_BODY_BYTES
from switchhook.http import bounded_connection, listener
from switchhook.http.asgi import Receive, Scope, Send, reply
from switchhook.http.bounded_connection import BoundedConnection
from switchhook.http.listener import Door, listening
from switchhook.http.publish_api import PublishApi
from switchhook.http.publish_connection import PublishConnection
from switchhook.stores.memory import MemoryStore
from tests.builders import a_body, a_topic, an_event
from tests.flow.conftest import start

TOPIC = a_topic()
assert TOPIC.keys is not None
KEY = TOPIC.keys[0].encode()
WITHIN = 10.0  # seconds
GET = b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"
OPTIONS = b"OPTIONS /topics/orders/api/events HTTP/1.1\r\nHost: a\r\n\r\n"
BODY = a_body()


def a_head(*headers: bytes, key: bytes = KEY, version: bytes = b"1.1") -> bytes:
    """The head of a publish request with these headers besides the key."""
    lines = [b"POST /topics/orders/api/events HTTP/" + version, b"Host: a", b"aeg-sas-key: " + key]
    return b"\r\n".join([*lines, *headers, b"", b""])


def a_publish(*headers: bytes, body: bytes = BODY, **members: bytes) -> bytes:
    """A publish request."""
    return a_head(b"Content-Length: %d" % len(body), *headers, **members) + body


class HeldStore(MemoryStore):
    """A store in memory whose commits wait while it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = False
        self.asked = asyncio.Event()
        self._held: list[Callable[[], None]] = []

    def submit(
        self,
        changes: Sequence[Change],
        batches: Sequence[Batch],
        on_durable: Callable[[int], None] | None,
        ended: Callable[[Exception | None], None],
    ) -> None:
        """See `grid.ports.Commit`."""
        if self.is_held:
            self._held.append(lambda: super(HeldStore, self).submit(*asked))
            asked = changes, batches, on_durable, ended
            self.asked.set()
        else:
            super().submit(changes, batches, on_durable, ended)

    def release(self) -> None:
        """Let them go on."""
        self.is_held = False
        held, self._held = self._held, []
        self.asked.clear()
        for each in held:
            each()


class Client:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, *parts: bytes) -> None:
        """Send in one write."""
        self.writer.write(b"".join(parts))
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        """The status of the next answer, and its head."""
        async with asyncio.timeout(WITHIN):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            await self._reader.readexactly(int(length[1]) if length else 0)
        return int(head.split(b" ")[1]), head

    async def statuses(self, count: int) -> list[int]:
        """Those of the next answers."""
        return [(await self.answer())[0] for _ in range(count)]

    async def rest(self) -> bytes:
        """What comes until the server closes the connection."""
        async with asyncio.timeout(WITHIN):
            with contextlib.suppress(ConnectionError):  # it closed before it had read all
                return await self._reader.read()
        return b""

    async def close(self) -> None:
        """Go away."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@dataclass
class Site:
    """A server with one topic and another route, which answers 204 when it may."""

    store: HeldStore
    router: Router
    port: int = 0
    others: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    clients: list[Client] = field(default_factory=list)

    async def client(self) -> Client:
        """A new connection."""
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.clients[-1]

    async def other(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """See ASGI."""
        self.others += 1
        await self.may_answer.wait()
        await reply(send, 202, [], b"")

    @property
    def accepted(self) -> int:
        """How many events are in the log."""
        return self.store.extent().end

    async def other_client_is_served(self) -> None:
        """Return when whatever was sent before has been heard."""
        client = await self.client()
        await client.send(OPTIONS)
        assert await client.statuses(1) == [200]


@contextlib.asynccontextmanager
async def a_site() -> AsyncIterator[Site]:
    """The door closes at the end of the block; then nobody is connected."""
    store = HeldStore()
    await store.commit([Put(TOPICS, TOPIC.incarnation, msgspec.json.encode(TOPIC))])
    flow = await start(store, VirtualClock(), TOPIC)
    site = Site(store, flow.engine.router)
    site.may_answer.set()
    api = PublishApi(publisher=flow.engine.publisher, topics=flow.engine.router.topics)
    sockets = [socket.create_server(("127.0.0.1", 0))]
    site.port = sockets[0].getsockname()[1]
    async with listening(Door(api, site.other), sockets, None, Grace(WITHIN)):
        yield site
    for client in site.clients:
        await client.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A server for one test."""
    async with a_site() as site:
        yield site
        for client in site.clients:
            await client.close()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[PublishConnection]:
    """The server's ends of all connections."""
    begun: list[PublishConnection] = []

    def begin(connection: PublishConnection, transport: asyncio.Transport) -> None:
        begun.append(connection)
        BoundedConnection.connection_made(connection, transport)

    monkeypatch.setattr(PublishConnection, "connection_made", begin)
    return begun


# --- one behind the other -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requests", "statuses"),
    [
        ([a_publish(), a_publish()], [200, 200]),
        ([a_publish(), GET], [200, 202]),
        ([GET, a_publish()], [202, 200]),
        ([GET, GET, a_publish(), OPTIONS, GET], [202, 202, 200, 200, 202]),
        ([a_publish(), a_publish(key=b"x"), GET, a_publish()], [200, 401, 202, 200]),
    ],
)
async def test_requests_in_one_write_are_answered_in_order(
    site: Site, requests: list[bytes], statuses: list[int]
) -> None:
    """Each when the one before it has been answered, whoever answers."""
    client = await site.client()

    await client.send(*requests)

    assert await client.statuses(len(statuses)) == statuses
    assert site.accepted == sum(each == a_publish() for each in requests)


async def test_a_publish_waits_for_the_one_before_it(site: Site) -> None:
    """It is not stored as long as that one is not."""
    site.store.is_held = True
    client = await site.client()

    await client.send(a_publish(), a_publish(body=a_body(an_event(), an_event())), GET)
    await site.store.asked.wait()
    await site.other_client_is_served()
    before = site.accepted
    site.store.release()

    assert before == 0
    assert await client.statuses(3) == [200, 200, 202]
    assert site.accepted == 3


async def test_thousands_of_requests_in_one_write_are_answered(site: Site) -> None:
    """However short they are: the stack does not grow with them."""
    client = await site.client()

    sending = asyncio.create_task(client.send(a_publish(), OPTIONS * 3000))

    assert await client.statuses(3001) == [200] * 3001
    await sending


async def test_a_request_may_come_in_pieces(site: Site) -> None:
    """Split anywhere, on a connection that was used before."""
    client = await site.client()
    await client.send(a_publish())
    assert await client.statuses(1) == [200]

    for at in range(0, len(a_publish()), 7):
        await client.send(a_publish()[at : at + 7])
        await site.other_client_is_served()

    assert await client.statuses(1) == [200]
    assert site.accepted == 2


@pytest.mark.parametrize(
    "last", [a_publish(b"Connection: close"), a_publish(version=b"1.0")], ids=["close", "1.0"]
)
async def test_connection_closes_behind_its_last_request(site: Site, last: bytes) -> None:
    """What follows it is none."""
    client = await site.client()

    await client.send(last, a_publish())
    _, head = await client.answer()

    assert b"\r\nconnection: close\r\n" in head
    assert await client.rest() == b""
    assert site.accepted == 1


@pytest.mark.parametrize(
    "last",
    [
        OPTIONS.replace(b"1.1\r\n", b"1.0\r\nConnection: keep-alive\r\n"),
        a_head(b"Content-Length: 2", b"Expect: 100-continue", key=b"x") + b"[]",
    ],
    ids=["1.0", "refused"],
)
async def test_nothing_is_done_behind_the_last_request(site: Site, last: bytes) -> None:
    """Nobody could be told of it."""
    client = await site.client()

    await client.send(last, GET, a_publish())
    await client.answer()
    await client.rest()
    await site.other_client_is_served()

    assert (site.others, site.accepted) == (0, 0)


async def test_answer_to_head_has_no_body(site: Site) -> None:
    """The next answer follows at once."""
    client = await site.client()

    await client.send(OPTIONS.replace(b"OPTIONS", b"HEAD"), OPTIONS)
    await client.send(b"")
    async with asyncio.timeout(WITHIN):
        head = await client._reader.readuntil(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 404 ")
    assert await client.statuses(1) == [200]


async def test_answers_say_when_they_were_given(site: Site) -> None:
    """As those of every other route do."""
    client = await site.client()

    await client.send(a_publish(), GET)

    dates = [re.findall(rb"\r\ndate: ([^\r]+ GMT)\r\n", (await client.answer())[1]) for _ in "ab"]
    assert [len(each) for each in dates] == [1, 1]


# --- bodies that are asked for -------------------------------------------------------------------


async def test_body_is_asked_for(site: Site) -> None:
    """Of who waits for that; the answer follows it."""
    client = await site.client()

    await client.send(a_head(b"Content-Length: %d" % len(BODY), b"Expect: 100-continue"))
    asked = await client.answer()
    await client.send(BODY)

    assert asked == (100, b"HTTP/1.1 100 Continue\r\n\r\n")
    assert await client.statuses(1) == [200]


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (a_head(b"Content-Length: 10", b"Expect: 100-continue", key=b"x"), 401),
        (a_head(b"Content-Length: %d" % (MAX_BODY_BYTES + 1), b"Expect: 100-continue"), 413),
        (GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"), 202),
    ],
)
async def test_connection_closes_where_a_body_is_not_asked_for(
    site: Site, request_head: bytes, status: int
) -> None:
    """Its client may leave it out or send it: nobody could tell it from the next request."""
    client = await site.client()

    await client.send(request_head)

    assert await client.statuses(1) == [status]
    assert await client.rest() == b""


async def test_refused_body_that_comes_all_the_same_is_no_request(site: Site) -> None:
    """The connection may be used again behind it."""
    client = await site.client()

    await client.send(a_head(b"Content-Length: 10", key=b"x"))
    refused = await client.statuses(1)
    await client.send(b"0123456789", a_publish())

    assert refused == [401]
    assert await client.statuses(1) == [200]


@pytest.mark.parametrize("target", [b"/topics/orders/api/events", b"/other"])
async def test_endless_body_is_not_read_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch, target: bytes
) -> None:
    """Behind its answer."""
    monkeypatch.setattr(bounded_connection, "MAX_UNWANTED_BYTES", 1 << 20)
    client = await site.client()
    head = b"POST " + target + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    await client.send(head)
    await client.answer()
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 64 << 20:
            await client.send(b"10000\r\n", b"x" * 0x10000, b"\r\n")
            sent += 0x10000

    assert 1 << 20 <= sent < 64 << 20


# --- time ----------------------------------------------------------------------------------------


async def test_slow_body_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that comes in drops."""
    monkeypatch.setattr(bounded_connection, "BODY_WITHIN", 0.01)
    silent, dripping = await site.client(), await site.client()

    await silent.send(a_head(b"Content-Length: 10"))
    await dripping.send(a_head(b"Content-Length: 1000000"), b"[")
    with contextlib.suppress(ConnectionError):
        while True:
            await dripping.send(b" ")
            await site.other_client_is_served()

    assert await silent.rest() == b""
    assert await dripping.rest() == b""
    assert site.accepted == 0


async def test_body_that_makes_progress_is_awaited(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it takes."""
    monkeypatch.setattr(bounded_connection, "HEAD_WITHIN", 0.02)
    monkeypatch.setattr(bounded_connection, "BODY_WITHIN", 0.2)
    monkeypatch.setattr(bounded_connection, "BODY_PROGRESS", 1)
    client = await site.client()
    pieces = 20
    await client.send(a_head(b"Content-Length: %d" % (len(BODY) + pieces)))

    for _ in range(pieces):
        await client.send(b" ")
        await (await site.client()).rest()  # it is there for as long as a head may take
    await client.send(BODY)

    assert await client.statuses(1) == [200]


async def test_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one whose request takes its time."""
    monkeypatch.setattr(listener, "KEEP_ALIVE", 0.05)
    async with a_site() as site:
        idle, busy = await site.client(), await site.client()
        for each in (idle, busy):
            await each.send(a_publish())
            assert await each.statuses(1) == [200]
        site.store.is_held = True
        await busy.send(a_publish())

        assert await idle.rest() == b""
        site.store.release()
        assert await busy.statuses(1) == [200]
        assert await busy.rest() == b""


# --- those who leave, and those who stay ---------------------------------------------------------


async def test_client_may_leave_while_its_events_are_stored(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """They are stored, and nobody is disturbed."""
    site.store.is_held = True
    client = await site.client()
    await client.send(a_publish(), GET, a_publish())
    await site.store.asked.wait()

    client.writer.transport.abort()
    await site.other_client_is_served()
    site.store.release()
    await site.other_client_is_served()

    assert site.accepted == 1
    assert caplog.records == []


async def test_client_that_sends_no_more_is_answered(site: Site) -> None:
    """It need not be gone."""
    site.store.is_held = True
    client = await site.client()
    await client.send(a_publish(), a_publish(), a_publish(), b"POST /top")
    client.writer.write_eof()
    await site.store.asked.wait()
    await site.other_client_is_served()
    site.store.release()

    assert await client.statuses(3) == [200] * 3
    assert await client.rest() == b""
    assert site.accepted == 3


@pytest.mark.parametrize("half", [a_publish()[:-1], a_publish()[:-1].replace(KEY, b"x"), b"POST /"])
async def test_client_that_sends_no_more_of_a_request_is_given_up(site: Site, half: bytes) -> None:
    """Nothing of it is stored."""
    client = await site.client()

    await client.send(half)
    client.writer.write_eof()
    await client.rest()

    assert site.accepted == 0


@pytest.mark.parametrize(
    "requests",
    [
        [a_publish()],
        [a_publish(key=b"x")],
        [a_head(b"Content-Length: 10"), b"["],
        [GET, a_publish(), a_publish()],
    ],
    ids=["answered", "refused", "half", "behind another"],
)
async def test_nothing_is_kept_of_who_has_left(
    site: Site, connections: list[PublishConnection], requests: list[bytes]
) -> None:
    """Garbage is looked for rarely: a request that led to itself would fill the memory."""
    site.may_answer.clear()
    gc.disable()
    try:
        client = await site.client()
        await client.send(*requests)
        await site.other_client_is_served()
        connection = weakref.ref(connections.pop(0))
        client.writer.transport.abort()
        await site.other_client_is_served()
        site.may_answer.set()
        await site.other_client_is_served()

        assert connection() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("together", [True, False])
async def test_connection_keeps_no_body_that_was_refused(
    site: Site, connections: list[PublishConnection], together: bool
) -> None:
    """Neither that of who waited for others, nor one behind a head that is known."""
    client = await site.client()
    refused = [a_publish(key=b"x")] * 2
    for requests in [refused] if together else [[each] for each in refused]:
        await client.send(*requests)
        assert await client.statuses(len(requests)) == [401] * len(requests)
    read = connections[0]._read

    assert read is not None
    assert read.parts == []


async def test_stop_lets_a_publish_be_answered() -> None:
    """And those behind it; then the connection closes."""
    async with a_site() as site:
        site.store.is_held = True
        client, half = await site.client(), await site.client()
        await client.send(a_publish(), a_publish(), GET)
        await half.send(a_head(b"Content-Length: %d" % len(BODY)))
        await site.store.asked.wait()
        await site.other_client_is_served()
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, site.store.release)
        loop.call_later(0.05, half.writer.write, BODY)

    assert await client.statuses(3) == [200, 200, 202]
    assert await client.rest() == b""
    assert await half.statuses(1) == [200]
    assert await half.rest() == b""
    assert site.accepted == 3


# --- what is no HTTP -----------------------------------------------------------------------------


async def test_garbage_is_refused(site: Site) -> None:
    """And the connection closed."""
    client = await site.client()

    await client.send(b"garbage\r\n\r\n")

    assert await client.statuses(1) == [400]
    assert await client.rest() == b""


@pytest.mark.parametrize("request_", [a_publish(), GET])
async def test_request_before_garbage_is_answered(site: Site, request_: bytes) -> None:
    """Nothing comes between."""
    client = await site.client()

    await client.send(request_, b"garbage\r\n\r\n")

    assert (await client.answer())[0] in (200, 202)
    assert await client.rest() == b""


@pytest.mark.parametrize("request_", [a_publish(), GET])
async def test_request_before_an_upgrade_is_answered(site: Site, request_: bytes) -> None:
    """The frames of a WebSocket must not begin before."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    client = await site.client()

    await client.send(request_, b"GET /other HTTP/1.1\r\nHost: a\r\n", upgrade, key)

    assert (await client.answer())[0] in (200, 202)
    assert await client.rest() == b""


@pytest.mark.parametrize("first", [a_publish(), GET])
@pytest.mark.parametrize("garbled", [a_head(), GET])
async def test_garbage_in_a_body_is_refused_behind_what_is_owed(
    site: Site, first: bytes, garbled: bytes
) -> None:
    """The refusal is nobody else's: what was stored must not look as if it was not."""
    site.store.is_held = True
    client = await site.client()

    await client.send(first, garbled[:-2], b"Transfer-Encoding: chunked\r\n\r\nno size\r\n")
    await site.other_client_is_served()
    site.store.release()

    assert (await client.answer())[0] in (200, 202)
    assert await client.statuses(1) == [400]
    assert await client.rest() == b""


# --- other protocols -----------------------------------------------------------------------------

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


@pytest.mark.parametrize("request_", [a_publish(), GET, OPTIONS])
async def test_wish_for_another_protocol_is_not_heard(site: Site, request_: bytes) -> None:
    """Java's client has it by default. The body belongs to the request, and is no other one."""
    head, _, body = request_.partition(b"\r\n\r\n")
    wish = b"%b\r\n%b\r\n%b" % (head, H2C, body)
    client = await site.client()

    await client.send(a_publish(), wish, wish[:-1])
    answers = await client.statuses(2)
    await client.send(wish[-1:], wish * 500)

    assert {*answers, *await client.statuses(501)} <= {200, 202}
    assert site.accepted == (503 if body else 1)


async def test_body_behind_such_a_wish_is_no_request(site: Site) -> None:
    """Whoever stands in front has judged the request alone."""
    head, _, _ = a_publish(key=b"x").partition(b"Content-Length")
    hidden = b"%bContent-Length: %d\r\n%b\r\n" % (head, len(GET), H2C)
    client = await site.client()

    await client.send(hidden)
    refused = await client.statuses(1)
    await client.send(GET, OPTIONS)

    assert refused + await client.statuses(1) == [401, 200]
    assert site.others == 0


@pytest.mark.parametrize("first", [b"", a_publish(), GET])
async def test_connection_closes_behind_connect(site: Site, first: bytes) -> None:
    """What follows it is no HTTP."""
    client = await site.client()

    await client.send(first, b"CONNECT /topics/orders/api/events HTTP/1.1\r\nHost: a\r\n\r\n", GET)
    statuses = re.findall(rb"HTTP/1.1 (\d+) ", await client.rest())

    assert statuses[-1] == b"405"
    assert len(statuses) == 1 + bool(first)


async def test_garbage_in_a_body_is_refused(site: Site) -> None:
    """A chunk without a size."""
    client = await site.client()

    await client.send(a_head(b"Transfer-Encoding: chunked"), b"no size\r\n")

    assert await client.statuses(1) == [400]
    assert await client.rest() == b""


# --- clients that do not read --------------------------------------------------------------------


async def test_who_does_not_read_answers_is_not_read_either(site: Site) -> None:
    """What is written for it does not fill the memory."""
    client = socket.create_connection(("127.0.0.1", site.port))
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    sent, most = 0, 256 << 20

    with contextlib.suppress(TimeoutError):
        while sent < most:
            async with asyncio.timeout(0.5):
                await loop.sock_sendall(client, OPTIONS * 1000)
            sent += len(OPTIONS) * 1000
    client.close()

    assert sent < most


async def test_who_reads_answers_late_is_read_again(
    site: Site, connections: list[PublishConnection]
) -> None:
    """Also where the rest of a body is to come: no answer would ever end the pause."""
    site.store.is_held = True
    client = await site.client()
    await client.send(a_publish(), a_head(b"Content-Length: %d" % len(BODY)), BODY[:5])
    await site.store.asked.wait()

    connections[0].pause_writing()  # as a transport does that has much to write
    site.store.release()
    first = await client.statuses(1)
    connections[0].resume_writing()
    await client.send(BODY[5:])

    assert first + await client.statuses(1) == [200, 200]


@pytest.mark.parametrize("waiting", [[a_publish()], [GET], [GET, a_publish()]])
async def test_nothing_is_read_while_requests_wait(
    site: Site, connections: list[PublishConnection], waiting: list[bytes]
) -> None:
    """However many are answered: what is not yet asked of the store is not taken from the wire."""
    site.store.is_held = True
    client = await site.client()
    await client.send(a_publish(), a_publish(), *waiting)
    await site.store.asked.wait()

    site.store.release()
    site.store.is_held = True
    first = await client.statuses(1)
    await site.store.asked.wait()
    is_paused = connections[0].flow.read_paused
    site.store.release()

    assert is_paused
    assert {*first, *await client.statuses(1 + len(waiting))} <= {200, 202}
    await client.send(OPTIONS)
    assert await client.statuses(1) == [200]
