"""Who gets through to the management routes."""

from pathlib import Path

import pytest
from starlette.datastructures import Headers

from switchhook.errors import RequestError, StartError
from switchhook.http.management_guard import ManagementGuard
from switchhook.management_token import TOKEN_FILE, load_or_create_token, read_token

GUARD = ManagementGuard("secret", ["switchhook"])


def headers(**changes: str) -> Headers:
    return Headers({"host": "localhost:8080", "authorization": "Bearer secret", **changes})


@pytest.mark.parametrize(
    "host",
    ["localhost", "a.localhost:1", "127.0.0.9:80", "[::1]:8080", "Switchhook:8443", "localhost."],
)
def test_own_names_are_let_through(host: str) -> None:
    """Loopback and configured names are ours."""
    GUARD.check(headers(host=host))


@pytest.mark.parametrize(
    "host", ["example.com", "localhost.example.com", "", "10.0.0.1", "[fe80::1]"]
)
def test_foreign_host_is_refused(host: str) -> None:
    """A name that somebody pointed at us is not ours."""
    with pytest.raises(RequestError) as raised:
        GUARD.check(headers(host=host))

    assert raised.value.status == 403


@pytest.mark.parametrize("origin", ["https://example.com", "http://localhost:8080", "null"])
def test_web_page_is_refused_even_with_the_token(origin: str) -> None:
    """A browser names the page's origin."""
    with pytest.raises(RequestError) as raised:
        GUARD.check(headers(origin=origin))

    assert raised.value.status == 403


@pytest.mark.parametrize(
    "value", ["", "secret", "Basic secret", "Bearer", "Bearer other", "Bearer é"]
)
def test_request_without_the_token_is_refused(value: str) -> None:
    """401, whatever is wrong with it."""
    with pytest.raises(RequestError) as raised:
        GUARD.check(headers(authorization=value))

    assert raised.value.status == 401


def test_token_is_made_once_and_private(tmp_path: Path) -> None:
    """The file stays as it is, readable by its owner only."""
    token = load_or_create_token(tmp_path)

    assert load_or_create_token(tmp_path) == read_token(tmp_path) == token
    assert (tmp_path / TOKEN_FILE).stat().st_mode & 0o777 == 0o600


def test_empty_token_is_refused(tmp_path: Path) -> None:
    """An empty file would let everybody through."""
    (tmp_path / TOKEN_FILE).touch()

    with pytest.raises(StartError, match="empty"):
        load_or_create_token(tmp_path)
