"""Every snippet of the documentation runs against a server."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchhook.authority import Applications, Authority, open_signing
from switchhook.cli.banner import TRUST_VARIABLES
from tests.system.server_process import Command, ServerProcess

SNIPPETS = Path(__file__).parent.parent.parent / "docs/snippets"

TENANT = "11111111-2222-4333-8444-555555555555"

pytestmark = pytest.mark.system


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server of its own."""
    process = await Command(tmp_path / "user").serve(tmp_path / "data")
    yield process
    await process.stop()


async def test_sms_is_sent(server: ServerProcess) -> None:
    """The SMS client needs the connection string and the exported variables."""
    output = await run(server, "send_sms.py", server.ready.communication.connection_string)

    assert output.startswith("True ")


async def test_event_is_published(server: ServerProcess) -> None:
    """The Event Grid client needs endpoint, key and the exported variables."""
    assert await run(server, "publish.py", server.ready.topic.endpoint, server.ready.topic.key)


async def test_delivery_is_verified(server: ServerProcess) -> None:
    """The token that Event Grid sends to a protected webhook, and no other, passes the check."""
    origin = server.ready.https_endpoint
    authority = Authority(
        signing=open_signing(server.data), origins=[origin], applications=Applications({})
    )
    token = authority.token_for(TENANT, "api://orders-hook")

    output = await run(server, "verify_delivery.py", origin, TENANT, "api://orders-hook", token)

    assert output == "4962773b-9cdb-44cf-a8bf-237846a00ab7\n"


def test_every_snippet_is_run_here() -> None:
    """A new snippet needs a test of its own."""
    tested = Path(__file__).read_text()

    assert all(path.name in tested for path in SNIPPETS.iterdir())


async def run(server: ServerProcess, snippet: str, *arguments: str) -> str:
    """What a snippet prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SNIPPETS / snippet),
        *arguments,
        env={**os.environ, **dict.fromkeys(TRUST_VARIABLES, server.ready.ca_bundle)},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate()

    assert process.returncode == 0
    return output.decode()
