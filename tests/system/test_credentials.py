"""azure-identity and the clients that it serves, unmodified, against the real command."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential, AzureSasCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.eventgrid import EventGridEvent, EventGridPublisherClient, generate_sas
from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.mgmt.eventgrid import EventGridManagementClient
from azure.mgmt.eventgrid.models import Topic, TopicRegenerateKeyRequest

from switchhook import defaults
from tests.system.conftest import Serve
from tests.system.server_process import Command, Ended, ServerProcess

pytestmark = pytest.mark.system

TENANTS = [
    ("adfs", {}),
    ("11111111-2222-4333-8444-555555555555", {"disable_instance_discovery": True}),
]


def credential(
    server: ServerProcess, tenant: str = "adfs", secret: str | None = None, **options: Any
) -> ClientSecretCredential:
    """The registered application's credential."""
    authority = server.ready.authority
    return ClientSecretCredential(
        tenant,
        authority.client_id,
        secret or authority.client_secret,
        authority=authority.authority_host,
        connection_verify=server.ready.ca_bundle,
        **options,
    )


@contextmanager
def management(server: ServerProcess, used: Any) -> Iterator[EventGridManagementClient]:
    """The management client, as its documentation has it but for the address."""
    with EventGridManagementClient(
        used,
        server.ready.subscription_id,
        base_url=server.ready.https_endpoint,
        connection_verify=server.ready.ca_bundle,
    ) as client:
        yield client


def publish(server: ServerProcess, used: Any, endpoint: str = "") -> None:
    """One event, with the official client."""
    with EventGridPublisherClient(
        endpoint or server.ready.topic.endpoint,
        used,
        retry_total=0,
    ) as client:
        client.send(
            EventGridEvent("orders/17", "Shop.OrderPlaced", {"total": 1}, "1.0"),
            connection_verify=server.ready.ca_bundle,
        )


async def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a blocking call beside the loop."""
    return await asyncio.to_thread(function, *arguments)


@pytest.mark.parametrize(("tenant", "options"), TENANTS)
async def test_client_secret_credential_manages_and_publishes(
    server: ServerProcess, tenant: str, options: dict[str, Any]
) -> None:
    """One credential for both planes; nothing is asked outside this machine."""

    def work() -> list[str]:
        with credential(server, tenant, **options) as used, management(server, used) as client:
            client.topics.begin_create_or_update(
                "local", "orders", Topic(location="westus2")
            ).result()
            publish(server, used)
            publish(server, used, f"{server.ready.https_endpoint}/topics/orders/api/events")
            names = [str(topic.name) for topic in client.topics.list_by_resource_group("local")]
            client.topics.begin_delete("local", "orders").result()
            return names

    assert set(await call(work)) == {"orders", server.ready.topic.name}


@pytest.mark.parametrize(("tenant", "options"), TENANTS)
async def test_asynchronous_credential_gets_a_token(
    server: ServerProcess, tenant: str, options: dict[str, Any]
) -> None:
    """With whole seconds until its end."""
    authority = server.ready.authority
    async with AsyncClientSecretCredential(
        tenant,
        authority.client_id,
        authority.client_secret,
        authority=authority.authority_host,
        connection_verify=server.ready.ca_bundle,
        **options,
    ) as used:
        token = await used.get_token("https://eventgrid.azure.net/.default")

    lifetime = datetime.fromtimestamp(token.expires_on, UTC) - datetime.now(UTC)
    assert timedelta(minutes=55) < lifetime <= timedelta(hours=1)


WITHOUT_ARGUMENTS = """
import sys
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.mgmt.eventgrid import EventGridManagementClient

kind = {"default": DefaultAzureCredential, "managed": ManagedIdentityCredential}[sys.argv[1]]
with kind() as used, EventGridManagementClient(used, sys.argv[2], base_url=sys.argv[3]) as client:
    print(*(topic.name for topic in client.topics.list_by_subscription()))
"""


@pytest.mark.parametrize(
    ("kind", "variables"),
    [
        ("default", {}),
        ("managed", {"IDENTITY_ENDPOINT": "{http}/msi/token", "IDENTITY_HEADER": "any text"}),
        ("managed", {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "{http}"}),
    ],
)
async def test_credentials_without_arguments_work_by_the_exports(
    command: Command, server: ServerProcess, kind: str, variables: dict[str, str]
) -> None:
    """What `switchhook endpoints --exports-azure` prints is all that they need."""
    ready = server.ready
    exports = await command.run("endpoints", "--data", str(server.data), "--exports-azure")
    if kind == "managed":  # a client id would ask for an identity of that name
        exports = Ended(0, f"{exports.stdout}\nunset AZURE_CLIENT_ID", "")
    own = {name: text.format(http=ready.http_endpoint) for name, text in variables.items()}
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f'{exports.stdout}\nexec "$@"', "sh", sys.executable, "-c"),
        *(WITHOUT_ARGUMENTS, kind, ready.subscription_id, ready.https_endpoint),
        env={**command.environment, **own},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)

    assert output.decode().split() == [ready.topic.name], errors.decode()[-3000:]


async def test_beyond_loopback_the_secret_is_one_of_the_servers_own(
    command: Command, serve: Serve, tmp_path: Path
) -> None:
    """The development secret, which everybody knows, gets no token there."""
    keys = [(await command.run("new-key")).stdout.strip() for _ in range(2)]
    config = tmp_path / "switchhook.toml"
    config.write_text(f'communication_key = "{keys[0]}"\ntopic_key = "{keys[1]}"\n')
    server = await serve("--host", "0.0.0.0", "--config", str(config))

    assert server.ready.authority.client_secret == (server.data / "client-secret").read_text()
    await call(publish, server, credential(server))
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        await call(publish, server, credential(server, secret=defaults.CLIENT_SECRET))


async def test_wrong_secret_is_told_in_words(server: ServerProcess) -> None:
    """The exception carries Entra's number."""

    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        await call(publish, server, credential(server, secret="wrong"))


async def test_token_for_another_audience_does_not_manage(server: ServerProcess) -> None:
    """A token to publish with opens no management route."""

    class Publishing:
        """Asks for another audience than it is asked for."""

        def get_token(self, *_: str, **__: Any) -> Any:
            return credential(server).get_token("https://eventgrid.azure.net/.default")

    with management(server, Publishing()) as client, pytest.raises(ClientAuthenticationError) as no:
        await call(lambda: list(client.topics.list_by_subscription()))

    assert no.value.error is not None
    assert no.value.error.code == "InvalidAuthenticationTokenAudience"


async def test_shared_access_signature_publishes(server: ServerProcess) -> None:
    """As the SDK makes it, from the topic's endpoint; not once it has expired."""
    topic = server.ready.topic
    now = datetime.now(UTC)
    good, late = (
        generate_sas(topic.endpoint, topic.key, now + timedelta(minutes=minutes))
        for minutes in (5, -1)
    )

    await call(publish, server, AzureSasCredential(good))
    with pytest.raises(ClientAuthenticationError, match="The specified SAS token has expired"):
        await call(publish, server, AzureSasCredential(late))


async def test_tokens_outlive_a_restart(serve: Serve) -> None:
    """The signing key is kept: clients that have a token go on with it."""
    server = await serve()
    with credential(server) as used:
        token = await call(used.get_token, "https://eventgrid.azure.net/.default")
    port = server.ready.https_endpoint.rpartition(":")[2]
    await server.stop()
    again = await serve("--https-port", port)

    class Kept:
        """Has the token of before."""

        def get_token(self, *_: str, **__: Any) -> Any:
            return token

    await call(publish, again, Kept())


async def test_one_key_is_valid_while_the_other_is_regenerated(serve: Serve) -> None:
    """Rotation without a gap: publishers go on with key2, then with the new key1."""
    server = await serve()
    topic = server.ready.topic

    def work() -> None:
        with credential(server) as used, management(server, used) as client:
            topics = client.topics
            first = topics.list_shared_access_keys("local", topic.name)
            for _ in range(5):
                request = TopicRegenerateKeyRequest(key_name="key1")
                polling = topics.begin_regenerate_key("local", topic.name, request)
                publish(server, AzureKeyCredential(str(first.key2)))
                fresh = polling.result()
                publish(server, AzureKeyCredential(str(first.key2)))
                publish(server, AzureKeyCredential(str(fresh.key1)))
            assert fresh.key2 == first.key2
            with pytest.raises(ClientAuthenticationError, match="is not authorized for"):
                publish(server, AzureKeyCredential(str(first.key1)))

    await call(work)


async def test_publishing_never_fails_during_a_rotation(serve: Serve) -> None:
    """With key2, while key1 changes again and again."""
    server = await serve()
    topic = server.ready.topic
    done = asyncio.Event()

    def rotate() -> None:
        with credential(server) as used, management(server, used) as client:
            for _ in range(10):
                request = TopicRegenerateKeyRequest(key_name="key1")
                client.topics.begin_regenerate_key("local", topic.name, request).result()

    async def keep_publishing(key: str) -> int:
        count = 0
        while not done.is_set() or not count:
            await call(publish, server, AzureKeyCredential(key))
            count += 1
        return count

    with credential(server) as used, management(server, used) as client:
        keys = await call(client.topics.list_shared_access_keys, "local", topic.name)
    publishing = asyncio.create_task(keep_publishing(keys.key2))
    await call(rotate)
    done.set()

    assert await publishing > 0
