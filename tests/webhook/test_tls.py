"""Webhooks over https: who is trusted, what is offered, how many handshakes at a time."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from switchhook.errors import StartError
from switchhook.grid.ports import Failure
from switchhook.webhook.pool import MAX_HANDSHAKES
from switchhook.webhook.transport import HttpTransport
from tests.receiver import Receiver
from tests.webhook.exchanges import OK, begin, open_transport, post, read_request, webhook, within


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """With a certificate for these names."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def test_extra_authority_is_trusted(authority: trustme.CA, ca_file: Path) -> None:
    """Requests go over one kept connection, as over http."""
    context = server_context(authority, "localhost")
    async with (
        Receiver(ssl_context=context) as receiver,
        open_transport(ca_file=ca_file) as transport,
    ):
        for _ in range(3):
            response = await post(transport, receiver.url)

        assert response.status == 200
        assert receiver.connections == 1


async def test_server_sees_its_name_and_http_1_1(authority: trustme.CA, ca_file: Path) -> None:
    """SNI chooses the certificate, ALPN the protocol."""
    names: list[str | None] = []
    protocols: list[str | None] = []
    context = server_context(authority, "localhost")
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocols.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await read_request(reader)
        writer.write(OK)

    async with (
        webhook(handle, ssl_context=context) as url,
        open_transport(ca_file=ca_file) as transport,
    ):
        await post(transport, url)

    assert (names, protocols) == (["localhost"], ["http/1.1"])


async def test_unknown_authority_is_a_socket_error(
    transport: HttpTransport, authority: trustme.CA
) -> None:
    """The detail names the certificate and the option that helps."""
    async with Receiver(ssl_context=server_context(authority, "localhost")) as receiver:
        response = await post(transport, receiver.url)

        assert response.failure is Failure.SOCKET_ERROR
        assert "certificate is not trusted" in response.detail
        assert "--webhook-ca" in response.detail
        assert receiver.requests == []


async def test_certificate_for_another_name_is_a_socket_error(
    authority: trustme.CA, ca_file: Path
) -> None:
    """Trust in the authority is not enough."""
    context = server_context(authority, "other.example")
    async with (
        Receiver(ssl_context=context) as receiver,
        open_transport(ca_file=ca_file) as transport,
    ):
        response = await post(transport, receiver.url)

    assert response.failure is Failure.SOCKET_ERROR
    assert "certificate" in response.detail
    assert "localhost" in response.detail


async def test_https_to_a_port_that_speaks_http_is_a_socket_error(
    transport: HttpTransport, receiver: Receiver
) -> None:
    """The handshake fails at once."""
    async with webhook(lambda _, writer: _write(writer, OK)) as url:
        response = await post(transport, url.replace("http:", "https:"))

    assert response.failure is Failure.SOCKET_ERROR
    assert "TLS" in response.detail


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)


async def test_http_to_a_port_that_speaks_https_is_a_socket_error(
    transport: HttpTransport, authority: trustme.CA
) -> None:
    """Whatever the server does with it, it is no answer."""
    async with Receiver(ssl_context=server_context(authority, "localhost")) as receiver:
        response = await post(transport, receiver.url.replace("https:", "http:"))

        assert response.failure is Failure.SOCKET_ERROR


async def test_handshakes_are_bounded(transport: HttpTransport, receiver: Receiver) -> None:
    """A webhook that stalls its handshakes holds no more than a few of them."""
    accepted = 0
    enough = asyncio.Event()

    async def stall(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        if accepted == MAX_HANDSHAKES:
            enough.set()

    async with webhook(stall) as url:
        sent = [begin(transport, url.replace("http:", "https:")) for _ in range(30)]
        await within(enough.wait())
        await post(transport, receiver.url)  # time enough for more to come
        assert accepted == MAX_HANDSHAKES
        await within(transport.close())

    assert {future.result().failure for future in sent} == {Failure.ABORTED}


async def test_stalled_handshake_times_out(transport: HttpTransport) -> None:
    """Connecting is part of the exchange's time."""

    async def stall(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    async with webhook(stall) as url:
        response = await post(transport, url.replace("http:", "https:"), timeout=0.2)

    assert response.failure is Failure.TIMED_OUT


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_file_without_certificates_is_a_start_error(tmp_path: Path, content: bytes | None) -> None:
    """It names the option and the file."""
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(StartError, match=r"--webhook-ca .*authority\.pem"):
        HttpTransport(ca_file=path, environ={})
