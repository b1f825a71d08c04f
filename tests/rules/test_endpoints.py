"""Endpoints: which addresses clients are told, and how other commands find them."""

import json
import os
import stat
from pathlib import Path

import pytest

from switchhook.endpoints import (
    Endpoints,
    Origins,
    communication_endpoint,
    default_endpoints,
    forget,
    load,
    origins,
    save,
    to_line,
)
from switchhook.errors import ConnectError
from switchhook.settings import Settings


@pytest.mark.parametrize(
    ("given", "http", "https"),
    [
        ({}, "http://localhost:1", "https://localhost:2"),
        ({"host": "0.0.0.0"}, "http://localhost:1", "https://localhost:2"),
        ({"host": "10.0.0.5"}, "http://10.0.0.5:1", "https://10.0.0.5:2"),
        ({"host": "fd00::5"}, "http://[fd00::5]:1", "https://[fd00::5]:2"),
        ({"public_url": "https://hook:9443"}, "http://hook:1", "https://hook:9443"),
        ({"public_url": "http://hook"}, "http://hook", "https://hook:2"),
    ],
)
def test_origins_are_what_clients_can_reach(given: dict[str, str], http: str, https: str) -> None:
    """The public URL goes into links as it stands; the other listener keeps its own port."""
    assert origins(Settings(**given), 1, 2) == Origins(http, https)  # type: ignore[arg-type] # one table


def test_line_has_the_documented_members() -> None:
    """Scripts rely on these names."""
    line = to_line(some_endpoints())

    assert "\n" not in line
    assert {
        name: list(value) if isinstance(value, dict) else None
        for name, value in json.loads(line).items()
    } == {
        "http_endpoint": None,
        "https_endpoint": None,
        "data": None,
        "ca_bundle": None,
        "ca": None,
        "subscription_id": None,
        "resource_group": None,
        "communication": [
            "name",
            "resource_id",
            "endpoint",
            "access_key",
            "connection_string",
            "numbers",
        ],
        "topic": ["name", "resource_id", "endpoint", "key"],
        "authority": ["authority_host", "tenant_id", "client_id", "client_secret"],
        "communications": None,
    }


def test_other_resources_have_the_members_of_the_default_one() -> None:
    """All are behind one endpoint; the key makes the difference."""
    line = json.loads(to_line(some_endpoints("contoso")))

    (other,) = line["communications"]
    assert set(other) == set(line["communication"])
    assert (other["name"], other["endpoint"]) == ("contoso", "https://localhost:2")
    assert other["connection_string"] == "endpoint=https://localhost:2/;accesskey=a2V5"


def test_endpoints_of_an_older_server_are_read(tmp_path: Path) -> None:
    """Its file has no list of other resources."""
    save(tmp_path, some_endpoints())
    (file,) = tmp_path.iterdir()
    content = json.loads(file.read_text())
    del content["communications"]
    file.write_text(json.dumps(content))

    assert load(tmp_path) == some_endpoints()


def test_addresses_are_as_clients_take_them() -> None:
    """Connection string and topic endpoint have Azure's form."""
    endpoints = some_endpoints()

    assert (
        endpoints.communication.connection_string == "endpoint=https://localhost:2/;accesskey=Y2s="
    )
    assert endpoints.topic.endpoint == "https://localhost:2/topics/dev-topic/api/events"


def test_saved_endpoints_are_for_their_owner_only(tmp_path: Path) -> None:
    """The file holds keys."""
    save(tmp_path, some_endpoints())
    (file,) = tmp_path.iterdir()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load(tmp_path) == some_endpoints()


def test_forgotten_endpoints_are_gone(tmp_path: Path) -> None:
    """After a stop other commands are told that no server runs."""
    save(tmp_path, some_endpoints())
    forget(tmp_path)

    with pytest.raises(ConnectError, match="no server runs"):
        load(tmp_path)


def test_endpoints_of_another_process_stay(tmp_path: Path) -> None:
    """A second server that is refused the data folder does not hide the first one."""
    write_as(tmp_path, pid=os.getppid())
    forget(tmp_path)

    assert load(tmp_path) == some_endpoints()


def test_endpoints_of_a_killed_server_do_not_count(tmp_path: Path) -> None:
    """A process that was killed could not forget."""
    write_as(tmp_path, pid=2**22 + 1)  # above what Linux gives out

    with pytest.raises(ConnectError, match="no server runs"):
        load(tmp_path)


def write_as(folder: Path, pid: int) -> None:
    """Save the endpoints as another process would have."""
    save(folder, some_endpoints())
    (file,) = folder.iterdir()
    file.write_text(json.dumps({**json.loads(file.read_text()), "pid": pid}))


def some_endpoints(*others: str) -> Endpoints:
    """What a server on ports 1 and 2 announces; `others` names resources."""
    return default_endpoints(
        Origins("http://localhost:1", "https://localhost:2"),
        data=Path("/data"),
        ca=Path("/tls/ca.pem"),
        bundle=Path("/tls/bundle.pem"),
        communication_key="Y2s=",
        topic_key="dGs=",
        client_secret="the client's secret",
        numbers=("+15555550100",),
        others=tuple(
            communication_endpoint("https://localhost:2", name, f"/of/{name}", "a2V5", ())
            for name in others
        ),
    )
