"""Where a URL leads and whether a request may go there: tables, no I/O."""

import pytest

from switchhook.webhook.addresses import (
    AddressRules,
    Endpoint,
    InvalidUrlError,
    parse_url,
)
from switchhook.webhook.proxies import ProxyEnvironment, read_proxy_environment

NO_PROXIES = ProxyEnvironment({})


def head_of(url: str) -> list[str]:
    """Request line (without the method) and Host."""
    return parse_url(url).head.decode().split("\r\n")[:2]


@pytest.mark.parametrize(
    ("url", "origin", "line", "host"),
    [
        ("http://localhost", "http://localhost:80", "/", "localhost"),
        ("https://Hooks.Example/a", "https://hooks.example:443", "/a", "hooks.example"),
        ("https://h:443/", "https://h:443", "/", "h"),
        ("http://h:8080/a/b?c=d&e", "http://h:8080", "/a/b?c=d&e", "h:8080"),
        ("http://h?c=d", "http://h:80", "/?c=d", "h"),
        ("http://h/a?", "http://h:80", "/a?", "h"),
        ("http://h/a#fragment?x", "http://h:80", "/a", "h"),
        ("http://[::1]:7071/api", "http://[::1]:7071", "/api", "[::1]:7071"),
        ("http://[::1]/", "http://[::1]:80", "/", "[::1]"),
        ("http://h/a%2Fb%zz/../c", "http://h:80", "/a%2Fb%zz/../c", "h"),
        ("http://h/(a);b=c,d:@!$&'*+~[]", "http://h:80", "/(a);b=c,d:@!$&'*+~[]", "h"),
        ('http://h/a b\u00e9?q="<>', "http://h:80", "/a%20b%C3%A9?q=%22%3C%3E", "h"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example:443", "/", None),
    ],
)
def test_url_is_sent_as_given(url: str, origin: str, line: str, host: str | None) -> None:
    """Only characters that no URL may contain are encoded; Host has a port that is not default."""
    target = parse_url(url)

    assert target.origin == origin
    assert head_of(url)[0] == f" {line} HTTP/1.1"
    if host is not None:
        assert head_of(url)[1] == f"Host: {host}"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://h/", "does not start with https:// or http://"),
        ("/events", "does not start with https:// or http://"),
        ("", "does not start with https:// or http://"),
        ("https://user:secret@h/", "names a user"),
        ("https://user@h/", "names a user"),
        ("https://h:0/", "port 0"),
        ("https://h:99999/", "not valid"),
        ("https://h:port/", "not valid"),
        ("https:///path", "no valid host"),
        ("https://a b/", "no valid host"),
        ("https://h\r\nX-Smuggled: 1/", "control characters"),
        ("https://h/\ta", "control characters"),
        ("http://[::1", "not valid"),
        ("http://[nonsense]/", "not valid"),
        ("http://b\u00fc..cher/", "not valid"),
    ],
)
def test_url_that_cannot_be_called_is_refused(url: str, reason: str) -> None:
    """The message says what is wrong, and never repeats a secret."""
    with pytest.raises(InvalidUrlError) as caught:
        parse_url(url)

    assert reason in str(caught.value)
    assert "secret" not in str(caught.value).replace("a secret into the query", "")


@pytest.mark.parametrize(
    ("scheme", "address", "allow_http", "refused"),
    [
        ("http", "127.0.0.1", False, False),
        ("http", "10.0.0.1", False, True),
        ("http", "10.0.0.1", True, False),
        ("https", "10.0.0.1", False, False),
    ],
)
def test_http_is_allowed_to_loopback_only_by_default(
    scheme: str, address: str, allow_http: bool, refused: bool
) -> None:
    """It is the resolved address that counts, and the refusal names the option."""
    rules = AddressRules(allow_http, NO_PROXIES)

    refusal = rules.refusal(Endpoint(scheme, "hooks.example", 80), address)

    assert (refusal is not None) is refused
    assert refusal is None or "--allow-http-webhooks" in refusal


def test_loopback_needs_no_proxy() -> None:
    """Proxy variables do not touch this machine; elsewhere they refuse."""
    rules = AddressRules(True, read_proxy_environment({"ALL_PROXY": "http://proxy:3128"}))

    assert rules.refusal(Endpoint("http", "localhost", 80), "127.0.0.1") is None
    assert "ALL_PROXY" in (rules.refusal(Endpoint("http", "h", 80), "10.0.0.1") or "")
