"""Sends requests to the management routes without a socket."""

from typing import Any, Protocol

import msgspec
from starlette.types import ASGIApp

from tests.flow.arm.scene import TOKEN


class Site(Protocol):
    """What has routes."""

    def app(self) -> ASGIApp:
        """The routes, as a server mounts them."""


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def send(
    scene: Site,
    method: str,
    target: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One request; `body` is encoded as JSON unless it is bytes."""
    path, _, query = target.partition("?")
    content = (
        body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
    )
    given = {"host": "localhost:8080", "authorization": f"Bearer {TOKEN}", **(headers or {})}
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": content}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def collect(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "server": ("127.0.0.1", 8080),
        "client": ("127.0.0.1", 1),
    }
    await scene.app()(scope, receive, collect)
    start, *rest = sent
    return Answer(
        status=start["status"],
        headers={name.decode(): value.decode() for name, value in start["headers"]},
        body=b"".join(message.get("body", b"") for message in rest),
    )
