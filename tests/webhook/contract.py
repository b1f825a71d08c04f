"""What every `grid.ports.Transport` promises, as tests.

An adapter's test module inherits `TransportContract`, and gives a fixture `transport`. What it
calls is a `Receiver`.
"""

import asyncio

import pytest

from switchhook.grid.ports import Failure, Transport, WebhookResponse
from tests.receiver import Receiver
from tests.webhook.exchanges import a_request, begin, post, send, within


class TransportContract:
    """The promises of the port."""

    async def test_request_arrives_as_it_was_given(
        self, transport: Transport, receiver: Receiver
    ) -> None:
        """Method, path, query, headers and body; the transport adds Host and the length."""
        response = await post(
            transport,
            f"{receiver.origin}/api/hook?code=a%20b",
            headers=b"aeg-event-type: Notification\r\nX-Two: 2\r\n",
            body=b'[{"id":"1"}]',
        )
        (request,) = receiver.requests

        assert response.status == 200
        assert (request.method, request.target) == ("POST", "/api/hook?code=a%20b")
        assert request.body == b'[{"id":"1"}]'
        assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
        assert request.headers["content-length"] == "12"
        assert request.headers["aeg-event-type"] == "Notification"
        assert request.headers["x-two"] == "2"

    async def test_other_methods_are_sent(self, transport: Transport, receiver: Receiver) -> None:
        """The handshake of the CloudEvents schema is an OPTIONS request."""
        await post(transport, receiver.url, method="OPTIONS", body=b"")

        assert receiver.requests[0].method == "OPTIONS"

    @pytest.mark.parametrize("status", [200, 202, 204, 301, 308, 400, 404, 500, 503])
    async def test_answer_comes_back(
        self, transport: Transport, receiver: Receiver, status: int
    ) -> None:
        """Every status is a value; a redirect is one as well, and is not followed."""
        body = b"" if status == 204 else b"why"
        receiver.answer_with(status, body, (("Location", receiver.url), ("Retry-After", "5")))

        response = await post(transport, receiver.url)

        assert (response.status, response.body, response.failure) == (status, body, None)
        assert ("retry-after", "5") in response.headers
        assert response.duration > 0
        assert len(receiver.requests) == 1

    async def test_done_is_called_after_send_returned(
        self, transport: Transport, receiver: Receiver
    ) -> None:
        """Once for each request, also for one that fails at once."""
        seen: list[WebhookResponse] = []
        everything = asyncio.Event()

        def done(response: WebhookResponse) -> None:
            seen.append(response)
            if len(seen) == 3:
                everything.set()

        for url in (receiver.url, "nonsense://", "http://192.0.2.1/"):
            send(transport, a_request(url), done)

        assert seen == []
        await within(everything.wait())
        assert len(seen) == 3

    async def test_done_may_send(self, transport: Transport, receiver: Receiver) -> None:
        """The next request can leave from the callback of the one before."""
        last = asyncio.get_running_loop().create_future()
        left = 3

        def done(response: WebhookResponse) -> None:
            nonlocal left
            left -= 1
            if left:
                send(transport, a_request(receiver.url), done)
            else:
                last.set_result(response)

        send(transport, a_request(receiver.url), done)
        await within(last)

        assert len(receiver.requests) == 3
        assert receiver.connections == 1

    async def test_slow_endpoint_delays_no_other(
        self, transport: Transport, receiver: Receiver
    ) -> None:
        """However many requests hang at one webhook, another is served at once."""
        async with Receiver() as slow:
            slow.hold()
            hanging = [begin(transport, slow.url) for _ in range(200)]

            response = await post(transport, receiver.url)

            assert response.status == 200
            assert not any(future.done() for future in hanging)
            slow.release()
            answers = await within(asyncio.gather(*hanging))
            assert {answer.status for answer in answers} == {200}

    async def test_hung_request_times_out(self, transport: Transport, receiver: Receiver) -> None:
        """`timeout` is for the whole exchange."""
        receiver.hold()

        response = await post(transport, receiver.url, timeout=0.1)

        assert response.failure is Failure.TIMED_OUT
        assert response.status is None
        assert response.duration >= 100_000_000

    async def test_refused_connection_is_a_socket_error(self, transport: Transport) -> None:
        """Nobody listens: a value, not an exception."""
        async with Receiver() as gone:
            url = gone.url

        response = await post(transport, url)

        assert response.failure is Failure.SOCKET_ERROR
        assert "connection refused" in response.detail

    async def test_close_aborts_what_is_in_flight(
        self, transport: Transport, receiver: Receiver
    ) -> None:
        """Every `done` is called, and later requests are aborted too."""
        receiver.hold()
        hanging = [begin(transport, receiver.url) for _ in range(100)]
        await receiver.wait_for(1)

        await within(transport.close())
        later = await post(transport, receiver.url)

        assert all(future.done() for future in hanging)
        assert {future.result().failure for future in hanging} == {Failure.ABORTED}
        assert later.failure is Failure.ABORTED
        await within(transport.close())
