"""Where does a running server answer, and with which keys? As scripts and other commands learn it.

A server that is ready writes a file into its data folder, for its owner alone; `switchhook
endpoints` and the commands that talk to a server read it.
"""

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from switchhook import defaults
from switchhook.errors import ConnectError
from switchhook.settings import Settings, is_loopback

# The tenant that clients are told: for this one they look up nothing in the internet.
LOGIN_TENANT = "adfs"

_FILE = "endpoints.json"
_ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class CommunicationEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A Communication Services resource; all are behind one endpoint, told apart by their keys."""

    name: str
    resource_id: str
    endpoint: str
    access_key: str
    connection_string: str
    numbers: tuple[str, ...]


class TopicEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The default topic."""

    name: str
    resource_id: str
    endpoint: str
    key: str


class AuthorityEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where tokens come from, and the application that is registered there."""

    authority_host: str
    tenant_id: str
    client_id: str
    client_secret: str


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """All that a client needs; `--json` prints exactly these members.

    `communication` and `topic` are the default resources; `communications` are the other
    Communication Services resources that there were when the server was ready.
    """

    http_endpoint: str
    https_endpoint: str
    data: str
    ca_bundle: str
    ca: str
    subscription_id: str
    resource_group: str
    communication: CommunicationEndpoint
    topic: TopicEndpoint
    authority: AuthorityEndpoint
    communications: tuple[CommunicationEndpoint, ...] = ()


class Origins(NamedTuple):
    """Scheme, host and port of both listeners, as clients write them; without a final slash."""

    http: str
    https: str


class _Owner(msgspec.Struct, frozen=True):
    """What the file holds besides the endpoints: the process that wrote it."""

    pid: int


def origins(settings: Settings, http_port: int, https_port: int) -> Origins:
    """The origins in links and connection strings, given the ports that the listeners got."""
    if settings.public_url:
        public = urlsplit(settings.public_url)
        host = _in_url(public.hostname or "")
        own = Origins(f"http://{host}:{http_port}", f"https://{host}:{https_port}")
        return own._replace(**{public.scheme: settings.public_url})
    host = "localhost"
    if not is_loopback(settings.host) and settings.host not in _ANY_ADDRESS:
        host = _in_url(settings.host)
    return Origins(f"http://{host}:{http_port}", f"https://{host}:{https_port}")


def topic_endpoint(origin: str, name: str) -> str:
    """Where events are published to a topic."""
    return f"{origin}/topics/{name}/api/events"


def connection_string(origin: str, access_key: str) -> str:
    """What the clients' `from_connection_string` takes."""
    return f"endpoint={origin}/;accesskey={access_key}"


def communication_endpoint(
    origin: str, name: str, resource_id: str, access_key: str, numbers: tuple[str, ...]
) -> CommunicationEndpoint:
    """What the clients of a resource need."""
    return CommunicationEndpoint(
        name=name,
        resource_id=resource_id,
        endpoint=origin,
        access_key=access_key,
        connection_string=connection_string(origin, access_key),
        numbers=numbers,
    )


def default_endpoints(
    addresses: Origins,
    *,
    data: Path,
    ca: Path,
    bundle: Path,
    communication_key: str,
    topic_key: str,
    client_secret: str,
    numbers: tuple[str, ...],
    others: tuple[CommunicationEndpoint, ...] = (),
) -> Endpoints:
    """The endpoints of a server with the default resources, given the keys that they have now."""
    group = f"/subscriptions/{defaults.SUBSCRIPTION_ID}/resourceGroups/{defaults.RESOURCE_GROUP}"
    return Endpoints(
        http_endpoint=addresses.http,
        https_endpoint=addresses.https,
        data=str(data),
        ca_bundle=str(bundle),
        ca=str(ca),
        subscription_id=defaults.SUBSCRIPTION_ID,
        resource_group=defaults.RESOURCE_GROUP,
        communication=communication_endpoint(
            addresses.https,
            defaults.COMMUNICATION_NAME,
            f"{group}/providers/Microsoft.Communication/CommunicationServices/"
            + defaults.COMMUNICATION_NAME,
            communication_key,
            numbers,
        ),
        topic=TopicEndpoint(
            name=defaults.TOPIC_NAME,
            resource_id=f"{group}/providers/Microsoft.EventGrid/topics/{defaults.TOPIC_NAME}",
            endpoint=topic_endpoint(addresses.https, defaults.TOPIC_NAME),
            key=topic_key,
        ),
        authority=AuthorityEndpoint(
            authority_host=addresses.https,
            tenant_id=LOGIN_TENANT,
            client_id=defaults.CLIENT_ID,
            client_secret=client_secret,
        ),
        communications=others,
    )


def to_line(endpoints: Endpoints) -> str:
    """One line of JSON, without its end."""
    return msgspec.json.encode(endpoints).decode()


def save(folder: Path, endpoints: Endpoints) -> None:
    """Tell other commands where this process answers."""
    content = {"pid": os.getpid(), **msgspec.to_builtins(endpoints)}
    fresh = folder / f".{_FILE}-{os.getpid()}"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(content))
    fresh.replace(folder / _FILE)


def forget(folder: Path) -> None:
    """Take that back, unless another process has written it."""
    try:
        owner = msgspec.json.decode((folder / _FILE).read_bytes(), type=_Owner)
    except (OSError, msgspec.DecodeError):
        return
    if owner.pid == os.getpid():
        (folder / _FILE).unlink(missing_ok=True)


def load(folder: Path) -> Endpoints:
    """The endpoints of the server that runs on this data folder.

    Raises:
        ConnectError: none runs.
    """
    try:
        content = (folder / _FILE).read_bytes()
        owner = msgspec.json.decode(content, type=_Owner)
        endpoints = msgspec.json.decode(content, type=Endpoints)
    except PermissionError as error:
        raise ConnectError(f"the server on {folder} belongs to another user") from error
    except (OSError, msgspec.DecodeError) as error:
        raise ConnectError(_none_runs(folder)) from error
    if not _is_alive(owner.pid):
        raise ConnectError(_none_runs(folder))
    return endpoints


def _none_runs(folder: Path) -> str:
    return (
        f"no server runs on the data folder {folder}: start one with `switchhook serve`, or name "
        "its folder with --data"
    )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 asks only whether the process is there
    except ProcessLookupError:
        return False  # killed before it could forget
    except PermissionError:
        return True
    return True


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
