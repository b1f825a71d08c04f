"""The official JavaScript clients (@azure/communication-identity 1.3.1 and -common), unmodified."""

import asyncio
import json
import os
from datetime import datetime
from typing import Any

import pytest

from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.exchange import ENTRA_AUDIENCE, TEAMS_AUDIENCE
from switchhook.communication.identity.store import Assignment, PrincipalType
from switchhook.errors import RequestError
from tests.compat.identity.conftest import IdentityServer
from tests.flow.identity.world import claims_of
from tests.node import ROOT, node_with_clients

SCRIPT = ROOT / "tests/compat/js/identity.mjs"
ANN = "ann@contoso.example"


async def run(server: IdentityServer, **variables: str) -> Any:
    """What the script prints."""
    process = await asyncio.create_subprocess_exec(
        node_with_clients(),
        str(SCRIPT),
        env={
            "PATH": os.environ["PATH"],
            "NODE_EXTRA_CA_CERTS": str(server.ca),
            "CONNECTION_STRING": server.connection_string,
            "ENDPOINT": server.endpoint,
            **variables,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


@pytest.mark.system
async def test_javascript_clients_manage_and_exchange(secure_server: IdentityServer) -> None:
    """Users, tokens, their revocation, and three ways to exchange an Entra token."""
    world = secure_server.world
    teams = world.entra_token(TEAMS_AUDIENCE, username=ANN)
    entra = world.entra_token(ENTRA_AUDIENCE, username=ANN)
    claims = claims_of(teams)
    assignment = Assignment(principal_type=PrincipalType.USER)
    await world.engine.entra.assign(world.resource, claims["tid"], claims["oid"], assignment)

    answer = await run(
        secure_server,
        TEAMS=teams,
        ENTRA=entra,
        APP_ID=claims["appid"],
        USER_ID=claims["oid"],
    )

    after = await world.engine.caller_of(answer["after"]["token"])
    assert after.raw_id == answer["user"]
    assert after.scopes == {Scope.CHAT}
    for token in (answer["before"]["token"], answer["together"]["token"]):
        with pytest.raises(RequestError):
            await world.engine.caller_of(token)
    together = claims_of(answer["together"]["token"])
    expires_on = datetime.fromisoformat(answer["together"]["expiresOn"]).timestamp()
    assert (expires_on, together["acsScope"]) == (together["exp"], "chat,voip")
    assert together["skypeid"] == answer["together"]["user"]["communicationUserId"][2:]
    own = f"8:acs:{world.resource.immutable_id}"
    person = f"{claims['tid']}_{claims['oid']}"
    for name, raw_id in (
        ("teams", f"8:orgid:{claims['oid']}"),
        ("entra", f"{own}_wf_{person}"),
        ("extension", f"{own}_{person}"),
    ):
        assert (await world.engine.caller_of(answer[name]["token"])).raw_id == raw_id
    assert answer["entra"]["expiresOnTimestamp"] == claims_of(entra)["exp"] * 1000
    assert answer["gone"][:2] == [404, "IdentityNotFound"]
    assert answer["late"][:2] == [400, "ValidationError"]
