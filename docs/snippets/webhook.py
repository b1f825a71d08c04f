"""A webhook for the Event Grid schema, which prints its events: its port is the argument."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Webhook(BaseHTTPRequestHandler):
    """Agrees to the handshake, and prints everything else."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one delivery."""
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = b""
        for event in events:
            if event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent":
                code = event["data"]["validationCode"]
                answer = json.dumps({"validationResponse": code}).encode()
            else:
                print(event["eventType"], event["subject"], event["data"], flush=True)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing else."""


port = int(sys.argv[1]) if len(sys.argv) > 1 else 7071
server = ThreadingHTTPServer(("127.0.0.1", port), Webhook)
print(f"listening on port {server.server_port}", flush=True)
server.serve_forever()
