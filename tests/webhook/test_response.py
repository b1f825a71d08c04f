"""Bytes in, one response out: each case is fed whole and byte by byte; no I/O."""

import itertools
from collections.abc import Callable, Iterable

import pytest

from switchhook.grid.ports import WebhookResponse
from switchhook.webhook.response import KEPT_BODY, MAX_HEAD, MAX_RESPONSE, ResponseReader

Feed = Callable[[ResponseReader, bytes], None]


def whole(reader: ResponseReader, data: bytes) -> None:
    """All at once."""
    reader.feed(data)


def byte_by_byte(reader: ResponseReader, data: bytes) -> None:
    """Until the answer is complete, as a connection does; what is left comes at once."""
    for index in range(len(data)):
        if reader.is_complete or reader.fault:
            return
        reader.feed(data[index : index + 1])


@pytest.fixture(params=[whole, byte_by_byte])
def feed(request: pytest.FixtureRequest) -> Feed:
    """Both ways in which bytes can come."""
    chosen: Feed = request.param
    return chosen


def read(feed: Feed, data: bytes) -> tuple[ResponseReader, WebhookResponse]:
    """A reader that was fed."""
    reader = ResponseReader()
    feed(reader, data)
    return reader, reader.response(duration=7)


@pytest.mark.parametrize(
    ("data", "status", "body", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b"", True),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302, b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 200, b"", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", False),
        (
            b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi",
            200,
            b"hi",
            True,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2;x=y\r\nhi\r\n1\r\n!\r\n0\r\n\r\n",
            200,
            b"hi!",
            True,
        ),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
            503,
            b"",
            True,
        ),
        (b"HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n", 599, b"", True),
    ],
)
def test_answer_is_read(feed: Feed, data: bytes, status: int, body: bytes, reusable: bool) -> None:
    """Status and body come out, and whether the connection can be used again."""
    reader, response = read(feed, data)

    assert (reader.is_complete, reader.fault) == (True, "")
    assert (response.status, response.body, response.duration) == (status, body, 7)
    assert reader.can_reuse is reusable


def test_headers_have_lower_case_names(feed: Feed) -> None:
    """Values are stripped, trailers and the headers of a 1xx are left out."""
    _, response = read(
        feed,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 429 Slow\r\nRetry-After:  5 \r\nX-A: \xe9\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\nX-Trailer: t\r\n\r\n",
    )

    assert response.headers == (
        ("retry-after", "5"),
        ("x-a", "\u00e9"),
        ("transfer-encoding", "chunked"),
    )


@pytest.mark.parametrize(
    ("data", "complete"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", True),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nuntil the end", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nunti", False),
        (b"HTTP/1.1 200 OK\r\nContent-Le", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n", False),
        (b"", False),
    ],
)
def test_end_completes_only_an_answer_without_a_length(
    feed: Feed, data: bytes, complete: bool
) -> None:
    """A cut answer is not taken for a whole one."""
    reader, _ = read(feed, data)

    assert not reader.is_complete
    assert reader.end() is complete
    assert not reader.can_reuse
    if complete:
        assert reader.response(0).body == b"until the end"


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"<html>hello</html>",
        b"\x15\x03\x03\x00\x02\x02\x50",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nBad Header: 1\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
def test_garbage_is_a_fault(feed: Feed, data: bytes) -> None:
    """What is not HTTP is reported in words."""
    reader, _ = read(feed, data)

    assert reader.fault
    assert not reader.is_complete
    assert not reader.end()


@pytest.mark.parametrize("surplus", [b"HTTP/1.1 500 No\r\nX: 1\r\n\r\n", b"HTT", b"garbage"])
def test_second_answer_does_not_mix_with_the_first(surplus: bytes) -> None:
    """The first one counts, and the connection is not used again."""
    first = b"HTTP/1.1 200 OK\r\nX: 0\r\nContent-Length: 2\r\n\r\nhi"
    reader, response = read(whole, first + surplus)

    assert (response.status, response.body) == (200, b"hi")
    assert response.headers == (("x", "0"), ("content-length", "2"))
    assert reader.is_complete
    assert not reader.can_reuse


def test_reader_reads_one_answer_after_another() -> None:
    """After `reset` nothing of the answer before is left."""
    reader, _ = read(whole, b"HTTP/1.1 503 Busy\r\nX: 0\r\nContent-Length: 2\r\n\r\nhi")
    reader.reset()
    reader.feed(b"HTTP/1.1 204 No Content\r\nY: 1\r\n\r\n")

    response = reader.response(0)

    assert (response.status, response.headers, response.body) == (204, (("y", "1"),), b"")


def test_answers_that_repeat_are_read_like_the_first() -> None:
    """Empty ones and others by turns, in one piece or two; no surplus hides in a repeated one."""
    empty = b"HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 0\r\n\r\n"
    refused = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    full = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nhi"
    last = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    reader = ResponseReader()
    answers = (empty, empty, refused, refused, empty, full, full, empty, empty)
    usual = 0
    for answer, cut in (*itertools.product(answers, (0, 20)), (last, 0)):
        expected, told = read(whole, answer)
        if not cut and answer == reader.usual:
            assert not reader.received
            assert reader.usual_response(duration=7) == told
            usual += 1
            continue
        for piece in (answer[:cut], answer[cut:]) if cut else (answer,):
            assert not reader.is_complete
            reader.feed(piece)
        assert reader.response(duration=7) == told
        assert (reader.is_complete, reader.can_reuse) == (True, expected.can_reuse)
        assert reader.received == len(answer)
        reader.reset()
    assert usual == 4
    reader = ResponseReader()
    for answer, reusable in ((empty, True), (empty, True), (empty + empty, False)):
        reader.reset()
        reader.feed(answer)
        assert (reader.is_complete, reader.can_reuse) == (True, reusable)
        assert reader.usual == empty


def test_body_is_cut() -> None:
    """The first 64 KiB are kept of an answer within the cap, which stays reusable."""
    body = b"x" * (KEPT_BODY + 1)
    reader, response = read(
        whole, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )

    assert reader.can_reuse
    assert response.body == body[:KEPT_BODY]


def chunks_of(total: int, head: bytes, filler: bytes) -> Iterable[bytes]:
    """`head` and then `filler`, until more than `total` bytes came."""
    yield head
    for _ in range(total // len(filler) + 1):
        yield filler


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: ",
    ],
)
def test_endless_answer_counts_by_its_status(head: bytes) -> None:
    """Past the hard cap reading stops, and the connection is not used again."""
    reader = ResponseReader()
    for chunk in chunks_of(MAX_RESPONSE, head, b"y" * 8192):
        reader.feed(chunk)

    assert reader.is_complete
    assert not reader.can_reuse
    assert reader.response(0).status == 200
    assert len(reader.response(0).body) <= KEPT_BODY


@pytest.mark.parametrize(
    "filler", [b"X: " + b"y" * 1000 + b"\r\n", b"z" * 1000, b"HTTP/1.1 100 Continue\r\n\r\n"]
)
def test_endless_head_is_a_fault(filler: bytes) -> None:
    """Headers, one header line or announcements: no head may be larger than 64 KiB."""
    begin = b"" if filler.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\nA: b\r\n"
    reader = ResponseReader()
    for chunk in chunks_of(MAX_HEAD, begin, filler):
        reader.feed(chunk)

    assert "larger than 65536 bytes" in reader.fault


def test_large_head_is_a_fault_even_if_it_comes_at_once() -> None:
    """The limit does not depend on how the bytes are cut."""
    head = b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 1000 + b"\r\n") * 70
    reader, _ = read(whole, head + b"Content-Length: 0\r\n\r\n")

    assert "larger than 65536 bytes" in reader.fault
