"""How do chat commands reach the data plane? As any client: Identity by the key, Chat by a token.

A user is named by raw id (`8:acs:...`) or by a name of one's own, which Identity keeps as the
user's `customId`: the first use of a name makes the user.
"""

import argparse
import http.client
import json
import os
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from switchhook.cli.arm_client import API_VERSION, TIMEOUT, ArmClient, Body
from switchhook.cli.chat_signing import signed_headers
from switchhook.cli.json_read import read_json
from switchhook.endpoints import load
from switchhook.errors import ConnectError, RequestError, StartError
from switchhook.settings import read_data_folder

IDENTITY_VERSION = "2025-06-30"  # the first that knows `customId`
CHAT_VERSION = "2025-03-15"
CHAT_SCOPE = "chat"
_USERS = "Switchhook.Communication/users"
# How often a request is sent that is answered with a time to wait, and how long that may be.
TRIES = 4
LONGEST_WAIT = 30.0


def add_caller(parser: argparse.ArgumentParser) -> None:
    """The option that names the user on whose behalf a command is."""
    parser.add_argument(
        "--as",
        dest="caller",
        required=True,
        metavar="USER",
        help="the user who does it: a name of yours such as alice, or a raw id",
    )


def is_raw_id(user: str) -> bool:
    """Whether a user is named by raw id."""
    return ":" in user


def users_of(arguments: argparse.Namespace, named: str | None = None) -> list[Body]:
    """The users of the resource which the options name, or the one of that name; makes none."""
    arm = ArmClient.open(arguments.data)
    query = {"api-version": API_VERSION} | ({} if named is None else {"customId": named})
    resource = arm.communication_id(arguments.communication)
    return list(arm.list(f"{resource}/providers/{_USERS}?{urlencode(query)}"))


def existing_user(arguments: argparse.Namespace, user: str) -> str:
    """The raw id of a user who is there already, or is named by raw id.

    Raises:
        StartError: nobody has that name.
    """
    if is_raw_id(user):
        return user
    found = users_of(arguments, user)
    if not found:
        raise StartError(f"no such user: '{user}'; 'switchhook chat user list' shows who there is")
    return str(found[0]["name"])


class DataPlane:
    """The data plane of one resource, with its access key. Not for several threads at once."""

    def __init__(self, *, url: str, key: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url = url
        self._key = key
        self._sleep = sleep
        self._address = urlsplit(url)

    @classmethod
    def open(cls, arguments: argparse.Namespace) -> "DataPlane":
        """That of the resource which the options name.

        Raises:
            ConnectError: no server runs there.
            RequestError: it has no such resource.
        """
        arm = ArmClient.open(arguments.data)
        keys = arm.post(f"{arm.communication_id(arguments.communication)}/listKeys")
        folder = read_data_folder({"data": arguments.data}, os.environ, Path.cwd())
        return cls(url=load(folder).http_endpoint, key=keys["primaryKey"])

    def user_id(self, user: str) -> str:
        """The raw id of a user; a name that is new gets one."""
        return user if is_raw_id(user) else str(self.create_user(user)["identity"]["id"])

    def create_user(self, name: str | None) -> Body:
        """A new user, or the one of that name."""
        return self._identity("POST", "", {} if name is None else {"customId": name})

    def token(self, raw_id: str, scopes: list[str], minutes: int | None = None) -> Body:
        """A token of a user, as `token` and `expiresOn`."""
        body: Body = {"scopes": scopes}
        if minutes is not None:
            body["expiresInMinutes"] = minutes
        return self._identity("POST", f"/{quote(raw_id, safe='')}/:issueAccessToken", body)

    def revoke_tokens(self, raw_id: str) -> None:
        """Make all tokens of a user worthless."""
        self._identity("POST", f"/{quote(raw_id, safe='')}/:revokeAccessTokens", {})

    def delete_user(self, raw_id: str) -> None:
        """Delete a user."""
        self._identity("DELETE", f"/{quote(raw_id, safe='')}")

    def _identity(self, method: str, path: str, body: Body | None = None) -> Body:
        target = f"/identities{path}?api-version={IDENTITY_VERSION}"
        return self.exchange(method, target, body, "")

    def exchange(self, method: str, target: str, body: Body | None, token: str) -> Body:
        """One request, by that user's token or without one by the key; waits where it is told to.

        Raises:
            RequestError: the server refused it.
            ConnectError: none answered.
        """
        for _ in range(TRIES - 1):
            status, text, wait = self._once(method, target, body, token)
            if wait is None:
                return _read(status, text)
            self._sleep(wait)
        status, text, _ = self._once(method, target, body, token)
        return _read(status, text)

    def _once(
        self, method: str, target: str, body: Body | None, token: str
    ) -> tuple[int, bytes, float | None]:
        content = b"" if body is None else json.dumps(body).encode()
        host = self._address.netloc
        headers = {"Host": host, "Content-Type": _content_type(method)} | (
            {"Authorization": f"Bearer {token}"}
            if token
            else signed_headers(
                method, target, host=host, body=content, key=self._key, now=time.time()
            )
        )
        connection = http.client.HTTPConnection(
            self._address.hostname or "", self._address.port, timeout=TIMEOUT
        )
        try:
            connection.request(method, target, content, headers)
            response = connection.getresponse()
            return response.status, response.read(), _wait(response)
        except (OSError, http.client.HTTPException) as error:
            raise ConnectError(f"no server answers at {self._url}: {error}") from error
        finally:
            connection.close()


class ChatUser:
    """What a user does in chat. A token that no longer counts is renewed once."""

    def __init__(self, plane: DataPlane, raw_id: str, display_name: str | None) -> None:
        self.plane = plane
        self.raw_id = raw_id
        self.display_name = display_name
        self._token = ""

    @classmethod
    def open(cls, arguments: argparse.Namespace) -> "ChatUser":
        """The user whom `--as` names."""
        plane = DataPlane.open(arguments)
        user: str = arguments.caller
        return cls(plane, plane.user_id(user), None if is_raw_id(user) else user)

    def get(self, path: str, **query: object) -> Body:
        """GET below `/chat/threads`."""
        return self._call("GET", _target(path, query))

    def post(self, path: str, body: Body) -> Body:
        """POST below `/chat/threads`."""
        return self._call("POST", _target(path), body)

    def patch(self, path: str, body: Body) -> Body:
        """PATCH below `/chat/threads`."""
        return self._call("PATCH", _target(path), body)

    def delete(self, path: str) -> None:
        """DELETE below `/chat/threads`."""
        self._call("DELETE", _target(path))

    def pages(self, path: str, **query: object) -> Iterator[list[Body]]:
        """GET a list below `/chat/threads`, a page at a time."""
        target: str = _target(path, query)
        while target:
            answer = self._call("GET", target)
            yield answer["value"]
            link = urlsplit(answer.get("nextLink") or "")
            target = f"{link.path}?{link.query}" if link.path else ""

    def _call(self, method: str, target: str, body: Body | None = None) -> Body:
        if self._token:
            try:
                return self.plane.exchange(method, target, body, self._token)
            except RequestError as error:
                if error.status != HTTPStatus.UNAUTHORIZED:
                    raise
        self._token = self.plane.token(self.raw_id, [CHAT_SCOPE])["token"]
        return self.plane.exchange(method, target, body, self._token)


def thread_path(thread_id: str, *rest: str) -> str:
    """The path of a thread, or of what is in it; to be given to a `ChatUser`."""
    return "".join(f"/{quote(part, safe=':')}" for part in (thread_id, *rest))


def _target(path: str, query: dict[str, object] | None = None) -> str:
    return f"/chat/threads{path}?{urlencode({**(query or {}), 'api-version': CHAT_VERSION})}"


def _content_type(method: str) -> str:
    return "application/merge-patch+json" if method == "PATCH" else "application/json"


def _wait(response: http.client.HTTPResponse) -> float | None:
    """The seconds after which the server wants to be asked again."""
    text = response.headers.get("retry-after", "")
    if response.status < HTTPStatus.BAD_REQUEST or not (text.isascii() and text.isdigit()):
        return None
    return min(float(text), LONGEST_WAIT)


def _read(status: int, text: bytes) -> Body:
    try:
        found = read_json(text) if text.strip() else {}
    except ValueError:
        found = {}
    body: Body = found if isinstance(found, dict) else {}
    if status < HTTPStatus.BAD_REQUEST:
        return body
    error = body.get("error", {})
    message = error.get("message", text.decode("utf-8", "replace")[:200])
    raise RequestError(status, error.get("code", str(status)), message)
