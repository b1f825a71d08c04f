"""What does a publish request say before its body?"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

import httptools
import msgspec

from switchhook.grid.endpoint_names import is_publish_path
from switchhook.grid.publish_access import AccessRequest

# Longer ones are not kept, so that strangers cannot fill the memory.
_KEPT_LENGTH = 256
_KEPT = 1024


class Address(NamedTuple):
    """The target of a request to a publish route."""

    path: str
    query: str


class PublishHead(msgspec.Struct, frozen=True, gc=False):
    """The head of a request to a publish route; the names of `headers` are in lower case.

    `client` is the address that it came from, "" where that is not known.
    """

    method: bytes
    address: Address
    headers: Sequence[tuple[bytes, bytes]]
    fields: Mapping[bytes, bytes]
    scheme: str
    client: str

    def field(self, name: bytes) -> str | None:
        """The value of a header, the first of its name; None when it is absent."""
        value = self.fields.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def host(self) -> str:
        """The header, "" where there is none."""
        return self.field(b"host") or ""

    @property
    def length(self) -> int:
        """The length of the body, as far as it is told."""
        declared = self.fields.get(b"content-length", b"")
        return int(declared) if declared.isdigit() else 0

    @property
    def uri(self) -> str:
        """The address without its query, for people."""
        return f"{self.scheme}://{self.host}{self.address.path}"

    def cloud_event_headers(self) -> tuple[tuple[str, str], ...]:
        """Those that carry attributes of a CloudEvent."""
        return tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in self.headers
            if name.startswith(b"ce-")
        )

    def access_request(self) -> AccessRequest:
        """Whose request it is, and where to."""
        host, path = self.host, self.address.path
        return AccessRequest(
            host,
            path,
            self.client,
            f"{self.scheme}://{host}{path}",
            self._access_key(),
            self.field(b"aeg-sas-token"),
            self.field(b"authorization"),
        )

    def _access_key(self) -> str | None:
        key = self.field(b"aeg-sas-key")
        if key is None and "aeg-sas-key" in self.address.query.lower():
            query = parse_qs(self.address.query, keep_blank_values=True)
            return next((v[0] for name, v in query.items() if name.lower() == "aeg-sas-key"), None)
        return key


def address_of(url: bytes) -> Address | None:
    """The address, if it is that of a publish route."""
    if b"/api/events" not in url.lower() and b"%" not in url:
        return None
    return _kept_address(url) if len(url) <= _KEPT_LENGTH else _address(url)


def _address(url: bytes) -> Address | None:
    try:
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
        return None  # whoever reads it next refuses it
    path = unquote(path) if "%" in path else path
    return Address(path, (parsed.query or b"").decode("latin-1")) if is_publish_path(path) else None


_kept_address = lru_cache(_KEPT)(_address)
