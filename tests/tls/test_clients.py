"""Real clients reach the server with nothing but the exported variables."""

import asyncio
import os
import sys
from datetime import UTC, datetime

import pytest

from switchhook.cli.banner import TRUST_VARIABLES
from switchhook.settings import Settings
from switchhook.tls import prepare, server_context
from tests.node import node
from tests.tls.conftest import Serve

REQUESTS = "import requests, sys; print(requests.get(sys.argv[1], timeout=5).text)"
URLLIB = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
AIOHTTP = """
import aiohttp, asyncio, sys
async def get():
    async with aiohttp.request("GET", sys.argv[1]) as response:
        print(await response.text())
asyncio.run(get())
"""
NODE = """
require("https").get(process.argv[1], (answer) => {
  answer.on("data", (text) => console.log(String(text)));
});
"""


@pytest.mark.parametrize("script", [REQUESTS, URLLIB, AIOHTTP], ids=["requests", "ssl", "aiohttp"])
async def test_python_client_trusts_the_server(
    settings: Settings, serve: Serve, script: str
) -> None:
    """Azure's Python clients stand on requests and aiohttp."""
    assert await output_of(settings, serve, sys.executable, "-c", script) == "ok"


async def test_node_client_trusts_the_server(settings: Settings, serve: Serve) -> None:
    """Azure's JavaScript clients stand on Node's https."""
    assert await output_of(settings, serve, node(), "-e", NODE) == "ok"


async def output_of(settings: Settings, serve: Serve, *command: str) -> str:
    """What a client prints that is given the server's URL and the exported variables."""
    certificates = prepare(settings, os.environ, datetime.now(UTC))
    port = await serve(server_context(certificates))
    trust = dict.fromkeys(TRUST_VARIABLES, str(certificates.bundle))
    process = await asyncio.create_subprocess_exec(
        *command,
        f"https://localhost:{port}",
        env={**os.environ, **trust, "NO_PROXY": "localhost"},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        output, _ = await process.communicate()
    return output.decode().strip()
