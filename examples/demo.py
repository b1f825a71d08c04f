"""The main road in five seconds: an SMS sent with the official SDK arrives at a webhook as events.

Starts a server on free ports and a throw-away folder, subscribes a webhook twice (every SMS event;
only those of numbers that begin with +1999, of which there are none), lets Carol opt out by texting
STOP, sends to Ann, Bob and Carol with `azure-communication-sms`, and prints what the webhook
receives. Ends with 0 only if that is what should have come.

    python examples/demo.py
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANN, BOB, CAROL = "+14255550100", "+14255554004", "+14255550102"
PATIENCE_SECONDS = 20


class Webhook(BaseHTTPRequestHandler):
    """Answers the validation handshake, and prints and keeps the events that come."""

    protocol_version = "HTTP/1.1"
    received: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012  one for all requests
    arrived = threading.Condition()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        events = json.loads(body)
        if self.headers["aeg-event-type"] == "SubscriptionValidation":
            self._answer({"validationResponse": events[0]["data"]["validationCode"]})
            return
        self._answer({})
        with self.arrived:
            for event in events:
                print(f"  webhook {self.path}  {readable(event)}")
                self.received.append((self.path, event))
            self.arrived.notify_all()

    def _answer(self, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


def readable(event: dict[str, Any]) -> str:
    """An SMS event in one line."""
    data = event["data"]
    kind = event["eventType"].rpartition(".")[2]
    if kind == "SMSReceived":
        return f"{kind}: {data['from']} texts {data['message']!r} to {data['to']}"
    details = data["deliveryStatusDetails"]
    return f"{kind}: {data['from']} to {data['to']}: {data['deliveryStatus']} ({details})"


@contextlib.contextmanager
def server(folder: str) -> Iterator[dict[str, Any]]:
    """A running server: what it says of itself when it is ready."""
    command = ["serve", "--data", folder, "--http-port", "0", "--https-port", "0", "--json"]
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "switchhook", *command], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None  # noqa: S101  it is a pipe
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the server did not start")
        yield json.loads(line)
    finally:
        process.terminate()
        if process.wait(PATIENCE_SECONDS) != 0:
            print(f"the server ended with {process.returncode}", file=sys.stderr)


def switchhook(folder: str, *words: str) -> None:
    """A command of the `switchhook` command line."""
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "switchhook", *words, "--data", folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def send(told: dict[str, Any]) -> list[Any]:
    """Send to all three with the official client, over HTTPS, as a user would."""
    # requests reads this variable, so the SDK needs no change: `export REQUESTS_CA_BUNDLE=...`
    os.environ["REQUESTS_CA_BUNDLE"] = told["ca_bundle"]
    from azure.communication.sms import SmsClient

    communication = told["communication"]
    client = SmsClient.from_connection_string(communication["connection_string"])
    return list(
        client.send(
            from_=toll_free(told),
            to=[ANN, BOB, CAROL],
            message="Your table is ready.",
            enable_delivery_report=True,
            tag="demo",
        )
    )


def toll_free(told: dict[str, Any]) -> str:
    """One of the resource's numbers that keeps a list of who opted out."""
    numbers: list[str] = told["communication"]["numbers"]
    return next(number for number in numbers if number.startswith("+1800"))


def wait_for(count: int) -> list[tuple[str, dict[str, Any]]]:
    """What the webhook has received, once it is so many events or patience ends."""
    with Webhook.arrived:
        Webhook.arrived.wait_for(lambda: len(Webhook.received) >= count, PATIENCE_SECONDS)
        return list(Webhook.received)


def main() -> int:
    """Play the road through; answer the process's exit code."""
    started = time.monotonic()
    webhook = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=webhook.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{webhook.server_port}"
    with tempfile.TemporaryDirectory() as folder, server(folder) as told:
        name, number = told["communication"]["name"], toll_free(told)
        print(f"server   {told['https_endpoint']} and {told['http_endpoint']}")
        on = ("--communication", name)
        create = ("subscription", "create")
        switchhook(folder, *create, "all-sms", *on, "--endpoint", f"{url}/all")
        prefix = ("--subject-begins-with", "/phonenumber/1999")
        switchhook(folder, *create, "none", *on, "--endpoint", f"{url}/none", *prefix)
        print("subscriptions   all-sms (every SMS event), none (/phonenumber/1999)")

        print(f"Carol ({CAROL}) texts STOP to {number}")
        switchhook(folder, "sms", "receive", "--from", CAROL, "--to", number, "STOP")
        wait_for(1)
        print("sending with azure-communication-sms to Ann, Bob and Carol")
        results = send(told)
        for result in results:
            print(f"  accepted {result.to}: {result.http_status_code} {result.message_id}")
        received = wait_for(4)
    webhook.shutdown()
    return judge(results, received, time.monotonic() - started)


def judge(results: list[Any], received: list[tuple[str, dict[str, Any]]], seconds: float) -> int:
    """Whether exactly the right events came; says so."""
    outcomes = {
        event["data"]["to"]: event["data"].get("deliveryStatus")
        for path, event in received
        if path == "/all" and "deliveryStatus" in event["data"]
    }
    texts = [event["data"].get("message") for path, event in received if path == "/all"]
    checks = {
        "three messages were accepted": [r.successful for r in results] == [True] * 3,
        "Ann's message was delivered": outcomes.get(ANN) == "Delivered",
        "Bob's failed: his number does not exist": outcomes.get(BOB) == "Failed",
        "Carol's was blocked: she had opted out": outcomes.get(CAROL) == "Failed",
        "Carol's STOP arrived": texts.count("STOP") == 1,
        "each event came once": len(received) == 4,
        "the filtered subscription got nothing": all(path == "/all" for path, _ in received),
    }
    print()
    for check, holds in checks.items():
        print(f"  {'ok ' if holds else 'NOT'} {check}")
    print(f"\n{len(received)} events in {seconds:.1f} s")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
