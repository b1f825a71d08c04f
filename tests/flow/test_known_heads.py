"""Is a request whose head is that of the one before it served like any other?"""

import asyncio
import contextlib
import random

import msgspec
import pytest

from switchhook.grid.schemas.json_text import MAX_BODY_BYTES
from switchhook.http import bounded_connection, publish_connection
from switchhook.http.known_head import KnownHead, known_head
from switchhook.http.publish_connection import PublishConnection
from switchhook.http.publish_head import PublishHead, target_of
from tests.builders import a_body, an_event
from tests.flow.test_publish_connection import (
    BODY,
    GET,
    KEY,
    OPTIONS,
    TOPIC,
    Client,
    Site,
    a_head,
    a_publish,
    a_site,
)

LONGER = a_body(an_event(), an_event(subject="s" * 2000))


@pytest.fixture
def recognized(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the bodies that followed a known head."""
    lengths: list[int] = []
    publish_again = PublishConnection._publish_again

    def noted(
        connection: PublishConnection, head: PublishHead, data: bytes, start: int, length: int
    ) -> None:
        lengths.append(length)
        publish_again(connection, head, data, start, length)

    monkeypatch.setattr(PublishConnection, "_publish_again", noted)
    return lengths


async def _ask(client: Client, *requests: bytes) -> list[int]:
    statuses = []
    for request in requests:
        await client.send(request)
        statuses += await client.statuses(1)
    return statuses


async def test_head_is_known_from_the_second_request_on(recognized: list[int]) -> None:
    """Whatever the length of the body."""
    async with a_site() as site:
        client = await site.client()

        statuses = await _ask(client, a_publish(), a_publish(body=LONGER), a_publish())

        assert statuses == [200] * 3
        assert recognized == [len(LONGER), len(BODY)]
        assert site.accepted == 4


async def test_key_is_judged_each_time(recognized: list[int]) -> None:
    """Those in force now decide."""
    async with a_site() as site:
        client = await site.client()
        assert await _ask(client, a_publish(), a_publish()) == [200, 200]

        site.router.add_topic(msgspec.structs.replace(TOPIC, keys=("other", "keys")))

        assert await _ask(client, a_publish()) == [401]
        assert len(recognized) == 2


@pytest.mark.parametrize(
    "between",
    [GET, OPTIONS, a_publish(key=b"x"), a_head(b"Transfer-Encoding: chunked") + b"0\r\n\r\n"],
)
async def test_other_requests_come_between(recognized: list[int], between: bytes) -> None:
    """They are read as ever."""
    async with a_site() as site:
        client = await site.client()

        await _ask(client, a_publish(), between)

        assert await _ask(client, a_publish(), a_publish()) == [200, 200]
        assert recognized == [len(BODY)]


async def test_requests_in_one_write_are_told_apart() -> None:
    """The head of the first of them is not taken for that of the last."""
    async with a_site() as site:
        client = await site.client()
        wrong = a_publish(key=b"x" * len(KEY))
        await client.send(wrong, a_publish())
        assert await client.statuses(2) == [401, 200]

        assert await _ask(client, wrong, a_publish()) == [401, 200]
        await client.send(a_publish(), wrong, a_publish())
        assert await client.statuses(3) == [200, 401, 200]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"[" + b" " * MAX_BODY_BYTES + b"]", b"[" + b" " * 10 * MAX_BODY_BYTES],
    ids=["empty", "no events", "no JSON", "too long", "one digit too long"],
)
async def test_body_is_judged_each_time(body: bytes) -> None:
    """With the same answers."""
    answers = []
    for warm_up in (0, 2):
        async with a_site() as site:
            client = await site.client()
            assert await _ask(client, *[a_publish()] * warm_up) == [200] * warm_up
            await client.send(a_publish(body=body))
            answers.append((await client.answer())[0])
    assert answers[0] == answers[1]


async def test_client_that_varies_its_heads_is_not_recognized(recognized: list[int]) -> None:
    """Nobody looks for what does not come back."""
    async with a_site() as site:
        client = await site.client()
        varied = [a_publish(b"x-id: %d" % number) for number in range(5)]

        assert await _ask(client, *varied, a_publish(), a_publish()) == [200] * 7
        assert not recognized


async def test_body_that_stops_coming_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, recognized: list[int]
) -> None:
    """Behind a known head, too."""
    monkeypatch.setattr(bounded_connection, "BODY_WITHIN", 0.01)
    async with a_site() as site:
        client = await site.client()
        assert await _ask(client, a_publish()) == [200]

        await client.send(a_publish()[:-1])

        assert await client.rest() == b""
        assert (recognized, site.accepted) == ([len(BODY)], 1)


async def test_answer_before_the_body_leaves_the_connection_in_order(
    recognized: list[int],
) -> None:
    """The rest of a body that nobody wants is no request."""
    async with a_site() as site:
        client = await site.client()
        assert await _ask(client, a_publish(key=b"x")) == [401]

        request = a_publish(key=b"x", body=OPTIONS)
        await client.send(request[: -len(OPTIONS)])
        assert await client.statuses(1) == [401]
        await client.send(OPTIONS, OPTIONS)

        assert await client.statuses(1) == [200]
        assert recognized == [len(OPTIONS)]


@pytest.mark.parametrize("seed", range(12))
async def test_answers_are_those_of_the_parser(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Whatever is sent, and however it is cut."""
    pieces = _pieces(random.Random(seed))  # noqa: S311 - what is drawn is no secret
    found = []
    for patience in (0, 1 << 20):
        monkeypatch.setattr(publish_connection, "_PATIENCE", patience)
        async with a_site() as site:
            found.append((await _statuses(site, pieces), site.accepted, site.others))
    assert found[0] == found[1]


def _pieces(random: random.Random) -> list[bytes]:
    """Some requests, cut anywhere; the last one is the last of its connection."""
    requests = []
    for _ in range(12):
        requests += random.choice(
            [
                [a_publish()] * random.randint(1, 4),
                [a_publish(body=LONGER)],
                [a_publish(b"x-other: 1")],
                [a_publish(body=b"[]")],
                [a_publish(key=b"x")],
                [GET],
                [b"\r\n" + a_publish()],
                [
                    a_head(b"Transfer-Encoding: chunked")
                    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
                ],
                [a_head(b"content-length:%d " % len(BODY)) + BODY],
                [a_head(b"x-content-length: 1", b"Content-Length: 0%d" % len(BODY)) + BODY],
            ]
        )
    requests.append(a_publish(b"Connection: close"))
    if random.random() < 0.3:
        return requests
    text = b"".join(requests)
    cuts = sorted(random.sample(range(1, len(text)), 10 + random.randrange(40)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


async def _statuses(site: Site, pieces: list[bytes]) -> list[int]:
    client = await site.client()
    for piece in pieces:
        await client.send(piece)
        await site.other_client_is_served()
    statuses = []
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            statuses += await client.statuses(1)
    return statuses


# --- what is remembered -------------------------------------------------------------------------


def _known(text: bytes, *headers: tuple[bytes, bytes], is_last: bool = False) -> KnownHead | None:
    target = target_of(b"/topics/orders/api/events", b"a", "http")
    assert target is not None
    fields = dict(reversed(headers))
    return known_head(text, PublishHead(b"POST", target, headers, fields, "", is_last))


def _text(*lines: bytes) -> bytes:
    return b"\r\n".join([b"POST /topics/orders/api/events HTTP/1.1", *lines, b"", b""])


def test_length_is_what_may_differ() -> None:
    """Everything else is compared."""
    known = _known(
        _text(b"Content-Length: 12", b"b: 12"), (b"content-length", b"12"), (b"b", b"12")
    )

    assert known is not None
    for length in (0, 7, 12, MAX_BODY_BYTES):
        text = _text(b"Content-Length: %d" % length, b"b: 12")
        assert known.body_in(text + b"body") == (len(text), length)
    for other in (b"Content-Length: 12", b"b: 13"), (b"content-length: 12", b"b: 12"):
        assert known.body_in(_text(*other)) is None


@pytest.mark.parametrize(
    "digits",
    [b"", b"+1", b"-1", b"1 ", b"0x1", b"1_0", b"1,1", b"%d" % (MAX_BODY_BYTES + 1), b"1" * 9],
)
def test_length_is_one_number(digits: bytes) -> None:
    """What is none is the parser's to judge."""
    known = _known(_text(b"Content-Length: 12"), (b"content-length", b"12"))

    assert known is not None
    assert known.body_in(_text(b"Content-Length: " + digits)) is None


@pytest.mark.parametrize("cut", range(1, 40))
def test_part_of_a_head_is_not_recognized(cut: int) -> None:
    """The parser waits for the rest."""
    known = _known(_text(b"Content-Length: 12"), (b"content-length", b"12"))

    assert known is not None
    assert known.body_in(_text(b"Content-Length: 12")[:-cut]) is None


def test_heads_that_say_more_are_not_remembered() -> None:
    """Those of a last request, of chunks, of who waits to be told; and those of other lines."""
    length = (b"content-length", b"12")
    text = _text(b"Content-Length: 12")
    assert _known(text, length) is not None
    assert _known(text, length, is_last=True) is None
    assert _known(_text()) is None
    for name in (b"transfer-encoding", b"expect", b"upgrade"):
        assert _known(_text(b"Content-Length: 12", name + b": a"), length, (name, b"a")) is None
    assert _known(text.replace(b"\r\nCon", b"\nCon"), length) is None
    assert _known(b"\r\n" + text, length) is None
    name, value = b"a", b"x" * 5000
    assert _known(_text(b"a: " + value, b"Content-Length: 12"), (name, value), length) is None
    assert _known(_text(b"Content-Length: 12", b" folded"), length) is None
