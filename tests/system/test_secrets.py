"""Nothing secret that a server is told stands in its log, or in what it answers others."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
import pytest
from azure.eventgrid import generate_sas

from switchhook.communication.identity.exchange import (
    ENTRA_AUDIENCE,
    SERVICE_AUDIENCE,
    TEAMS_AUDIENCE,
)
from tests.builders import a_body, an_event
from tests.receiver import Receiver
from tests.system.chat_visit import SAID, USER_NAME, ChatVisit
from tests.system.publishing import call_sms
from tests.system.server_process import Command, Ready, ServerProcess

pytestmark = pytest.mark.system

QUERY, CLIENT, HEADER, OTLP_QUERY, OTLP_HEADER, ACCOUNT, WRONG = (
    f"{name}-9f3c51d7-47a2"
    for name in ("query", "client", "header", "otlpq", "otlph", "acc", "wrong")
)
ACCOUNT_KEY = base64.b64encode(ACCOUNT.encode() * 4).decode()
COMMUNICATION_KEY, TOPIC_KEY = (base64.b64encode(letter * 32).decode() for letter in (b"c", b"t"))
FAST = {"properties": {"profile": "fast", "validateEndpoint": False}}
EXPLAIN = "/providers/Switchhook.EventGrid/explainEvent"
SETTINGS = "providers/Switchhook.EventGrid/deliverySettings/default"


class Visitor:
    """Somebody who uses a server with every kind of secret, and writes down which those are."""

    def __init__(self, server: ServerProcess, http: aiohttp.ClientSession) -> None:
        self.ready: Ready = server.ready
        self.topic = server.ready.topic.resource_id
        self.publish_to = server.ready.topic.endpoint.replace("https", "http").replace(
            server.ready.https_endpoint.rpartition(":")[2],
            server.ready.http_endpoint.rpartition(":")[2],
        )
        self._token = server.token
        self._http = http
        self.secrets = {QUERY, CLIENT, HEADER, OTLP_QUERY, OTLP_HEADER, ACCOUNT_KEY, WRONG}
        self.secrets |= {COMMUNICATION_KEY, TOPIC_KEY, self._token}

    async def manage(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """One request to a management route."""
        headers = {"authorization": f"Bearer {token or self._token}"}
        url = self.ready.http_endpoint + path
        async with self._http.request(method, url, json=body, headers=headers) as answer:
            return await answer.json() if await answer.read() else None

    async def publish(self, query: str = "", **headers: str) -> int:
        """An event to the default topic; the status."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.publish_to + query
        body = a_body(an_event(id=f"event-{len(self.secrets)}"))
        async with self._http.post(url, data=body, headers=named) as answer:
            return answer.status

    async def token(self, audience: str, secret: str = CLIENT, username: str = "") -> str:
        """An access token of the server's authority, "" when it gives none."""
        authority = self.ready.authority
        form = {"client_id": authority.client_id, "scope": f"{audience}/.default"}
        if username:
            form |= {"grant_type": "password", "username": username, "password": secret}
        else:
            form |= {"grant_type": "client_credentials", "client_secret": secret}
        url = f"{self.ready.http_endpoint}/adfs/oauth2/token"
        async with self._http.post(url, data=form) as answer:
            found: str = (await answer.json()).get("access_token", "")
        self.secrets |= {found} - {""}
        return found

    async def tail(self) -> str:
        """Every event that the log holds, a line each."""
        url = f"{self.ready.http_endpoint}/providers/Switchhook.EventGrid/events?follow=false"
        headers = {"authorization": f"Bearer {self._token}"}
        async with self._http.get(url, headers=headers) as answer:
            return await answer.text()

    async def subscribe(self, name: str, url: str, **settings: Any) -> Any:
        """An event subscription with a secret header, and dead letters to the storage account."""
        path = f"{self.topic}/providers/Microsoft.EventGrid/eventSubscriptions/{name}"
        own = FAST["properties"] | settings
        await self.manage("PUT", f"{path}/{SETTINGS}", {"properties": own})
        group = f"/subscriptions/{self.ready.subscription_id}/resourceGroups/local"
        account = f"{group}/providers/Microsoft.Storage/storageAccounts/letters"
        attribute: dict[str, Any] = {"name": "x-key", "type": "Static"}
        attribute |= {"properties": {"value": HEADER, "isSecret": True}}
        destination = {
            "endpointUrl": f"{url}?code={QUERY}",
            "deliveryAttributeMappings": [attribute],
            "azureActiveDirectoryTenantId": "adfs",
            "azureActiveDirectoryApplicationIdOrUri": "api://hook",
        }
        letters = {"resourceId": account, "blobContainerName": "letters"}
        properties = {
            "destination": {"endpointType": "WebHook", "properties": destination},
            "retryPolicy": {"maxDeliveryAttempts": 1},
            "deadLetterDestination": {"endpointType": "StorageBlob", "properties": letters},
        }
        return await self.manage("PUT", path, {"properties": properties})


@pytest.fixture
async def visited(tmp_path: Path) -> AsyncIterator[tuple[Visitor, ServerProcess]]:
    """A server that was given secrets in every way, and logs all that it can."""
    command = Command(tmp_path / "user")
    command.environment |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:9/{OTLP_QUERY}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer {OTLP_HEADER}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    config = tmp_path / "switchhook.toml"
    config.write_text(
        f'communication_key = "{COMMUNICATION_KEY}"\ntopic_key = "{TOPIC_KEY}"\n'
        f'client_secret = "{CLIENT}"\n\n[[storage_accounts]]\nname = "letters"\n'
        f'connection_string = "DefaultEndpointsProtocol=http;AccountName=letters;AccountKey='
        f'{ACCOUNT_KEY};BlobEndpoint=http://127.0.0.1:9/letters;"\n'
    )
    server = await command.serve(tmp_path / "data", "--config", str(config), "--log-level", "debug")
    async with aiohttp.ClientSession() as http:
        yield Visitor(server, http), server
    if server.is_running:
        await server.kill()


async def test_no_secret_is_logged(visited: tuple[Visitor, ServerProcess]) -> None:
    """Right and wrong credentials, failing webhooks, storage and collectors: all is tried."""
    visitor, server = visited
    async with Receiver() as hook, Receiver(answer_handshakes=False) as silent:
        hook.answer_with(500, b"no")
        answers = [
            await visitor.subscribe("refusing", hook.url),
            await visitor.subscribe("unreachable", "http://127.0.0.1:9/hook"),
            await visitor.subscribe("silent", silent.url, validateEndpoint=True),
        ]
        await _use_every_credential(visitor)
        (request, *_) = await hook.wait_for(2)
        await silent.wait_for(1)
        visitor.secrets.add(request.headers["authorization"].removeprefix("Bearer "))
        visitor.secrets.add(silent.requests[0].json()[0]["data"]["validationUrl"])
        visitor.secrets.add(silent.requests[0].json()[0]["data"]["validationCode"])
        assert (request.query["code"], request.headers["x-key"]) == (QUERY, HEADER)
        async with asyncio.timeout(30):
            while "dead_letters.not_written" not in server.log.read_text():
                await visitor.manage("GET", visitor.topic)
        answers += [await _ask_about(visitor, name) for name in ("refusing", "unreachable")]
    await server.stop()
    log = server.log.read_text()

    assert "delivery.attempted" in log
    assert "Traceback" not in log
    for secret in visitor.secrets:
        for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()):
            assert form not in log, f"{form}\n{log}"
    for secret in (QUERY, HEADER, ACCOUNT_KEY):
        assert secret not in str(answers)


async def test_no_secret_of_chat_is_logged_or_told(visited: tuple[Visitor, ServerProcess]) -> None:
    """Nor what is said, which is for who is in the thread, and for who has subscribed to it."""
    visitor, server = visited
    audiences = (ENTRA_AUDIENCE, TEAMS_AUDIENCE, SERVICE_AUDIENCE)
    tokens = {each: await visitor.token(each, username="ann@contoso.example") for each in audiences}
    assert await visitor.token(ENTRA_AUDIENCE, WRONG, username="ann") == ""
    assert all(tokens.values())
    topics = f"/subscriptions/{visitor.ready.subscription_id}/resourceGroups/local/providers"
    await visitor.manage(
        "PUT",
        f"{topics}/Microsoft.EventGrid/systemTopics/chat",
        {
            "location": "global",
            "properties": {
                "source": visitor.ready.communication.resource_id,
                "topicType": "Microsoft.Communication.CommunicationServices",
            },
        },
    )
    async with aiohttp.ClientSession() as http:
        visit = ChatVisit(visitor.ready, http)
        await visit.everything(tokens, WRONG)
        async with http.get(f"{visitor.ready.http_endpoint}/metrics") as answer:
            metrics = await answer.text()
    tail = await visitor.tail()
    explained = [
        await visitor.manage("POST", EXPLAIN, {"id": msgspec.json.decode(line)["event"]["id"]})
        for line in tail.splitlines()
    ]
    await server.stop()
    log = server.log.read_text()

    assert {201, 200, 204, 400, 401, 403, 404} <= set(visit.statuses)
    assert not [status for status in visit.statuses if status >= 500]
    assert len(visit.secrets) > 12
    assert "Traceback" not in log
    assert SAID in tail
    for secret in visitor.secrets | visit.secrets:
        for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()):
            for told in (log, metrics, tail, str(explained)):
                assert form not in told, form
    for said in (SAID, USER_NAME):
        for told in (log, metrics):
            assert said not in told


async def _use_every_credential(visitor: Visitor) -> None:
    grid, soon = "https://eventgrid.azure.net", datetime.now(UTC) + timedelta(minutes=5)
    signature = generate_sas(visitor.publish_to, TOPIC_KEY, soon)
    forged = generate_sas(visitor.publish_to, base64.b64encode(WRONG.encode()).decode(), soon)
    token = await visitor.token(grid)
    managing = await visitor.token("https://management.azure.com")
    assert await visitor.token(grid, WRONG) == ""
    visitor.secrets |= {signature, forged}
    visitor.secrets |= {each.rpartition("&s=")[2] for each in (signature, forged)}
    statuses = [
        await visitor.publish(aeg_sas_key=TOPIC_KEY),
        await visitor.publish(f"?aeg-sas-key={quote(TOPIC_KEY, safe='')}"),
        await visitor.publish(aeg_sas_token=signature),
        await visitor.publish(authorization=f"SharedAccessSignature {signature}"),
        await visitor.publish(authorization=f"Bearer {token}"),
        await visitor.publish(aeg_sas_key=WRONG),
        await visitor.publish(f"?aeg-sas-key={WRONG}"),
        await visitor.publish(aeg_sas_token=forged),
        await visitor.publish(authorization=f"Bearer {WRONG}"),
        await visitor.publish(authorization=f"Bearer {managing}"),
    ]
    assert statuses == [200] * 5 + [401] * 5
    for other in (WRONG, managing, token):
        await visitor.manage("GET", visitor.topic, token=other)
    keys = await visitor.manage("POST", f"{visitor.topic}/listKeys")
    fresh = await visitor.manage("POST", f"{visitor.topic}/regenerateKey", {"keyName": "key1"})
    visitor.secrets |= {*keys.values(), *fresh.values()}
    await call_sms(
        visitor.ready,
        "/sms",
        {
            "from": visitor.ready.communication.numbers[0],
            "smsRecipients": [{"to": "+14255550199"}],
            "message": "hello",
        },
    )


async def _ask_about(visitor: Visitor, name: str) -> Any:
    """What management answers of an event subscription and of events, without the secrets' own
    actions."""
    path = f"{visitor.topic}/providers/Microsoft.EventGrid/eventSubscriptions/{name}"
    letters = await visitor.manage("GET", "/providers/Switchhook.EventGrid/deadLetters")
    event_id = letters["value"][0]["properties"]["eventId"]
    asked = {"id": event_id}
    return [
        letters,
        await visitor.manage("GET", path),
        await visitor.manage("GET", f"{path}/{SETTINGS}"),
        await visitor.manage("POST", "/providers/Switchhook.EventGrid/explainEvent", asked),
        urlsplit(path).path,
    ]
