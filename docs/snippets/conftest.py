"""A server for this test run, and a webhook that keeps the events it gets."""

# ruff: noqa: S101, S603 - the tests' helpers assert, the command is our own

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

OPTIONS = "--http-port 0 --https-port 0 --virtual-clock --chat-rate-limits off --json"


class Server:
    """A server that runs; `ready` is the line that it printed."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready
        self.connection_string: str = ready["communication"]["connection_string"]
        self._management_token = Path(ready["data"], "management-token").read_text().strip()

    def call(self, method: str, path: str, body: object, token: str = "") -> None:
        """Send a request, which must succeed."""
        headers = {"Authorization": f"Bearer {token or self._management_token}"}
        connection = HTTPConnection(urlsplit(self.ready["http_endpoint"]).netloc)
        with closing(connection):
            connection.request(method, path, json.dumps(body), headers)
            response = connection.getresponse()
            answer = response.read().decode()
        assert response.status < 300, answer

    def wait_idle(self) -> None:
        """Return when every event that is due was delivered."""
        self.call("POST", "/providers/Switchhook.EventGrid/waitIdle", {"timeout": "PT30S"})

    def advance(self, by: str) -> None:
        """Move the clock, such as by PT24H or P30D; what comes due on the way has happened."""
        self.call("POST", "/providers/Switchhook.EventGrid/clocks/default/advance", {"by": by})

    def reset(self) -> None:
        """Forget events, deliveries, messages and threads; resources and users stay."""
        self.call("POST", "/providers/Switchhook.EventGrid/reset", {"all": False})


class Webhook(BaseHTTPRequestHandler):
    """Agrees to the handshake, and keeps everything else."""

    events: list[dict[str, Any]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        """Answer one delivery."""
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {}
        if events[0]["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent":
            answer = {"validationResponse": events[0]["data"]["validationCode"]}
        else:
            self.events.extend(events)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in a folder of its own, which commands find by a variable."""
    data = tmp_path_factory.mktemp("switchhook")
    log = data / "server.log"
    with log.open("wb") as stderr:
        command = ["switchhook", "serve", "--data", str(data), *OPTIONS.split()]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr)
    with process, pytest.MonkeyPatch.context() as environment:
        try:
            line = process.stdout.readline()
            if not line:
                pytest.fail(log.read_text())
            ready = json.loads(line)
            environment.setenv("SWITCHHOOK_DATA", str(data))
            environment.setenv("SSL_CERT_FILE", ready["ca_bundle"])
            environment.setenv("REQUESTS_CA_BUNDLE", ready["ca_bundle"])
            yield Server(ready)
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def subscribed(server: Server) -> Iterator[list[dict[str, Any]]]:
    """A webhook that gets the events of the default Communication Services resource."""
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{receiver.server_port}/hook"
    command = ["switchhook", "subscription", "create", "tests", "--endpoint", endpoint]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    yield Webhook.events
    receiver.shutdown()
    receiver.server_close()


@pytest.fixture
def events(server: Server, subscribed: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """What the webhook got in this test; nothing is left for the next one."""
    yield subscribed
    server.wait_idle()
    server.reset()
    subscribed.clear()
