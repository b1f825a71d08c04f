"""What `switchhook listen` answers, over real connections."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from switchhook.cli.listen_answers import Answers, Event, Forward, Rehearsal
from switchhook.cli.listen_forward import Forwarder, is_target
from switchhook.cli.listen_receiver import MAX_BODY, Receiver, Reply
from tests.builders import a_body, an_event
from tests.crash.http_client import Answer, Connection, build_request
from tests.receiver import Receiver as Target

PATH = "/secret"


class Listener:
    """A listening receiver, what it showed, and how to deliver to it."""

    def __init__(self, connection: Connection, shown: list[tuple[Event, int]]) -> None:
        self.connection = connection
        self.shown = shown

    async def deliver(self, body: bytes, *, target: str = PATH, **headers: str) -> Answer:
        """POST as a server does; underscores in header names are dashes."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        names = {"aeg-event-type": "Notification", **names}
        return await self.connection.exchange(
            build_request("POST", target, self.connection.host, names, body)
        )


@asynccontextmanager
async def listening(
    rehearsal: Rehearsal | None = None, forward: Forward | None = None
) -> AsyncIterator[Listener]:
    """A receiver on loopback with one connection to it."""
    shown: list[tuple[Event, int]] = []
    answers = Answers(
        path=PATH,
        show=lambda event, attempts: shown.append((event, attempts)),
        rehearsal=rehearsal or Rehearsal(),
        forward=forward,
    )
    async with Receiver(answers) as receiver:
        connection = await Connection.open(f"http://127.0.0.1:{receiver.port}")
        yield Listener(connection, shown)
        connection.close()


def a_handshake(data: Any) -> bytes:
    """The body of a validation request."""
    return a_body(an_event(eventType="Microsoft.EventGrid.SubscriptionValidationEvent", data=data))


async def test_a_delivery_is_shown_and_answered_with_200() -> None:
    """The event is shown as it came, with the number of attempts before."""
    event = an_event(subject="orders/1")

    async with listening() as listener:
        answer = await listener.deliver(a_body(event), aeg_delivery_count="2")

    assert answer.status == 200
    assert listener.shown == [(event, 2)]


async def test_a_cloud_event_alone_is_shown() -> None:
    """It stands in no array."""
    async with listening() as listener:
        answer = await listener.deliver(b'{"specversion":"1.0","id":"1"}')

    assert answer.status == 200
    assert listener.shown == [({"specversion": "1.0", "id": "1"}, 0)]


async def test_cloud_events_are_permitted() -> None:
    """By the header that the server looks for."""
    async with listening() as listener:
        request = build_request("OPTIONS", PATH, listener.connection.host, {}, b"")
        answer = await listener.connection.exchange(request)

    assert answer.status == 200
    assert Reply(200, headers=(("A", "b"),)).to_bytes().startswith(b"HTTP/1.1 200 OK\r\nA: b\r\n")


async def test_a_deletion_notice_is_answered_and_not_shown() -> None:
    """It is no event of the source."""
    async with listening() as listener:
        answer = await listener.deliver(a_body(), aeg_event_type="SubscriptionDeletion")

    assert answer.status == 200
    assert listener.shown == []


async def test_several_requests_share_a_connection() -> None:
    """A server keeps its connections alive."""
    async with listening() as listener:
        statuses = [(await listener.deliver(a_body())).status for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert len(listener.shown) == 3


async def test_a_handshake_is_answered_with_its_code_and_not_shown() -> None:
    """Even where deliveries are answered with 503: the subscription must come about."""
    async with listening(Rehearsal(status=503)) as listener:
        answer = await listener.deliver(
            a_handshake({"validationCode": "C0DE"}), aeg_event_type="SubscriptionValidation"
        )

    assert answer == Answer(200, b'{"validationResponse": "C0DE"}')
    assert listener.shown == []


async def test_respond_rehearses_failure() -> None:
    """The event is shown all the same."""
    async with listening(Rehearsal(status=503)) as listener:
        answer = await listener.deliver(a_body())

    assert answer.status == 503
    assert len(listener.shown) == 1


async def test_delay_holds_the_answer_back() -> None:
    """The event is shown at once, the answer comes after the delay."""
    async with listening(Rehearsal(delay=0.05)) as listener:
        answer = await listener.deliver(a_body())

    assert answer.status == 200


async def test_forward_passes_a_delivery_on_unchanged() -> None:
    """Method, path, query, body, content type and `aeg-*` headers, and the answer comes back."""
    body = a_body(an_event(data={"text": "häuser"}))

    async with Target() as target:
        target.answer_with(422, b'{"no":1}', (("Content-Type", "application/problem+json"),))
        forward = Forwarder(f"{target.origin}/hook?code=s%20x", note=pytest.fail)
        async with listening(forward=forward) as listener:
            answer = await listener.deliver(
                body, aeg_subscription_name="LISTEN", aeg_delivery_count="0", cookie="private"
            )
        (request,) = target.requests

    assert answer == Answer(422, b'{"no":1}')
    assert (request.method, request.target, request.body) == ("POST", "/hook?code=s%20x", body)
    assert request.headers["aeg-event-type"] == "Notification"
    assert request.headers["aeg-subscription-name"] == "LISTEN"
    assert request.headers["content-type"] == "application/json"
    assert "cookie" not in request.headers


async def test_a_redirect_is_passed_back_and_not_followed() -> None:
    """Event Grid does not follow redirects, so neither does the listener for it."""
    async with Target() as target:
        target.answer_with(302, headers=(("Location", "/elsewhere"),))
        async with listening(forward=Forwarder(target.url, note=pytest.fail)) as listener:
            answer = await listener.deliver(a_body())

    assert answer.status == 302
    assert len(target.requests) == 1


async def test_a_target_that_is_down_is_502_and_a_note() -> None:
    """The server then tries again, as it would with the target itself."""
    notes: list[str] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # taken, but nobody listens
        url = f"http://127.0.0.1:{free.getsockname()[1]}/hook"
        async with listening(forward=Forwarder(url, notes.append)) as listener:
            answer = await listener.deliver(a_body())

    assert answer.status == 502
    assert len(notes) == 1
    assert notes[0].startswith(f"cannot forward to {url}: ")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"{}", {}, 400),
        (b"[]", {}, 400),
        (b"[1]", {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 100_000, {}, 400),
        (a_body(), {"aeg_event_type": "Other"}, 400),
        (a_body(), {"aeg_event_type": "SubscriptionValidation"}, 400),
        (a_handshake({"validationCode": 7}), {"aeg_event_type": "SubscriptionValidation"}, 400),
        (a_handshake("text"), {"aeg_event_type": "SubscriptionValidation"}, 400),
        (a_body(), {"target": "/"}, 404),
    ],
)
async def test_what_is_no_delivery_is_refused(
    body: bytes, headers: dict[str, str], status: int
) -> None:
    """It is neither shown nor answered as one, and the listener goes on."""
    async with listening() as listener:
        refused = await listener.deliver(body, **headers)
        after = await listener.deliver(a_body())

    assert (refused.status, after.status) == (status, 200)
    assert len(listener.shown) == 1


async def test_only_post_is_answered() -> None:
    """A browser that finds the URL sees nothing."""
    async with listening() as listener:
        request = build_request("GET", PATH, listener.connection.host, {})
        answer = await listener.connection.exchange(request)

    assert answer.status == 405


async def test_a_body_over_the_limit_is_refused() -> None:
    """It is not kept in memory until its end."""
    async with listening() as listener:
        answer = await listener.deliver(b"[" + b" " * MAX_BODY + b"]")

    assert answer.status == 413
    assert listener.shown == []


async def test_what_is_not_http_is_refused() -> None:
    """It gets 400 and a closed connection."""
    async with listening() as listener:
        answer = await listener.connection.exchange(b"\x16\x03\x01 hello\r\n\r\n")

    assert answer.status == 400


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:7071/runtime/webhooks/EventGrid?functionName=f", True),
        ("https://example.com", True),
        ("localhost:7071/hook", False),
        ("ftp://localhost/hook", False),
        ("http://", False),
        ("http://user:word@localhost/", False),
        ("http://localhost:99999/", False),
        ("http://localhost:0/", False),
        ("http://local host/", False),
        ("http://localhost/\r\nX: y", False),
    ],
)
def test_a_target_is_an_http_url(url: str, expected: bool) -> None:
    """Anything else is an error of the command line."""
    assert is_target(url) is expected
