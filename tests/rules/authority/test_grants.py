"""Who gets a token, and how is a token request refused?"""

import pytest

from switchhook import defaults
from switchhook.authority import Applications
from switchhook.authority.grants import Grant, Refusal, decide

APPLICATIONS = Applications({defaults.CLIENT_ID: "s3cret"})
FORM = {
    "grant_type": "client_credentials",
    "client_id": defaults.CLIENT_ID,
    "client_secret": "s3cret",
    "scope": "https://management.azure.com/.default",
}


def answer(**changes: str | None) -> Grant | Refusal:
    """The decision on the form, with these fields changed; None leaves one out."""
    form = {name: text for name, text in (FORM | changes).items() if text is not None}
    return decide(form, APPLICATIONS, "adfs")


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        ("https://management.azure.com/.default", "https://management.azure.com"),
        ("https://management.core.windows.net//.default", "https://management.core.windows.net/"),
        ("https://localhost:8443/.default offline_access openid profile", "https://localhost:8443"),
        ("api://hook/.default", "api://hook"),
    ],
)
def test_scope_names_the_audience(scope: str, audience: str) -> None:
    """Without its end, and besides the scopes that every client sends."""
    assert answer(scope=scope) == Grant(defaults.CLIENT_ID, audience)


def test_older_form_names_the_audience_as_resource() -> None:
    """`resource` in place of `scope`."""
    granted = answer(scope=None, resource="https://eventgrid.azure.net")

    assert granted == Grant(defaults.CLIENT_ID, "https://eventgrid.azure.net")


def test_client_id_counts_in_any_case() -> None:
    """The token has it as it is registered."""
    granted = answer(client_id=defaults.CLIENT_ID.upper())

    assert isinstance(granted, Grant)
    assert granted.application_id == defaults.CLIENT_ID


@pytest.mark.parametrize(
    ("changes", "status", "error", "number"),
    [
        ({"grant_type": None}, 400, "invalid_request", 900144),
        ({"client_id": None}, 400, "invalid_request", 900144),
        ({"scope": None}, 400, "invalid_request", 900144),
        ({"scope": ""}, 400, "invalid_request", 900144),
        ({"scope": "/.default"}, 400, "invalid_request", 900144),
        ({"scope": "openid"}, 400, "invalid_request", 900144),
        ({"scope": "https://management.azure.com"}, 400, "invalid_scope", 1002012),
        ({"scope": "a/.default b/.default"}, 400, "invalid_scope", 1002012),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type", 70003),
        ({"grant_type": "device_code"}, 400, "unsupported_grant_type", 70003),
        ({"client_id": "somebody"}, 400, "unauthorized_client", 700016),
        ({"client_id": defaults.MANAGED_IDENTITY_ID}, 400, "unauthorized_client", 700016),
        ({"client_secret": None}, 401, "invalid_client", 7000216),
        ({"client_secret": ""}, 401, "invalid_client", 7000216),
        ({"client_secret": "other"}, 401, "invalid_client", 7000215),
        ({"client_secret": "s3cret "}, 401, "invalid_client", 7000215),
        ({"client_secret": "\ud800"}, 401, "invalid_client", 7000215),
    ],
)
def test_refusal_is_worded_as_entra_words_it(
    changes: dict[str, str | None], status: int, error: str, number: int
) -> None:
    """OAuth's word for programs, Entra's number for people; never the secret."""
    refused = answer(**changes)

    assert isinstance(refused, Refusal)
    assert (refused.status, refused.error, refused.number) == (status, error, number)
    assert "s3cret" not in refused.message


# --- users --------------------------------------------------------------------------------------

TEAMS = "https://auth.msft.communication.azure.com"
USER_FORM = {
    "grant_type": "password",
    "client_secret": None,
    "username": "Ann@contoso.example",
    "password": "s3cret",
    "scope": f"{TEAMS}/Teams.ManageCalls {TEAMS}/Teams.ManageChats openid",
}


@pytest.mark.parametrize(
    ("scope", "with_id_token"), [(USER_FORM["scope"], True), (f"{TEAMS}/.default", False)]
)
def test_users_token_is_got_with_the_secret_as_password(scope: str, *, with_id_token: bool) -> None:
    """Scopes name single permissions, or all of them; `openid` asks who the user is."""
    granted = answer(**USER_FORM | {"scope": scope})

    assert granted == Grant(defaults.CLIENT_ID, TEAMS, "Ann@contoso.example", with_id_token)


@pytest.mark.parametrize(
    ("changes", "error", "number"),
    [
        ({"username": None}, "invalid_request", 900144),
        ({"password": ""}, "invalid_request", 900144),
        ({"scope": None}, "invalid_request", 900144),
        ({"scope": f"{TEAMS}/a https://other.example/b"}, "invalid_scope", 70011),
        ({"scope": "nothing"}, "invalid_scope", 70011),
        ({"client_id": "unknown"}, "unauthorized_client", 700016),
        ({"password": "wrong"}, "invalid_grant", 50126),
        ({"password": "s3cret\udcff"}, "invalid_grant", 50126),
        ({"username": "a" * 257}, "invalid_grant", 50126),
    ],
)
def test_user_without_the_secret_gets_no_token(
    changes: dict[str, str | None], error: str, number: int
) -> None:
    """Anybody may name a user: the application's secret is what counts."""
    refused = answer(**USER_FORM | changes)

    assert isinstance(refused, Refusal)
    assert (refused.status, refused.error, refused.number) == (400, error, number)
