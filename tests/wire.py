"""Requests as bytes on the wire, for what the vendor's clients would not send."""

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import trustme

ANSWERED_WITHIN = 30.0  # seconds


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()

    @property
    def body(self) -> Any:
        """The content as JSON; None where there is none."""
        return json.loads(self.content) if self.content else None


async def exchange(
    port: int, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
) -> Answer:
    """One request to a server of this machine, over HTTP."""
    return await asyncio.to_thread(_exchange, port, method, target, body, headers)


def _exchange(
    port: int, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWERED_WITHIN)
    try:
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        content = response.read()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, content)
    finally:
        connection.close()


def header_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that were given as keyword arguments."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def signed_headers(
    method: str, target: str, body: bytes, key: str, host: str, at: float
) -> dict[str, str]:
    """The headers of a request that is signed with an access key, at that second."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    date = formatdate(at, usegmt=True)
    text = f"{method}\n{target}\n{date};{host};{digest}"
    mac = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    signature = base64.b64encode(mac).decode()
    return {
        "Host": host,
        "x-ms-date": date,
        "x-ms-content-sha256": digest,
        "Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
        f"&Signature={signature}",
    }


def a_context(ca_bundle: Path) -> ssl.SSLContext:
    """A certificate of a new authority, which is written down."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(ca_bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    return context
