"""Every snippet of the documentation runs against a server."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchhook.authority import Applications, Authority, open_signing
from switchhook.cli.banner import TRUST_VARIABLES
from tests.browser.pages import chromium
from tests.node import CLIENTS, node_with_clients
from tests.system.server_process import Command, ServerProcess

SNIPPETS = Path(__file__).parent.parent.parent / "docs/snippets"

TENANT = "11111111-2222-4333-8444-555555555555"

pytestmark = pytest.mark.system


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command in a user folder of the test's own."""
    return Command(tmp_path / "user")


@pytest.fixture
async def server(command: Command, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server of its own."""
    process = await command.serve(tmp_path / "data")
    yield process
    await process.stop()


async def test_sms_is_sent(server: ServerProcess) -> None:
    """The SMS client needs the connection string and the exported variables."""
    output = await run(server, "send_sms.py", server.ready.communication.connection_string)

    assert output.startswith("True ")


async def test_event_is_published(server: ServerProcess) -> None:
    """The Event Grid client needs endpoint, key and the exported variables."""
    assert await run(server, "publish.py", server.ready.topic.endpoint, server.ready.topic.key)


async def test_webhook_agrees_and_prints(server: ServerProcess, command: Command) -> None:
    """It takes the handshake of an event subscription, and then an event."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SNIPPETS / "webhook.py"), "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            port = (await process.stdout.readline()).split()[-1].decode()
            words = (
                "--topic",
                server.ready.topic.name,
                "--endpoint",
                f"http://127.0.0.1:{port}/hook",
            )
            data = ("--data", str(server.data))
            assert (await command.run("subscription", "create", "hook", *words, *data)).code == 0
            await run(server, "publish.py", server.ready.topic.endpoint, server.ready.topic.key)
            printed_line = (await process.stdout.readline()).decode()
    finally:
        process.kill()
        await process.wait()

    assert printed_line == "Shop.OrderPlaced orders/1 {'total': 3}\n"


async def test_delivery_is_verified(server: ServerProcess) -> None:
    """The token that Event Grid sends to a protected webhook, and no other, passes the check."""
    origin = server.ready.https_endpoint
    authority = Authority(
        signing=open_signing(server.data), origins=[origin], applications=Applications({})
    )
    token = authority.token_for(TENANT, "api://orders-hook")

    output = await run(server, "verify_delivery.py", origin, TENANT, "api://orders-hook", token)

    assert output == "4962773b-9cdb-44cf-a8bf-237846a00ab7\n"


CHATTED = "Lunch: Alice: Soup?\n"


async def test_program_chats(server: ServerProcess) -> None:
    """The clients for Python need the connection string and the exported variables."""
    connection_string = server.ready.communication.connection_string

    assert await run(server, "chat.py", connection_string) == CHATTED


async def test_program_for_node_chats(server: ServerProcess, tmp_path: Path) -> None:
    """Those for JavaScript as well."""
    program = beside_the_clients(tmp_path, "chat.mjs") / "chat.mjs"
    connection_string = server.ready.communication.connection_string

    output = await printed(server, node_with_clients(), str(program), connection_string)

    assert output == CHATTED


async def test_page_chats(server: ServerProcess, command: Command, tmp_path: Path) -> None:
    """Two users of the command line sign in, and hear each other."""
    data = ("--data", str(server.data))
    words = ("thread", "create", "--topic", "dinner", "--as", "alice", "--with", "bob")
    assert (await command.run("chat", *words, *data)).code == 0
    tokens = [
        (await command.run("chat", "user", "token", name, *data)).stdout.strip()
        for name in ("alice", "bob")
    ]
    folder = beside_the_clients(tmp_path, "chat_page.html", "chat_page.js")
    script = str(CLIENTS.parent / "chat_page.mjs")
    visit = (chromium(), str(folder), server.ready.https_endpoint, *tokens)

    seen = json.loads(await printed(server, node_with_clients(), script, *visit))

    said = ["in the thread dinner", "connected", "Alice: Soup?", "Bob: Salad!"]
    assert seen == [said, said]


async def test_run_of_tests_has_its_own_server(command: Command, tmp_path: Path) -> None:
    """The tests start a server, hear exactly what a chat publishes, and end the server."""
    for name in ("conftest.py", "test_chat.py"):
        shutil.copy(SNIPPETS / name, tmp_path)
    folder = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-p", "no:asyncio", "-p", "no:cacheprovider"),
        *("-W", "error", "--rootdir", str(tmp_path), "--basetemp", str(tmp_path / "runs")),
        str(tmp_path),
        env=command.environment | {"PATH": folder},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()

    assert "2 passed" in output.decode(), output.decode()
    data = tmp_path / "runs/switchhook0"
    assert (data / "management-token").exists()
    assert not (data / "endpoints.json").exists()


def test_every_snippet_is_run_here() -> None:
    """A new snippet needs a test of its own."""
    tested = Path(__file__).read_text()

    assert all(path.name in tested for path in SNIPPETS.iterdir())


def beside_the_clients(folder: Path, *snippets: str) -> Path:
    """A folder like the one of a program that has installed the JavaScript clients."""
    node_with_clients()
    (folder / "node_modules").symlink_to(CLIENTS)
    for name in snippets:
        shutil.copy(SNIPPETS / name, folder)
    return folder


async def run(server: ServerProcess, snippet: str, *arguments: str) -> str:
    """What a snippet in Python prints; it must succeed."""
    return await printed(server, sys.executable, str(SNIPPETS / snippet), *arguments)


async def printed(server: ServerProcess, *words: str) -> str:
    """What a command prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *words,
        env={**os.environ, **dict.fromkeys(TRUST_VARIABLES, server.ready.ca_bundle)},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate()

    assert process.returncode == 0
    return output.decode()
