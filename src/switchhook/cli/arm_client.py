"""How do commands reach the running server? Over its management routes, like any client.

The data folder tells where: `endpoints.json`, written when the server is ready, and the token.
"""

import argparse
import http.client
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from switchhook.cli.json_read import read_json
from switchhook.endpoints import load
from switchhook.errors import ConnectError, RequestError, StartError
from switchhook.grid.resources.ids import COMMUNICATION, EVENT_GRID
from switchhook.management_token import read_token
from switchhook.settings import read_data_folder

API_VERSION = "2025-02-15"
CLOCK = "/providers/Switchhook.EventGrid/clocks/default"
TIMEOUT = 60.0  # seconds; a handshake may take half of it twice
# How long a command waits for an operation: two tries of a handshake, and the pause between them.
OPERATION_TIMEOUT = 90.0
_QUIET = 1.0  # an operation that takes longer deserves a word
_POLL_PAUSE = 0.2

Body = dict[str, Any]


class ArmClient:
    """A client of one server's management routes. Not for use by several threads at once."""

    def __init__(
        self,
        *,
        url: str,
        token: str,
        subscription_id: str,
        resource_group: str,
        patience: float = OPERATION_TIMEOUT,
    ) -> None:
        self._url = url
        self._token = token
        self._patience = patience
        self._address = urlsplit(url)
        self._subscription = f"/subscriptions/{subscription_id}"
        self._group = f"{self._subscription}/resourceGroups/{resource_group}"
        self.warnings: list[str] = []

    @classmethod
    def open(
        cls,
        data: str | None = None,
        environ: Mapping[str, str] = os.environ,
        *,
        patience: float = OPERATION_TIMEOUT,
    ) -> "ArmClient":
        """The client of the server that runs on a data folder.

        Raises:
            ConnectError: none does.
        """
        folder = read_data_folder({"data": data}, environ, Path.cwd())
        endpoints = load(folder)
        try:
            token = read_token(folder)
        except StartError as error:
            raise ConnectError(str(error)) from error
        return cls(
            url=endpoints.http_endpoint,
            token=token,
            subscription_id=endpoints.subscription_id,
            resource_group=endpoints.resource_group,
            patience=patience,
        )

    def grid_id(self, kind: str, name: str) -> str:
        """The id of a resource of Event Grid, such as one of the `topics`."""
        return f"{self._group}/providers/{EVENT_GRID}/{kind}/{quote(name, safe='')}"

    def topic_id(self, name: str) -> str:
        """The id of a custom topic."""
        return self.grid_id("topics", name)

    def domain_id(self, name: str) -> str:
        """The id of a domain, or of one of its topics as `domain/topic`."""
        domain, slash, topic = name.partition("/")
        below = f"/topics/{quote(topic, safe='')}" if slash else ""
        return self.grid_id("domains", domain) + below

    def storage_account_id(self, name: str) -> str:
        """The id of a storage account, of which there need be no more than the id."""
        name = quote(name, safe="")
        return f"{self._group}/providers/Microsoft.Storage/storageAccounts/{name}"

    def communication_id(self, name: str) -> str:
        """The id of a Communication Services resource."""
        name = quote(name, safe="")
        return f"{self._group}/providers/{COMMUNICATION}/CommunicationServices/{name}"

    def subscription_path(self, rest: str) -> str:
        """A path below the Azure subscription, for lists over all groups."""
        return f"{self._subscription}/providers/{rest}"

    def get(self, path: str) -> Body:
        """GET a resource."""
        return self._call("GET", path)

    def lines(self, path: str) -> Iterator[Body]:
        """GET a stream of JSON objects, a line each, as they come; it ends when the server does."""
        connection = self._connection()
        try:
            response = self._send(connection, "GET", path, None)
            if response.status >= HTTPStatus.BAD_REQUEST:
                _read(response.status, response.read())
            for line in response:
                if line.strip():
                    yield read_json(line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ConnectError(f"{self._url} does not answer any more: {error}") from error
        finally:
            connection.close()

    def list(self, path: str) -> Iterator[Body]:
        """GET every page of a list."""
        following: str | None = path
        while following:
            answer = self._call("GET", following)
            yield from answer.get("value", [])
            link = urlsplit(answer.get("nextLink") or "")
            following = f"{link.path}?{link.query}" if link.path else None

    def put(self, path: str, body: Body, *, waiting: str = "") -> Body:
        """PUT a resource, and wait for the end of the operation; `waiting` is said meanwhile."""
        return self._finished(path, "PUT", body, waiting)

    def patch(self, path: str, body: Body, *, waiting: str = "") -> Body:
        """PATCH a resource, and wait for the end of the operation; `waiting` is said meanwhile."""
        return self._finished(path, "PATCH", body, waiting)

    def post(self, path: str, body: Body | None = None, *, timeout: float | None = TIMEOUT) -> Body:
        """POST an action; None as timeout waits as long as it takes."""
        return self._exchange("POST", path, body or {}, timeout)[0]

    def delete(self, path: str) -> None:
        """DELETE a resource; one that is not there counts as deleted."""
        self._call("DELETE", path)

    def remove(self, path: str) -> int:
        """DELETE a resource for somebody who typed its name; the exit code.

        As in Azure, one that is not there is no error; a typing error should not go unseen, though.
        """
        try:
            self.get(path)
        except RequestError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            print(f"nothing to delete: {error}", file=sys.stderr)
            return 0
        self.delete(path)
        return 0

    def _finished(self, path: str, method: str, body: Body, waiting: str) -> Body:
        answer, headers = self._exchange(method, path, body)
        operation = headers.get("azure-asyncoperation")
        if operation is None:
            return answer
        link = urlsplit(operation)
        started = time.monotonic()
        while True:
            status = self._call("GET", f"{link.path}?{link.query}")
            if status["status"] != "InProgress":
                break
            waited = time.monotonic() - started
            if waited >= self._patience:
                raise self._timed_out(path)
            if waited >= _QUIET and waiting:
                print(f"{waiting} ...", file=sys.stderr)
                waiting = ""
            time.sleep(min(_POLL_PAUSE, self._patience))
        if status["status"] != "Succeeded":
            error = status.get("error", {})
            raise RequestError(400, error.get("code", ""), error.get("message", ""))
        return self.get(path)

    def _timed_out(self, path: str) -> RequestError:
        found = self.get(path).get("properties", {})
        return RequestError(
            504,
            "OperationTimedOut",
            f"the operation has not ended after {self._patience:g} seconds and goes on: "
            f"'{path.rpartition('/')[2]}' is {found.get('provisioningState', 'in progress')}",
        )

    def _call(self, method: str, path: str, body: Body | None = None) -> Body:
        return self._exchange(method, path, body)[0]

    def _exchange(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        timeout: float | None = TIMEOUT,
    ) -> tuple[Body, Mapping[str, str]]:
        connection = self._connection(timeout)
        try:
            response = self._send(connection, method, path, body)
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ConnectError(f"no server answers at {self._url}: {error}") from error
        finally:
            connection.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        self._note_warning(found)
        return _read(response.status, text), found

    def _connection(self, timeout: float | None = TIMEOUT) -> http.client.HTTPConnection:
        host = self._address.hostname or ""
        return http.client.HTTPConnection(host, self._address.port, timeout=timeout)

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Body | None
    ) -> http.client.HTTPResponse:
        target = path if "?" in path else f"{path}?api-version={API_VERSION}"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        connection.request(method, target, content, headers)
        return connection.getresponse()

    def _note_warning(self, headers: Mapping[str, str]) -> None:
        if "warning" in headers:
            self.warnings.append(headers["warning"].partition('"')[2].rstrip('"'))


def add_options(parser: argparse.ArgumentParser) -> None:
    """What every command that talks to the server takes."""
    parser.add_argument("--data", metavar="DIR", help="the data folder of the server")
    parser.add_argument("--json", action="store_true", help="print JSON as the server answers it")


def _read(status: int, text: bytes) -> Body:
    try:
        body = read_json(text) if text.strip() else {}
    except ValueError:
        body = {}
    if status < 400:
        return body if isinstance(body, dict) else {}
    error = body.get("error", {}) if isinstance(body, dict) else {}
    raise RequestError(
        status,
        error.get("code", str(status)),
        error.get("message", text.decode("utf-8", "replace")[:200]),
    )
