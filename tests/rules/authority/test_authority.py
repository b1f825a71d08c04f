"""Which tokens are ours, and whom do they let in?"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from switchhook import defaults
from switchhook.authority import (
    Applications,
    Authority,
    application_secret,
    open_signing,
)
from switchhook.authority.applications import SECRET_FILE
from switchhook.authority.authority import EVENT_GRID_APPLICATION_ID, MAX_TOKEN_LENGTH
from switchhook.authority.secret_file import KEY_FILE
from switchhook.authority.signer import Signer
from switchhook.authority.signing_key import SigningKey, load_or_create_key
from switchhook.errors import StartError, TokenError, TokenFlaw
from switchhook.settings import Settings

ORIGIN = "https://localhost:8443"
OTHER_ORIGIN = "http://localhost:8080"
AUDIENCE = "https://management.azure.com"
TENANT = "11111111-2222-4333-8444-555555555555"

KEY = SigningKey(generate_private_key(65537, 2048), "own")
FOREIGN = SigningKey(generate_private_key(65537, 2048), "own")


def an_authority(
    key: SigningKey = KEY,
    origin: str = ORIGIN,
    now: Callable[[], float] = time.time,
    kept_tokens: int = 1024,
) -> Authority:
    """The authority of a server with the default application."""
    return Authority(
        signing=lambda: Signer(key),
        origins=(origin, OTHER_ORIGIN),
        applications=Applications({defaults.CLIENT_ID: "secret"}),
        now=now,
        kept_tokens=kept_tokens,
    )


def issue(authority: Authority | None = None, **changes: Any) -> str:
    """A token that `an_authority` accepts, but for the changes."""
    given = {"audience": AUDIENCE, "application_id": defaults.CLIENT_ID} | changes
    return (authority or an_authority()).issue(**given)


def flaw(token: str) -> TokenFlaw:
    """Why the token is not accepted."""
    with pytest.raises(TokenError) as raised:
        an_authority().verify(token, [AUDIENCE])
    return raised.value.flaw


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, whoever signed them."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return jwt.get_unverified_header(token), claims


def signed(claims: dict[str, Any], key: Any = KEY.private, algorithm: str | None = "RS256") -> str:
    """A token with these very claims."""
    return jwt.encode(claims, key, algorithm=algorithm)


# --- tokens of applications ---------------------------------------------------------------------


@pytest.mark.parametrize("tenant", ["adfs", TENANT, "common", "contoso.onmicrosoft.com"])
@pytest.mark.parametrize("audience", [AUDIENCE, f"{AUDIENCE}/", AUDIENCE.upper()])
def test_token_of_ours_is_accepted(tenant: str, audience: str) -> None:
    """From each tenant; a final slash and the case of the audience do not count."""
    claims = an_authority().verify(issue(tenant=tenant, audience=audience), [AUDIENCE])

    assert (claims.appid, claims.audience) == (defaults.CLIENT_ID, audience)
    assert claims.tid == (TENANT if tenant == TENANT else defaults.TENANT_ID)
    assert claims.sub == claims.oid


def test_token_has_the_members_that_clients_read() -> None:
    """Dated back a little, because clocks differ, and good for an hour from now."""
    header, claims = parts(issue(an_authority(now=lambda: 1_000_000.9), tenant=TENANT))

    assert header == {"alg": "RS256", "typ": "JWT", "kid": "own", "x5t": "own"}
    assert claims["iss"] == f"{ORIGIN}/{TENANT}/v2.0"
    assert (claims["iat"], claims["nbf"], claims["exp"]) == (999_700, 999_700, 1_003_599)
    assert claims.keys() >= {"aud", "tid", "oid", "appid", "sub", "uti", "ver"}


def test_token_of_either_address_is_accepted() -> None:
    """Both listeners are the same server."""
    token = issue(an_authority(origin=OTHER_ORIGIN))

    assert an_authority().verify(token, [AUDIENCE]).iss == f"{OTHER_ORIGIN}/adfs"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (issue(an_authority(FOREIGN)), TokenFlaw.SIGNATURE),
        (issue(an_authority(now=lambda: time.time() - 4000)), TokenFlaw.EXPIRED),
        (issue(an_authority(now=lambda: time.time() + 4000)), TokenFlaw.NOT_YET_VALID),
        (issue(an_authority(origin="https://elsewhere")), TokenFlaw.ISSUER),
        (issue(application_id=TENANT), TokenFlaw.APPLICATION),
        (issue(audience="https://eventgrid.azure.net"), TokenFlaw.AUDIENCE),
        (issue(audience=f"{AUDIENCE}.example"), TokenFlaw.AUDIENCE),
    ],
)
def test_foreign_token_is_refused(token: str, expected: TokenFlaw) -> None:
    """Each rule by itself."""
    assert flaw(token) is expected


def test_issuer_is_that_of_the_tenant() -> None:
    """Tenant and issuer of a token belong together."""
    _, claims = parts(issue(tenant=TENANT))

    assert flaw(signed(claims | {"tid": defaults.TENANT_ID})) is TokenFlaw.ISSUER


@pytest.mark.parametrize("claim", ["aud", "iss", "exp", "nbf", "iat", "tid", "appid", "oid"])
def test_token_without_a_claim_is_refused(claim: str) -> None:
    """A token without an end would be good for ever."""
    _, claims = parts(issue())

    assert flaw(signed({name: value for name, value in claims.items() if name != claim})) is (
        TokenFlaw.UNREADABLE
    )


def test_algorithm_is_ours_whatever_the_header_says() -> None:
    """Neither none, nor our public key as a shared secret, nor another kind of RSA."""
    _, claims = parts(issue())
    public = KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}')
    text = header + b"." + signed(claims).split(".")[1].encode()
    confused = text + b"." + jwt.utils.base64url_encode(hmac.digest(public, text, "sha256"))

    for token in (
        signed(claims, None, "none"),
        confused.decode(),
        signed(claims, KEY.private, "PS256"),
    ):
        assert flaw(token) is TokenFlaw.SIGNATURE


@pytest.mark.parametrize(
    "token",
    [
        "",
        "..",
        "a.b.c",
        "é.é.é",
        base64.urlsafe_b64encode(b"[" * 6000).decode() + ".e30.",
        signed({"exp": "soon"}),
        signed({"exp": 2**70}),
        jwt.api_jws.encode(b"[1]", KEY.private, algorithm="RS256"),
        "a" * (MAX_TOKEN_LENGTH + 1),
    ],
)
def test_what_is_no_token_is_unreadable(token: str) -> None:
    """Whatever is sent, the answer is a refusal."""
    assert flaw(token) is TokenFlaw.UNREADABLE


@given(st.text(), st.binary(), st.binary())
def test_any_text_is_refused(text: str, header: bytes, claims: bytes) -> None:
    """Nothing but `TokenError` comes out."""
    encoded = [base64.urlsafe_b64encode(each).decode().rstrip("=") for each in (header, claims)]

    assert flaw(text)
    assert flaw(".".join([*encoded, "AAAA"]))


# --- tokens for webhooks ------------------------------------------------------------------------


def test_webhook_gets_a_token_that_its_middleware_expects() -> None:
    """For the application it asked for, from the tenant it asked for, with Event Grid's role."""
    _, claims = parts(an_authority().token_for(TENANT.upper(), "api://hook"))

    assert claims["aud"] == "api://hook"
    assert (claims["iss"], claims["tid"]) == (f"{ORIGIN}/{TENANT}/v2.0", TENANT)
    assert claims["appid"] == claims["azp"] == EVENT_GRID_APPLICATION_ID
    assert claims["roles"] == ["AzureEventGridSecureWebhookSubscriber"]


def test_webhook_token_opens_nothing_here() -> None:
    """A subscription may name any audience; what its webhook gets must not manage the server."""
    assert flaw(an_authority().token_for("", AUDIENCE)) is TokenFlaw.APPLICATION


def test_webhook_token_is_kept_until_shortly_before_its_end() -> None:
    """One signature an hour and audience, and never a token that is about to expire."""
    now = [1000.0]
    authority = an_authority(now=lambda: now[0])
    first = authority.token_for(TENANT, "api://hook")

    now[0] += 3598 - 300
    again = authority.token_for(TENANT, "api://hook")
    other = authority.token_for(TENANT, "api://other")
    now[0] += 1
    fresh = authority.token_for(TENANT, "api://hook")

    assert again == first
    assert len({first, other, fresh}) == 3
    assert parts(fresh)[1]["exp"] == 1000 + 3299 + 3599


def test_webhook_token_survives_a_clock_that_is_set_back() -> None:
    """A token of the future would be refused by every webhook."""
    now = [100_000.0]
    authority = an_authority(now=lambda: now[0])
    authority.token_for(TENANT, "api://hook")

    now[0] = 1000.0

    assert parts(authority.token_for(TENANT, "api://hook"))[1]["nbf"] == 700


def test_kept_tokens_are_bounded() -> None:
    """Subscriptions come and go with audiences of any name."""
    authority = an_authority(now=lambda: 1000.0, kept_tokens=2)
    first, second = (authority.token_for(TENANT, name) for name in ("one", "two"))
    authority.token_for(TENANT, "three")

    assert authority.token_for(TENANT, "two") == second
    assert authority.token_for(TENANT, "one") != first


# --- keys and secrets ---------------------------------------------------------------------------


def test_signing_key_is_made_once_and_private(tmp_path: Path) -> None:
    """Tokens outlive a restart; only the owner reads the file, and no half of it is left."""
    first = load_or_create_key(tmp_path)
    again = load_or_create_key(tmp_path)
    (file,) = tmp_path.iterdir()

    assert first.jwk() == again.jwk()
    assert file.name == KEY_FILE
    assert file.stat().st_mode & 0o777 == 0o600


def test_key_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    """A start does not wait for it."""
    signing = open_signing(tmp_path)
    assert list(tmp_path.iterdir()) == []

    assert signing().jwk() == load_or_create_key(tmp_path).jwk() == signing().jwk()


def test_public_key_verifies_a_token() -> None:
    """As a receiver does it, with the key set alone."""
    (key,) = an_authority().jwks()["keys"]
    public = jwt.PyJWK(json.loads(json.dumps(key))).key

    assert jwt.decode(issue(), public, algorithms=["RS256"], audience=AUDIENCE)
    assert key["kid"] == "own"
    assert not key.keys() & {"d", "p", "q"}


def test_key_id_is_the_thumbprint(tmp_path: Path) -> None:
    """RFC 7638, so that another key has another id."""
    key = load_or_create_key(tmp_path)
    text = json.dumps({name: key.jwk()[name] for name in ("e", "kty", "n")}, separators=(",", ":"))

    assert key.id == jwt.utils.base64url_encode(_sha256(text)).decode()


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


@pytest.mark.parametrize(("content", "words"), [("", "empty"), ("no key", "holds no key")])
def test_broken_signing_key_stops_the_start(tmp_path: Path, content: str, words: str) -> None:
    """The message names the file and the remedy."""
    (tmp_path / KEY_FILE).write_text(content)

    with pytest.raises(StartError, match=words) as raised:
        open_signing(tmp_path)

    assert "delete the file" in str(raised.value)


def test_secret_is_public_on_loopback_only(tmp_path: Path) -> None:
    """Elsewhere one is made, once, for its owner only; a setting of one's own comes first."""
    wide = Settings(data=tmp_path, host="0.0.0.0")
    proxied = Settings(data=tmp_path, public_url="https://hooks.example")
    made = application_secret(wide)

    assert application_secret(Settings(data=tmp_path)) == defaults.CLIENT_SECRET
    assert made == application_secret(wide) != defaults.CLIENT_SECRET
    assert made == application_secret(proxied)
    assert len(made) >= 32
    assert (tmp_path / SECRET_FILE).stat().st_mode & 0o777 == 0o600
    assert application_secret(Settings(host="0.0.0.0", client_secret="x" * 16)) == "x" * 16


def test_users_token_names_the_user() -> None:
    """The same object id each time, whatever the case of the name, and not the application's."""
    _, ann = parts(issue(username="ann@contoso.example"))
    _, again = parts(issue(username="Ann@Contoso.example"))
    _, bob = parts(issue(username="bob@contoso.example"))
    _, application = parts(issue())

    assert ann["oid"] == ann["sub"] == again["oid"]
    assert len({ann["oid"], bob["oid"], application["oid"]}) == 3
    assert (ann["idtyp"], ann["preferred_username"]) == ("user", "ann@contoso.example")
    assert ann["appid"] == application["appid"] == defaults.CLIENT_ID
    assert an_authority().verify(issue(username="ann"), [AUDIENCE]).oid
