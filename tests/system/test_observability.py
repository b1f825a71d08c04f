"""The running server is watched as orchestrators and Prometheus do it."""

import base64
from pathlib import Path

import aiohttp
import pytest

from tests.system.conftest import Serve
from tests.system.publishing import publish

pytestmark = pytest.mark.system


async def test_running_server_can_be_watched(serve: Serve) -> None:
    """It is live, ready, and says how many events its log holds."""
    server = await serve()
    await publish(server.ready, "a", "b")
    async with aiohttp.ClientSession(server.ready.http_endpoint) as http:
        answers = []
        for path in ("/health/live", "/health/ready", "/metrics"):
            async with http.get(path) as answer:
                answers.append((answer.status, await answer.text()))

    assert answers[0] == (200, '{"status":"live"}')
    assert answers[1] == (200, '{"status":"ready"}')
    assert "switchhook_log_end_position 2.0" in answers[2][1]


async def test_metrics_of_a_server_with_a_public_url_need_the_token(
    serve: Serve, tmp_path: Path
) -> None:
    """Other machines reach it through a proxy; the token of the data folder opens them."""
    config = tmp_path / "switchhook.toml"
    keys = [base64.b64encode(bytes(size)).decode() for size in (64, 32)]
    config.write_text('communication_key = "{}"\ntopic_key = "{}"\n'.format(*keys))
    server = await serve("--public-url", "https://hooks.example", "--config", str(config))
    url = f"{server.ready.http_endpoint.replace('hooks.example', 'localhost')}/metrics"
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as answer:
            refused = answer.status
        async with http.get(url, headers={"Authorization": f"Bearer {server.token}"}) as answer:
            allowed = answer.status

    assert (refused, allowed) == (401, 200)
