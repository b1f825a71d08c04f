"""The official Python client (azure-communication-sms 1.1.0), unmodified."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.communication.sms import SmsClient
from azure.communication.sms.aio import SmsClient as AsyncSmsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport

from switchhook import defaults
from tests.compat.sms.conftest import SmsServer
from tests.flow.sms.world import PHONE, TOLL_FREE

OTHER_KEY = "bm90IGEga2V5IG9mIGFueSByZXNvdXJjZQ=="


@pytest.fixture
def transport() -> Iterator[RequestsTransport]:
    """What the sync client sends through, closed at the end."""
    with RequestsTransport() as opened:
        yield opened


@pytest.fixture
async def async_transport() -> AsyncIterator[AioHttpTransport]:
    """What the asyncio client sends through, closed at the end."""
    async with AioHttpTransport() as opened:
        yield opened


def a_client(
    server: SmsServer, transport: RequestsTransport, key: str = defaults.COMMUNICATION_KEYS[0]
) -> Any:
    """A sync client; `Any`, because the package's own annotations of its methods are wrong."""
    return SmsClient(server.endpoint, AzureKeyCredential(key), transport=transport)


async def send(client: Any, *to: str, **options: Any) -> Any:
    """Send in a thread, as the client blocks."""
    return await asyncio.to_thread(
        client.send,
        from_=options.pop("from_", TOLL_FREE),
        to=list(to) if len(to) > 1 else to[0],
        message=options.pop("message", "Bonjour à tous 👋"),
        **options,
    )


def is_retry_asked_for(failure: HttpResponseError) -> bool:
    """Whether the answer makes azure-core repeat the request."""
    response: Any = failure.response  # either of azure-core's two kinds of response
    return "Retry-After" in response.headers


async def test_sync_client_sends_and_the_report_follows(
    server_over_each_store: SmsServer, transport: RequestsTransport
) -> None:
    """Over HTTP, to two recipients at once."""
    client = a_client(server_over_each_store, transport)

    results = await send(client, PHONE, "+14255554004", enable_delivery_report=True, tag="spring")
    await server_over_each_store.world.advance(seconds=1)

    assert [(result.to, result.successful) for result in results] == [
        (PHONE, True),
        ("+14255554004", True),
    ]
    assert [result.http_status_code for result in results] == [202, 202]
    reports = {
        report["messageId"]: report for report in await server_over_each_store.world.reports()
    }
    statuses = [reports[result.message_id]["deliveryStatus"] for result in results]
    assert statuses == ["Delivered", "Failed"]
    assert {report["tag"] for report in reports.values()} == {"spring"}


async def test_asyncio_client_sends(
    server_over_each_store: SmsServer, async_transport: AioHttpTransport
) -> None:
    """Several times over one connection."""
    credential = AzureKeyCredential(defaults.COMMUNICATION_KEYS[0])
    client = AsyncSmsClient(server_over_each_store.endpoint, credential, transport=async_transport)

    for _ in range(3):
        [result] = await client.send(
            from_=TOLL_FREE, to=[PHONE], message="été", enable_delivery_report=True
        )
        assert result.successful
    await server_over_each_store.world.advance(seconds=1)

    assert len(await server_over_each_store.world.events()) == 3


async def test_connection_string_works_over_https(
    secure_server: SmsServer, ca_bundle: Path
) -> None:
    """The client makes HTTPS of it whatever it says; the authority has to be trusted."""
    client_type: Any = SmsClient  # its annotations are wrong
    with RequestsTransport(connection_verify=str(ca_bundle)) as transport:
        client = client_type.from_connection_string(
            secure_server.connection_string, transport=transport
        )
        [result] = await send(client, PHONE)

    assert result.successful


async def test_connection_string_works_over_https_with_asyncio(
    secure_server: SmsServer, ca_bundle: Path
) -> None:
    """The same for asyncio."""
    async with AioHttpTransport(connection_verify=str(ca_bundle)) as transport:
        client = AsyncSmsClient.from_connection_string(
            secure_server.connection_string, transport=transport
        )
        [result] = await client.send(from_=TOLL_FREE, to=[PHONE], message="hi")

    assert result.successful


@pytest.mark.parametrize("endpoint", ["{}", "{}/"])
async def test_endpoint_may_end_in_a_slash(
    server: SmsServer, transport: RequestsTransport, endpoint: str
) -> None:
    """The client then signs the slash as part of the host."""
    credential = AzureKeyCredential(defaults.COMMUNICATION_KEYS[1])
    client = SmsClient(endpoint.format(server.endpoint), credential, transport=transport)

    [result] = await send(client, PHONE)

    assert result.successful


async def test_bad_recipient_among_others_has_its_own_error(
    server: SmsServer, transport: RequestsTransport
) -> None:
    """The request as a whole succeeds."""
    client = a_client(server, transport)

    good, bad = await send(client, PHONE, "+100000", enable_delivery_report=True)

    assert good.successful
    assert (bad.successful, bad.http_status_code, bad.message_id) == (False, 400, None)
    assert bad.error_message == "Invalid To phone number format."


async def test_bad_recipient_alone_fails_the_request(
    server: SmsServer, transport: RequestsTransport
) -> None:
    """400, and the client does not try again."""
    client = a_client(server, transport)

    with pytest.raises(HttpResponseError) as failure:
        await send(client, "Ad155500000000000")

    assert failure.value.status_code == 400
    assert not is_retry_asked_for(failure.value)


async def test_sender_of_somebody_else_is_refused(
    server: SmsServer, transport: RequestsTransport
) -> None:
    """401, as the client's own tests expect of the service."""
    client = a_client(server, transport)

    with pytest.raises(HttpResponseError) as failure:
        await send(client, PHONE, from_="+14255550000")

    assert failure.value.status_code == 401


async def test_wrong_key_is_denied(server: SmsServer, transport: RequestsTransport) -> None:
    """In the words of the live service."""
    client = a_client(server, transport, OTHER_KEY)

    with pytest.raises(ClientAuthenticationError, match=r"\(Denied\)") as failure:
        await send(client, PHONE)

    assert "Denied by the resource provider." in failure.value.message
    assert not is_retry_asked_for(failure.value)


async def test_asyncio_client_with_a_wrong_key_is_denied(
    server: SmsServer, async_transport: AioHttpTransport
) -> None:
    """The same for asyncio."""
    client = AsyncSmsClient(
        server.endpoint, AzureKeyCredential(OTHER_KEY), transport=async_transport
    )

    with pytest.raises(ClientAuthenticationError, match=r"\(Denied\)"):
        await client.send(from_=TOLL_FREE, to=[PHONE], message="hi")
