"""What does a publish request say before its body?"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

import httptools
import msgspec

from switchhook.grid.endpoint_names import EndpointName, is_publish_path, name_in
from switchhook.grid.publish_access import AccessRequest

# Longer ones are not kept, so that strangers cannot fill the memory.
_KEPT_LENGTH = 256
_KEPT = 1024


class Target(NamedTuple):
    """Where a request goes: the path of a publish route, the query, and the header `host`; all of
    it but the query, for people; and what it names."""

    path: str
    query: str
    host: str
    uri: str
    name: EndpointName | None


class PublishHead(msgspec.Struct, frozen=True, gc=False):
    """The head of a request to a publish route; the names of `headers` are in lower case.

    `fields` has the first header of each name. `client` is the address that the request came from,
    "" where that is not known. After the answer to the last request the connection is closed.
    """

    method: bytes
    target: Target
    headers: Sequence[tuple[bytes, bytes]]
    fields: Mapping[bytes, bytes]
    client: str
    is_last: bool

    def field(self, name: bytes) -> str | None:
        """The value of a header; None when it is absent."""
        value = self.fields.get(name)
        return None if value is None else value.decode("latin-1")

    def is_longer_than(self, size: int) -> bool:
        """Whether the body is, as far as its length is told."""
        declared = self.fields.get(b"content-length", b"")
        return declared.isdigit() and int(declared) > size

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits with the body until it is told to go on."""
        fields = self.fields
        return b"expect" in fields and fields[b"expect"].lower() == b"100-continue"

    def cloud_event_headers(self) -> tuple[tuple[str, str], ...]:
        """Those that carry attributes of a CloudEvent."""
        return tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in self.headers
            if name.startswith(b"ce-")
        )

    def access_request(self) -> AccessRequest:
        """Whose request it is, and where to."""
        path, query, host, uri, _ = self.target
        key = self.field(b"aeg-sas-key")
        if key is None and query:
            key = _key_in(query)
        if key is not None:  # no other credential counts then
            return AccessRequest(host, path, self.client, uri, key)
        token, authorization = self.field(b"aeg-sas-token"), self.field(b"authorization")
        return AccessRequest(host, path, self.client, uri, None, token, authorization)


def _key_in(query: str) -> str | None:
    if "aeg-sas-key" not in query.lower():
        return None
    values = parse_qs(query, keep_blank_values=True)
    return next((v[0] for name, v in values.items() if name.lower() == "aeg-sas-key"), None)


def is_publish_url(url: bytes) -> bool:
    """Whether it may be that of a publish route: quickly, for every request there is."""
    return b"/api/events" in url or b"/api/events" in url.lower() or b"%" in url


def target_of(url: bytes, host: bytes, scheme: str) -> Target | None:
    """Where the request goes, if it is to a publish route."""
    if len(url) + len(host) <= _KEPT_LENGTH:
        return _kept_target(url, host, scheme)
    return _target(url, host, scheme)


def _target(url: bytes, host: bytes, scheme: str) -> Target | None:
    try:
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
        return None  # whoever reads it next refuses it
    path = unquote(path) if "%" in path else path
    if not is_publish_path(path):
        return None
    where, query = host.decode("latin-1"), (parsed.query or b"").decode("latin-1")
    return Target(path, query, where, f"{scheme}://{where}{path}", name_in(where, path))


_kept_target = lru_cache(_KEPT)(_target)
