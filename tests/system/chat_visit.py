"""Somebody who chats: with the key, user access tokens and the secrets of real time."""

import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from tests.system.server_process import Ready
from tests.wire import signed_headers

USER_NAME = "custom id of ann"
SAID = "nobody but ann reads this"
IDENTITY, CHAT = "api-version=2025-06-30", "api-version=2025-03-15"
THREADS = f"/chat/threads?{CHAT}"
DEEP = b'{"registrationId":' + b"[" * 20_000


class ChatVisit:
    """Does everything that takes such a secret, rightly and wrongly; `secrets` are those it met."""

    def __init__(self, ready: Ready, http: aiohttp.ClientSession) -> None:
        self._ready = ready
        self._http = http
        self.secrets: set[str] = set()
        self.statuses: list[int] = []

    async def everything(self, entra_tokens: dict[str, str], wrong: str) -> None:
        """Users, threads, real time and exchanges; `entra_tokens` are of audience to token."""
        created = await self._signed("POST", "/identities", {"customId": USER_NAME})
        path = f"/identities/{created['identity']['id']}"
        token = await self._token(path)
        revoked = await self._token(path)
        await self._signed("POST", f"{path}/:revokeAccessTokens")
        token = await self._token(path)
        thread = await self._ask("POST", THREADS, token, {"topic": "secrets"})
        messages = f"/chat/threads/{thread['chatThread']['id']}/messages?{CHAT}"
        await self._ask("POST", messages, token, {"content": SAID})
        for bad in (revoked, token[:-2], f"{token}.{token}", wrong, *entra_tokens.values()):
            await self._ask("POST", messages, bad, {"content": SAID})
        for audience, entra in entra_tokens.items():
            for exchange in ("entra", "teamsExtension"):
                target = f"/access/{exchange}/:exchangeAccessToken?{IDENTITY}"
                self._keep(await self._ask("POST", target, entra), "accessToken", "token")
            body = {"token": entra, "appId": audience, "userId": audience}
            self._keep(await self._signed("POST", "/teamsUser/:exchangeAccessToken", body), "token")
        await self._real_time(token, wrong)

    async def _real_time(self, token: str, wrong: str) -> None:
        opened = await self._ask("POST", "/realtime/trouter/v4/a?epid=page", token)
        proof = opened["connectparams"]["sr"]
        self.secrets |= {proof, proof.partition(".")[2]}
        for bad in (wrong, f"{proof}x"):
            await self._ask("GET", f"/socket.io/1/?sr={bad}", token)
        answer = await self._ask("GET", f"/socket.io/1/?sr={proof}", token)
        socket_id = answer["text"].partition(":")[0]
        self.secrets |= {socket_id, socket_id.partition(".")[2]}
        url = f"{self._ready.http_endpoint}/socket.io/1/websocket/"
        async with self._http.ws_connect(f"{url}{socket_id}?v=v4") as socket:
            assert (await socket.receive_str()) == "1::"
            await socket.receive_str()
            for target in (f"{url}{socket_id}x", f"{url}{wrong}"):
                async with self._http.get(target) as refused:
                    self.statuses.append(refused.status)
            await socket.send_str(f'5:1+::{{"name":"user.activity","args":["{wrong}"]}}')
            await socket.receive_str()
        registrations = "/realtime/registrar/v3/registrations"
        await self._ask("POST", registrations, token, DEEP)
        await self._ask("DELETE", f"{registrations}/{wrong}", token)

    async def _token(self, path: str) -> str:
        issued = await self._signed("POST", f"{path}/:issueAccessToken", {"scopes": ["chat"]})
        return self._keep(issued, "token")

    def _keep(self, answer: Any, *names: str) -> str:
        for name in names:
            answer = answer.get(name, {})
        if not answer:
            return ""
        self.secrets |= {answer, answer.rpartition(".")[2]}
        return str(answer)

    async def _signed(self, method: str, path: str, body: Any = None) -> Any:
        content = b"" if body is None else msgspec.json.encode(body)
        target = f"{path}?{IDENTITY}"
        host = urlsplit(self._ready.http_endpoint).netloc
        key = self._ready.communication.access_key
        headers = signed_headers(method, target, content, key, host, time.time())
        self.secrets.add(headers["Authorization"].rpartition("Signature=")[2])
        return await self._exchange(method, target, content, headers)

    async def _ask(self, method: str, target: str, token: str, body: Any = None) -> Any:
        content = body if isinstance(body, bytes) else msgspec.json.encode(body or {})
        name, scheme = ("authorization", "Bearer ")
        if target.startswith(("/realtime", "/socket.io")):
            name, scheme = "x-skypetoken", ""
        return await self._exchange(method, target, content, {name: scheme + token})

    async def _exchange(
        self, method: str, target: str, content: bytes, headers: dict[str, str]
    ) -> Any:
        headers = {"content-type": "application/json"} | headers
        url = self._ready.http_endpoint + target
        async with self._http.request(method, url, data=content, headers=headers) as answer:
            self.statuses.append(answer.status)
            text = await answer.text()
            return msgspec.json.decode(text) if text.startswith("{") else {"text": text}
