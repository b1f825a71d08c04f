"""May this request publish, and to which topic?

Source: authenticate-with-access-keys-shared-access-signatures.md,
authenticate-with-microsoft-entra-id.md, configure-firewall.md,
troubleshoot-network-connectivity.md; error texts as AzureEventGridSimulator quotes the live service
where the articles have none.
"""

import ipaddress
import time
from collections.abc import Callable, Collection
from enum import StrEnum
from functools import lru_cache

import msgspec

from switchhook.errors import RequestError, TokenError, TokenFlaw
from switchhook.grid import access_keys, shared_access_signatures
from switchhook.grid.access_keys import TopicDirectory, unauthorized
from switchhook.grid.endpoint_names import name_in
from switchhook.grid.topics import Topic

EVENT_GRID_AUDIENCES = ("https://eventgrid.azure.net",)

# Raises TokenError for a token that is not for one of the audiences.
VerifyToken = Callable[[str, Collection[str]], object]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NO_CREDENTIAL = (
    "Request must contain one of the following authorization signature: aeg-sas-token, aeg-sas-key."
)
_OTHER_SCHEME = (
    "Request has an unsupported Authorization scheme (must be SharedAccessSignature or Bearer)."
)

# The live service's words for flaws other than the form are not known.
_TOKEN_FLAWS = {
    TokenFlaw.UNREADABLE: "Unable to read access token.",
    TokenFlaw.EXPIRED: "The access token has expired.",
    TokenFlaw.AUDIENCE: "The access token is for another audience: "
    f"it must be {EVENT_GRID_AUDIENCES[0]}.",
}


class Credential(StrEnum):
    """How a request says who it is, as the metrics' dimension `AuthenticationType` names it."""

    KEY = "Key"
    SAS_TOKEN = "SASToken"  # noqa: S105 - a name
    ACCESS_TOKEN = "AADAccessToken"  # noqa: S105 - a name


_KEY, _SAS_TOKEN, _ACCESS_TOKEN = Credential


class AccessRequest(msgspec.Struct, frozen=True, gc=False):
    """What a publish request says about itself.

    `host` is the header, `client` the address that it came from, "" where that is not known. Of the
    credentials the first one that is there counts: key, token, then authorization.
    """

    host: str
    path: str
    client: str
    uri: str
    key: str | None = None
    sas_token: str | None = None
    authorization: str | None = None


class Permission(msgspec.Struct, frozen=True, gc=False):
    """The topic that a request may publish to, and with which kind of credential."""

    topic: Topic
    credential: Credential


class PublishAccess:
    """Decides about publish requests. `now` is real time, by which credentials age."""

    def __init__(
        self,
        topics: TopicDirectory,
        verify_token: VerifyToken | None = None,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """Without `verify_token` there is no authority, and no access token is accepted."""
        self._topics = topics
        self._verify_token = verify_token
        self._now = now

    def authorize(self, request: AccessRequest) -> Permission:
        """The topic that the request may publish to.

        Raises:
            RequestError: 404 where there is none, 403 for its network, 400 or 401 for a credential.
        """
        named = self._named(request)
        if named is not None:
            _check_network(named, request.client)
        permission = self._authenticate(request, named)
        topic = permission.topic
        if named is None:
            _check_network(topic, request.client)
        # The article promises the refusal; its words are not known.
        if not topic.access.allows_access_keys and permission.credential is not _ACCESS_TOKEN:
            raise unauthorized(
                "Local authentication with access keys and shared access signatures is disabled "
                f"for {topic.name.upper()}: use a Microsoft Entra token."
            )
        return permission

    def _named(self, request: AccessRequest) -> Topic | None:
        """The topic that the address names; None where it names none."""
        name = name_in(request.host, request.path)
        if name is None:
            return None
        topic = self._topics.at(name)
        if topic is None:
            raise not_found(request.uri)
        return topic

    def _authenticate(self, request: AccessRequest, topic: Topic | None) -> Permission:
        key = request.key
        if key is not None:
            found = topic or (self._topics.by_key(key) if key else None)
            return Permission(access_keys.check(key, found, request.host), _KEY)
        if request.sas_token is not None:
            return self._check_signature(request.sas_token, request, topic)
        if request.authorization is None:
            raise unauthorized(_NO_CREDENTIAL)
        scheme, _, credential = request.authorization.strip().partition(" ")
        match scheme.lower():
            case "sharedaccesssignature":
                return self._check_signature(credential.strip(), request, topic)
            case "bearer":
                return self._check_token(credential.strip(), request, topic)
            case _:
                raise unauthorized(_OTHER_SCHEME)

    def _check_signature(
        self, text: str, request: AccessRequest, topic: Topic | None
    ) -> Permission:
        token = shared_access_signatures.parse(text)
        if topic is None:
            name = shared_access_signatures.resource_name(token)
            topic = self._topics.at(name) if name else None
        opened = shared_access_signatures.check(
            token, topic, host=request.host, path=request.path, now=self._now()
        )
        return Permission(opened, _SAS_TOKEN)

    def _check_token(self, token: str, request: AccessRequest, topic: Topic | None) -> Permission:
        if self._verify_token is None:
            raise unauthorized(_TOKEN_FLAWS[TokenFlaw.UNREADABLE])
        try:
            self._verify_token(token, EVENT_GRID_AUDIENCES)
        except TokenError as error:
            raise unauthorized(
                _TOKEN_FLAWS.get(error.flaw, "The access token is not valid.")
            ) from None
        if topic is None:
            raise not_found(request.uri)
        return Permission(topic, _ACCESS_TOKEN)


def not_found(uri: str) -> RequestError:
    """The answer to an address that names nothing."""
    return RequestError(
        404,
        "NotFound",
        f"No HTTP resource was found that matches the request URI '{uri}'.",
        details_code="ResourceNotFound",
    )


def _check_network(topic: Topic, client: str) -> None:
    access = topic.access
    if not access.allows_public_network:
        # There are no private endpoints here, so nobody is left.
        raise _forbidden(
            f"Publishing to {topic.name.upper()} by client {client} is rejected because public "
            "network access is disabled."
        )
    if access.inbound_ip_rules and not _is_inside(client, access.inbound_ip_rules):
        raise _forbidden(
            f"Publishing to {topic.name.upper()} by client {client} is rejected due to IpAddress "
            "filtering rules."
        )


def _forbidden(message: str) -> RequestError:
    return RequestError(403, "Forbidden", message, details_code="Forbidden")


def _is_inside(client: str, rules: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return False
    # A socket of both families shows IPv4 clients as ::ffff:a.b.c.d.
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(plain in network for network in _networks(rules))


@lru_cache(maxsize=256)
def _networks(rules: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(network for rule in rules if (network := _network(rule)) is not None)


def _network(rule: str) -> _Network | None:
    try:
        return ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return None  # a rule that names no network lets nobody in
