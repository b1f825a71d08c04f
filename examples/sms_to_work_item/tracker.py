"""A stand-in for Azure DevOps, to run the example without an account; work items stay in memory.

It answers the two requests that the handler makes: creation of a work item by a JSON patch, and
the search for a tag by a query in WIQL. As in Azure DevOps, a token is the password without a user.
"""

import base64
import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "a-token-for-the-example"  # noqa: S105  nothing is behind it
PROJECT = "/contoso/support"

WorkItems = list[dict[str, Any]]


@contextlib.contextmanager
def running_tracker(listener: socket.socket | None = None) -> Iterator[tuple[str, WorkItems]]:
    """The URL of its one project, and the work items there; `listener` is a socket to use."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Tracker, bind_and_activate=False)
    server.socket.close()
    server.socket = listener or socket.create_server(("127.0.0.1", 0))
    server.socket.listen()
    _Tracker.work_items = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}{PROJECT}", _Tracker.work_items
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Tracker(BaseHTTPRequestHandler):
    work_items: WorkItems

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        password = base64.b64encode(f":{TOKEN}".encode()).decode()
        if self.headers["authorization"] != f"Basic {password}":
            self._answer(401, {"message": "Access denied."})
        elif self.path == f"{PROJECT}/_apis/wit/wiql?api-version=7.1":
            self._answer(200, {"workItems": self._found(body["query"])})
        elif self.path == f"{PROJECT}/_apis/wit/workitems/$Task?api-version=7.1":
            self._create(body)
        else:
            self._answer(404, {"message": f"There is no {self.path}."})

    def _found(self, query: str) -> WorkItems:
        tag = re.search(r"\[System\.Tags\] CONTAINS '([^']+)'", query)
        return [
            {"id": item["id"]}
            for item in self.work_items
            if tag and tag[1] in item["fields"]["System.Tags"].split("; ")
        ]

    def _create(self, patch: list[dict[str, Any]]) -> None:
        if self.headers["content-type"] != "application/json-patch+json":
            self._answer(415, {"message": "A JSON patch is expected."})
            return
        fields = {each["path"].removeprefix("/fields/"): each["value"] for each in patch}
        item = {"id": len(self.work_items) + 1, "rev": 1, "fields": fields}
        self.work_items.append(item)
        self._answer(200, item)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""
