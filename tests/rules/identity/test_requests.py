"""What do Identity requests have to look like?"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.requests import (
    CreateUser,
    TokenRequest,
    parse_assignment,
    parse_create,
    parse_empty,
    parse_exchange_teams_user,
    parse_issue,
)
from switchhook.communication.identity.store import Assignment, PrincipalType
from switchhook.errors import RequestError

GUID = "5a1f0000-0000-4000-8000-0000000000e1"


def refusal(parse: Callable[[bytes], Any], body: bytes) -> tuple[int, str, str, str]:
    """How the body is refused."""
    with pytest.raises(RequestError) as refused:
        parse(body)
    error = refused.value
    return error.status, error.code, error.target, error.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{}",
        b'{"createTokenWithScopes": null, "expiresInMinutes": null, "customId": null}',
        b'{"createTokenWithScopes": [], "expiresInMinutes": 60}',
        b'{"unknown": 1}',
    ],
)
def test_user_without_a_token_needs_no_body(body: bytes) -> None:
    """Clients send no body, null members, or none that count."""
    assert parse_create(body) == CreateUser()


def test_scopes_count_once_and_keep_their_order() -> None:
    """Every scope there is."""
    scopes = ["voip", "chat", "voip", "chat.join", "chat.join.limited", "voip.join"]
    body = json.dumps({"scopes": scopes, "expiresInMinutes": 90}).encode()

    request = parse_issue(body)

    assert request.scopes == (
        Scope.VOIP,
        Scope.CHAT,
        Scope.CHAT_JOIN,
        Scope.CHAT_JOIN_LIMITED,
        Scope.VOIP_JOIN,
    )
    assert request.expires_in_minutes == 90


@pytest.mark.parametrize("minutes", [60, 1440])
def test_lifetime_may_be_at_its_limits(minutes: int) -> None:
    """An hour, a day; a day where nothing is said."""
    body = {"createTokenWithScopes": ["chat"], "expiresInMinutes": minutes}
    without = {"createTokenWithScopes": ["chat"], "expiresInMinutes": None}

    asked = parse_create(json.dumps(body).encode()).token
    assert asked == TokenRequest(scopes=(Scope.CHAT,), expires_in_minutes=minutes)
    assert parse_create(json.dumps(without).encode()).token == TokenRequest(scopes=(Scope.CHAT,))
    assert TokenRequest(scopes=()).expires_in_minutes == 1440


@pytest.mark.parametrize("minutes", [-1, 0, 59, 1441, 2**70])
@pytest.mark.parametrize("parse", [parse_create, parse_issue])
def test_lifetime_outside_its_limits_is_refused(
    parse: Callable[[bytes], Any], minutes: int
) -> None:
    """In the words of the service; even where no token is asked for."""
    body = json.dumps({"scopes": ["chat"], "expiresInMinutes": minutes}).encode()

    status, code, target, message = refusal(parse, body)

    assert (status, code) == (400, "ValidationError")
    if minutes < 2**63:
        assert target == "ExpiresInMinutes"
        assert message == (
            f"ExpiresInMinutes value {minutes} is invalid. Value must be within the [60, 1440] "
            "interval."
        )


def test_token_of_no_scope_is_refused() -> None:
    """In other words than where the member is missing, as recorded sessions have them."""
    assert refusal(parse_issue, b'{"scopes": []}') == (
        400,
        "ValidationError",
        "scopes",
        "Invalid scopes - Scopes field is required.",
    )


@pytest.mark.parametrize("body", [b"{}", b'{"scopes": null}'])
def test_token_without_scopes_is_refused(body: bytes) -> None:
    """In the words of the service."""
    message = "Scopes: The Scopes field is required."

    assert refusal(parse_issue, body) == (400, "ValidationError", "Scopes", message)


@pytest.mark.parametrize(
    ("parse", "body", "target", "words"),
    [
        (parse_issue, b'{"scopes": ["chat", "Chat"]}', "Scopes", "'Chat'"),
        (parse_create, b'{"createTokenWithScopes": [""]}', "CreateTokenWithScopes", "''"),
        (parse_create, b'{"customId": ""}', "CustomId", "1 to 256"),
        (parse_create, json.dumps({"customId": "a" * 257}).encode(), "CustomId", "1 to 256"),
        (parse_issue, b'{"scopes": [1]}', "", "$.scopes[0]"),
        (parse_issue, b'{"scopes": ["chat"], "expiresInMinutes": 60.5}', "", "expiresInMinutes"),
        (parse_create, b'{"createTokenWithScopes": "chat"}', "", "$.createTokenWithScopes"),
        (parse_create, b"[]", "", "object"),
        (parse_create, b"{", "", "JSON"),
        (parse_create, b'{"customId": "\xff"}', "", "UTF-8"),
        (parse_issue, b"", "", "JSON"),
        (parse_empty, b"[]", "", "object"),
        (parse_empty, b"x", "", "JSON"),
        (parse_exchange_teams_user, b'{"token": 1}', "", "$.token"),
        (parse_assignment, b"{}", "PrincipalType", "required"),
        (parse_assignment, b'{"principalType": "group"}', "PrincipalType", "resourceAccount, user"),
        (parse_assignment, b'{"principalType": "user", "clientIds": ["x"]}', "ClientIds", "format"),
        (
            parse_assignment,
            json.dumps({"principalType": "user", "clientIds": [GUID] * 101}).encode(),
            "ClientIds",
            "at most 100",
        ),
    ],
)
def test_wrong_member_is_named(
    parse: Callable[[bytes], Any], body: bytes, target: str, words: str
) -> None:
    """400 with the rule that it breaks."""
    status, code, found, message = refusal(parse, body)

    assert (status, code, found) == (400, "ValidationError", target)
    assert words in message


@pytest.mark.parametrize("body", [b"{}", b'{"token": null, "appId": "", "userId": ""}'])
def test_exchange_is_read_whatever_it_lacks(body: bytes) -> None:
    """What of it is wrong depends on the token."""
    request = parse_exchange_teams_user(body)

    assert (request.token, request.app_id, request.user_id) == ("", "", "")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"unknown": {"a": []}}'])
def test_exchange_says_nothing(body: bytes) -> None:
    """An object, or no body."""
    parse_empty(body)


def test_texts_and_lists_may_be_at_their_limits() -> None:
    """256 characters, 100 applications."""
    user = parse_create(json.dumps({"customId": "a" * 256}).encode())
    assignment = parse_assignment(
        json.dumps({"principalType": "user", "clientIds": [GUID] * 100}).encode()
    )

    assert user.custom_id == "a" * 256
    assert len(assignment.client_ids or ()) == 100


def test_assignment_names_applications() -> None:
    """Or all of them, by naming none."""
    some = parse_assignment(
        json.dumps({"principalType": "user", "clientIds": [GUID.upper()]}).encode()
    )
    every = parse_assignment(b'{"principalType": "resourceAccount"}')

    assert some == Assignment(principal_type=PrincipalType.USER, client_ids=(GUID,))
    assert every == Assignment(principal_type=PrincipalType.RESOURCE_ACCOUNT)
