"""An Identity engine over a store, clocks that the test moves, and Entra tokens to exchange."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from switchhook import defaults
from switchhook.authority import Applications, Authority
from switchhook.authority.signer import Signer
from switchhook.authority.signing_key import SigningKey
from switchhook.clock import SECOND, VirtualClock
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.engine import IdentityEngine, OnDelete
from switchhook.communication.identity.requests import CreateUser, TokenRequest
from switchhook.communication.resources import CommunicationResource
from switchhook.grid.ports import Store
from switchhook.grid.publish import CommitEvents
from switchhook.stores.memory import MemoryStore
from tests.flow.sms.world import a_resource
from tests.flow.stores import commits_to

KEY = SigningKey(generate_private_key(65537, 2048), "own")
OTHER_KEY = SigningKey(generate_private_key(65537, 2048), "own")
ORIGIN = "https://localhost:8443"
OTHER_IMMUTABLE_ID = "5a1f0000-0000-4000-8000-0000000000f1"
CHAT = TokenRequest(scopes=(Scope.CHAT,))


class RealTime:
    """Real time as a test has it: in nanoseconds, it stands still until it is set."""

    def __init__(self) -> None:
        # Entra's tokens are checked by the machine's clock: these have to agree with it.
        self.now = time.time_ns() // SECOND * SECOND

    def __call__(self) -> int:
        return self.now

    def move(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += int(seconds * SECOND)


@dataclass
class IdentityWorld:
    """What a test holds."""

    store: Store
    clock: VirtualClock
    time: RealTime
    directory: CommunicationDirectory
    resource: CommunicationResource
    authority: Authority
    engine: IdentityEngine

    async def create(self, **members: Any) -> str:
        """A new user's raw id."""
        raw_id, token = await self.engine.create(self.resource, CreateUser(**members))
        assert token is None
        return raw_id

    async def token(self, raw_id: str, *scopes: Scope) -> str:
        """A user's token."""
        request = TokenRequest(scopes=scopes or (Scope.CHAT,))
        return (await self.engine.issue(self.resource, raw_id, request)).token

    def entra_token(self, audience: str, **members: Any) -> str:
        """A token of the authority."""
        given = {"audience": audience, "application_id": defaults.CLIENT_ID} | members
        return self.authority.issue(**given)


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def another_resource(**members: Any) -> CommunicationResource:
    """A second resource of the same server."""
    values: dict[str, Any] = {
        "name": "other",
        "immutable_id": OTHER_IMMUTABLE_ID,
        "keys": ("b3RoZXIgMQ==", "b3RoZXIgMg=="),
    }
    return a_resource(**(values | members))


def a_world(
    *,
    store: Store | None = None,
    commit: CommitEvents | None = None,
    key: SigningKey = KEY,
    on_delete: OnDelete = lambda resource, raw_id, at: [],
    deleted: Callable[[int], None] = lambda at: None,
    random_bytes: Callable[[int], bytes] = lambda count: uuid.uuid4().bytes[:count],
) -> IdentityWorld:
    """An engine with one resource and no users."""
    the_store: Store = store or MemoryStore()
    clock, real_time = VirtualClock(), RealTime()
    resource = a_resource()
    directory = CommunicationDirectory()
    directory.put(resource)
    authority = Authority(
        signing=lambda: Signer(key),
        origins=(ORIGIN,),
        applications=Applications({defaults.CLIENT_ID: defaults.CLIENT_SECRET}),
    )

    engine = IdentityEngine(
        store=the_store,
        commit=commit or commits_to(the_store),
        clock=clock,
        directory=directory,
        signing=lambda: authority.signing,
        verify=authority.verify,
        new_guid=uuid.uuid4,
        random_bytes=random_bytes,
        now=real_time,
        on_delete=on_delete,
        deleted=deleted,
    )
    return IdentityWorld(
        store=the_store,
        clock=clock,
        time=real_time,
        directory=directory,
        resource=resource,
        authority=authority,
        engine=engine,
    )
