"""May a request publish, with which credential, and from where?"""

from collections.abc import Collection
from typing import Any

import pytest
from azure.eventgrid import generate_sas

from switchhook.clock import from_datetime
from switchhook.errors import RequestError, TokenError, TokenFlaw
from switchhook.grid.access_keys import TopicDirectory
from switchhook.grid.publish_access import AccessRequest, Credential, PublishAccess
from switchhook.grid.topics import Access, Topic, TopicKind
from tests.builders import a_topic
from tests.rules.grid.test_shared_access_signatures import KEY, LATER, NOW

HOST = "localhost:8443"
PATH = "/topics/orders/api/events"
TOKEN = "a.good.token"


def verify(token: str, audiences: Collection[str]) -> object:
    """An authority that knows one token, for Event Grid."""
    assert list(audiences) == ["https://eventgrid.azure.net"]
    flaw = {"late": TokenFlaw.EXPIRED, "other": TokenFlaw.AUDIENCE, "forged": TokenFlaw.SIGNATURE}
    if token != TOKEN:
        raise TokenError(flaw.get(token, TokenFlaw.UNREADABLE))
    return token


def ask(*topics: Topic, **changes: Any) -> tuple[str, str]:
    """The topic's name and the credential, or the status with the detail code and the message."""
    directory = TopicDirectory()
    for topic in topics or (a_topic(),):
        directory.put(topic)
    given = {"host": HOST, "path": PATH, "client": "127.0.0.1", "uri": "the-uri"} | changes
    access = PublishAccess(directory, verify, now=lambda: from_datetime(NOW))
    try:
        permission = access.authorize(AccessRequest(**given))
    except RequestError as error:
        return f"{error.status} {error.details_code}", error.message
    return permission.topic.name, permission.credential.value


def a_sas(path: str = PATH, host: str = HOST) -> str:
    """A token for an address."""
    return str(generate_sas(f"https://{host}{path}", KEY, LATER))


# --- credentials --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credentials", "kind"),
    [
        ({"key": KEY}, "Key"),
        ({"sas_token": a_sas()}, "SASToken"),
        ({"authorization": f"SharedAccessSignature {a_sas()}"}, "SASToken"),
        ({"authorization": f"sharedaccesssignature  {a_sas()} "}, "SASToken"),
        ({"authorization": f"Bearer {TOKEN}"}, "AADAccessToken"),
        ({"authorization": f"bearer {TOKEN}"}, "AADAccessToken"),
        ({"key": KEY, "sas_token": "x", "authorization": "Bearer x"}, "Key"),
        ({"sas_token": a_sas(), "authorization": "Bearer x"}, "SASToken"),
    ],
)
def test_every_credential_opens_the_topic(credentials: dict[str, str], kind: str) -> None:
    """The first one that is there counts, and metrics learn which it was."""
    assert ask(**credentials) == ("orders", Credential(kind))


@pytest.mark.parametrize(
    ("credentials", "status", "words"),
    [
        ({}, "401 Unauthorized", "Request must contain one of the following authorization"),
        ({"key": ""}, "400 InvalidSas", "Request must have a value for aeg-sas-key."),
        ({"key": "d3Jvbmc=", "sas_token": a_sas()}, "401 Unauthorized", "The request authorizatio"),
        ({"sas_token": ""}, "400 InvalidSas", "Invalid key in aeg-sas-token. Valid format :"),
        ({"authorization": "SharedAccessSignature"}, "400 InvalidSas", "Invalid key in aeg-sas-"),
        ({"authorization": ""}, "401 Unauthorized", "Request has an unsupported Authorization"),
        ({"authorization": f"Basic {KEY}"}, "401 Unauthorized", "Request has an unsupported Aut"),
        ({"authorization": TOKEN}, "401 Unauthorized", "Request has an unsupported Authorization "),
        ({"authorization": "Bearer"}, "401 Unauthorized", "Unable to read access token."),
        ({"authorization": "Bearer x"}, "401 Unauthorized", "Unable to read access token."),
        ({"authorization": "Bearer late"}, "401 Unauthorized", "The access token has expired."),
        ({"authorization": "Bearer other"}, "401 Unauthorized", "The access token is for another "),
        ({"authorization": "Bearer forged"}, "401 Unauthorized", "The access token is not valid."),
    ],
)
def test_wrong_credential_is_refused(credentials: dict[str, str], status: str, words: str) -> None:
    """With the words of its kind."""
    code, message = ask(**credentials)

    assert code == status
    assert message.startswith(words)


def test_no_access_token_is_read_without_an_authority() -> None:
    """A server that issues none accepts none."""
    directory = TopicDirectory()
    directory.put(a_topic())
    request = AccessRequest(HOST, PATH, "", "", authorization=f"Bearer {TOKEN}")

    with pytest.raises(RequestError, match="Unable to read access token"):
        PublishAccess(directory).authorize(request)


# --- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "host", "expected"),
    [
        (PATH, HOST, "t1"),
        ("/DOMAINS/Orders/api/events/", HOST, "d1"),
        ("/api/events", "orders.eventgrid.localhost", "t1"),
        ("/api/events", "SHOP.eventgrid.localhost:1", "d2"),
        ("/domains/shop/api/events", HOST, "d2"),
    ],
)
def test_topics_and_domains_are_named_by_path_or_host(path: str, host: str, expected: str) -> None:
    """A path says which it is, a host does not."""
    domain = {"kind": TopicKind.DOMAIN, "keys": None}
    directory = TopicDirectory()
    for topic in (
        a_topic(),
        a_topic(incarnation="d1", **domain),
        a_topic(incarnation="d2", name="shop", **domain),
    ):
        directory.put(topic)
    request = AccessRequest(host, path, "", "", authorization=f"Bearer {TOKEN}")

    assert PublishAccess(directory, verify).authorize(request).topic.incarnation == expected


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/topics/unknown/api/events", HOST),
        ("/domains/orders/api/events", HOST),
        ("/api/events", "unknown.eventgrid.localhost"),
    ],
)
@pytest.mark.parametrize("credentials", [{}, {"key": KEY}, {"authorization": f"Bearer {TOKEN}"}])
def test_unknown_name_is_not_found(path: str, host: str, credentials: dict[str, str]) -> None:
    """Whatever the credential."""
    answer = ask(path=path, host=host, **credentials)

    assert answer == (
        "404 ResourceNotFound",
        "No HTTP resource was found that matches the request URI 'the-uri'.",
    )


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ({"key": KEY}, "orders"),
        ({"sas_token": a_sas()}, "orders"),
        ({"sas_token": a_sas("/api/events")}, "401 Unauthorized"),
        ({"sas_token": a_sas("/topics/unknown/api/events")}, "401 Unauthorized"),
        ({"authorization": f"Bearer {TOKEN}"}, "404 ResourceNotFound"),
        ({"authorization": "Bearer x"}, "401 Unauthorized"),
        ({}, "401 Unauthorized"),
    ],
)
def test_bare_path_is_named_by_the_credential(credentials: dict[str, str], expected: str) -> None:
    """By a key, or by the resource of a signature; an access token names no topic."""
    assert ask(path="/api/events", **credentials)[0] == expected


# --- switches -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ({"key": KEY}, "401 Unauthorized"),
        ({"sas_token": a_sas()}, "401 Unauthorized"),
        ({"authorization": f"Bearer {TOKEN}"}, "orders"),
    ],
)
@pytest.mark.parametrize("path", [PATH, "/api/events"])
def test_local_authentication_can_be_disabled(
    credentials: dict[str, str], expected: str, path: str
) -> None:
    """Keys and signatures open nothing then, with or without a name in the path."""
    topic = a_topic(access=Access(allows_access_keys=False))
    code, message = ask(topic, path=path, **credentials)

    if "authorization" in credentials and path == "/api/events":
        expected = "404 ResourceNotFound"
    assert code == expected
    assert code != "401 Unauthorized" or message.startswith("Local authentication with access keys")


@pytest.mark.parametrize(
    ("rules", "client", "is_allowed"),
    [
        ((), "10.0.0.9", True),
        (("10.0.0.0/24",), "10.0.0.9", True),
        (("10.0.0.0/24",), "::ffff:10.0.0.9", True),
        (("10.0.0.9",), "10.0.0.9", True),
        (("10.0.0.7/24",), "10.0.0.9", True),
        (("192.168.0.0/16", "10.0.0.0/24"), "10.0.0.9", True),
        (("fd00::/8",), "fd00::1", True),
        (("fd00::/8",), "fd00::1%eth0", True),
        (("10.0.0.0/24",), "10.0.1.9", False),
        (("10.0.0.0/24",), "::ffff:10.0.1.9", False),
        (("10.0.0.0/24",), "127.0.0.1", False),
        (("10.0.0.0/24",), "fd00::1", False),
        (("fd00::/8",), "10.0.0.9", False),
        (("10.0.0.0/24",), "", False),
        (("nonsense",), "10.0.0.9", False),
    ],
)
@pytest.mark.parametrize("path", [PATH, "/api/events"])
def test_inbound_rules_are_the_only_addresses(
    rules: tuple[str, ...], client: str, is_allowed: bool, path: str
) -> None:
    """Without rules every address is allowed."""
    topic = a_topic(access=Access(inbound_ip_rules=rules))

    answer = ask(topic, client=client, path=path, key=KEY)

    assert answer[0] == ("orders" if is_allowed else "403 Forbidden")
    assert is_allowed or answer[1] == (
        f"Publishing to ORDERS by client {client} is rejected due to IpAddress filtering rules."
    )


def test_network_is_checked_before_the_credential() -> None:
    """Nobody outside may try keys."""
    topic = a_topic(access=Access(inbound_ip_rules=("10.0.0.0/24",)))

    assert ask(topic, key="d3Jvbmc=")[0] == "403 Forbidden"


@pytest.mark.parametrize("rules", [(), ("127.0.0.0/8",)])
def test_private_topic_takes_nothing(rules: tuple[str, ...]) -> None:
    """There are no private endpoints; the rules count only while the public network is enabled."""
    topic = a_topic(access=Access(allows_public_network=False, inbound_ip_rules=rules))

    for credentials in ({"key": KEY}, {"authorization": f"Bearer {TOKEN}"}):
        assert ask(topic, **credentials)[0] == "403 Forbidden"
