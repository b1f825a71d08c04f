"""The ready message for people."""

import io
import subprocess
from pathlib import Path

import pytest

from switchhook.cli.banner import (
    render,
    render_azure_exports,
    render_trust_exports,
    wants_color,
)
from tests.rules.test_endpoints import some_endpoints


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Always."""
        return True


def test_banner_names_all_that_a_client_needs() -> None:
    """Endpoints, connection string, keys, bundle and data folder are there to be copied."""
    text = render(some_endpoints(), Path("/data"))

    for needed in (
        "https://localhost:2",
        "http://localhost:1",
        "endpoint=https://localhost:2/;accesskey=Y2s=",
        "https://localhost:2/topics/dev-topic/api/events",
        "dGs=",
        "+15555550100",
        "/data",
    ):
        assert needed in text


def test_banner_has_three_lines_to_paste() -> None:
    """One line each for requests, Python's ssl and Node, all naming the bundle."""
    lines = render(some_endpoints(), Path("/data")).splitlines()

    assert [line.strip() for line in lines if "export" in line] == [
        "export REQUESTS_CA_BUNDLE=/tls/bundle.pem",
        "export SSL_CERT_FILE=/tls/bundle.pem",
        "export NODE_EXTRA_CA_CERTS=/tls/bundle.pem",
    ]


def test_plain_banner_has_no_escapes() -> None:
    """A file or a pipe gets text."""
    assert "\x1b" not in render(some_endpoints(), Path("/data"))
    assert "\x1b[1m" in render(some_endpoints(), Path("/data"), is_colored=True)


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_color_is_for_terminals_that_want_it(
    stream: io.StringIO, environment: dict[str, str], expected: bool
) -> None:
    """NO_COLOR counts when it is not empty, as no-color.org asks."""
    assert wants_color(stream, environment) is expected


def test_exports_are_lines_that_a_shell_evaluates(tmp_path: Path) -> None:
    """`eval "$(switchhook endpoints --exports-azure)"` sets all that clients need."""
    lines = render_azure_exports(some_endpoints())
    shell = subprocess.run(
        ["/bin/sh", "-c", f'{lines}\nenv | grep "^COMMUNICATION_CONNECTION_STRING="'],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    told = some_endpoints().communication.connection_string
    assert shell.stdout == f"COMMUNICATION_CONNECTION_STRING={told}\n"
    assert len(lines.splitlines()) == 10


def test_trust_changes_nothing_for_other_programs() -> None:
    """`--exports` has the lines of the banner: no credential, no authority of Azure's clients."""
    lines = render_trust_exports(some_endpoints()).splitlines()

    assert lines == [
        "export REQUESTS_CA_BUNDLE=/tls/bundle.pem",
        "export SSL_CERT_FILE=/tls/bundle.pem",
        "export NODE_EXTRA_CA_CERTS=/tls/bundle.pem",
    ]


def test_banner_shows_some_of_the_other_resources() -> None:
    """With the connection string of each; of many it says how to list them."""
    text = render(some_endpoints("contoso"), Path("/data"))
    many = render(some_endpoints(*map(str, range(8))), Path("/data"))

    assert "Communication Services  contoso\n  connection  endpoint=https://localhost:2/;" in text
    assert "more: " not in text
    assert "and 3 more: switchhook communication list" in many
    assert many.count("accesskey=a2V5") == 5
