"""Who gets through to the management routes."""

from pathlib import Path

import pytest
from starlette.datastructures import Headers

from switchhook.errors import RequestError, StartError
from switchhook.http.management_guard import ManagementGuard
from switchhook.management_token import TOKEN_FILE, load_or_create_token, read_token
from tests.rules.authority.test_authority import FOREIGN, an_authority, issue

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


# --- tokens of the authority ---------------------------------------------------------------------

AUDIENCES = ("https://management.azure.com",)
AUTHORITY = an_authority()
WITH_AUTHORITY = ManagementGuard(
    "secret",
    verify=AUTHORITY.verify,
    audiences=AUDIENCES,
    authorization_uri="https://localhost:8443/adfs",
)


def refusal(guard: ManagementGuard, authorization: str | None) -> RequestError:
    """Why a request with this header is refused."""
    given = {} if authorization is None else {"authorization": authorization}
    with pytest.raises(RequestError) as raised:
        guard.check(Headers({"host": "localhost:8080", **given}))
    return raised.value


@pytest.mark.parametrize("token", ["secret", issue(AUTHORITY), issue(AUTHORITY, tenant="common")])
def test_token_of_the_folder_or_of_the_authority_is_let_through(token: str) -> None:
    """In any spelling of the scheme."""
    WITH_AUTHORITY.check(headers(authorization=f"Bearer {token}"))
    WITH_AUTHORITY.check(headers(authorization=f"bearer  {token}"))


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "AuthenticationFailed"),
        ("", "AuthenticationFailed"),
        ("Bearer", "AuthenticationFailedInvalidHeader"),
        ("Basic c2VjcmV0", "AuthenticationFailedInvalidHeader"),
        ("Bearer other", "InvalidAuthenticationToken"),
        ("Bearer a.b.c", "InvalidAuthenticationToken"),
        (f"Bearer {issue(an_authority(FOREIGN))}", "InvalidAuthenticationToken"),
        (f"Bearer {AUTHORITY.token_for('', AUDIENCES[0])}", "InvalidAuthenticationToken"),
        (f"Bearer {issue(an_authority(now=lambda: 1e9))}", "ExpiredAuthenticationToken"),
        (f"Bearer {issue(audience='https://a')}", "InvalidAuthenticationTokenAudience"),
        (f"Bearer {issue(an_authority(origin='https://a'))}", "InvalidAuthenticationTokenTenant"),
    ],
)
def test_refusal_names_the_flaw_and_the_authority(authorization: str | None, code: str) -> None:
    """As Resource Manager words it; SDKs read the address of the authority from the header."""
    error = refusal(WITH_AUTHORITY, authorization)

    assert (error.status, error.code) == (401, code)
    assert error.challenge == (
        'Bearer authorization_uri="https://localhost:8443/adfs", error="invalid_token"'
    )


def test_token_of_the_authority_needs_a_guard_that_knows_it() -> None:
    """A guard without an authority takes the folder's token alone."""
    assert refusal(GUARD, f"Bearer {issue(AUTHORITY)}").code == "InvalidAuthenticationToken"


def test_web_page_is_refused_even_with_a_token_of_the_authority() -> None:
    """Origin and host count whatever the token."""
    good = {"authorization": f"Bearer {issue(AUTHORITY)}"}

    for foreign in ({"origin": "https://a"}, {"host": "attacker.example"}):
        with pytest.raises(RequestError) as raised:
            WITH_AUTHORITY.check(headers(**good, **foreign))
        assert raised.value.status == 403


# --- the token of the folder ---------------------------------------------------------------------


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
