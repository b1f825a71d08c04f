"""A server that cannot start as asked says why in one line and ends with 2."""

import socket
from pathlib import Path

import pytest

from tests.system.conftest import Serve
from tests.system.server_process import Command, Ended

pytestmark = pytest.mark.system

FREE_PORTS = ("--http-port", "0", "--https-port", "0")


def the_line(ended: Ended) -> str:
    """The only line that a refused command printed."""
    assert ended.code == 2, ended
    assert ended.stdout == ""
    lines = [line for line in ended.stderr.splitlines() if line.startswith("switchhook: ")]
    assert len(lines) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    return lines[0]


async def test_a_second_process_on_a_data_folder_is_refused(serve: Serve, command: Command) -> None:
    """The message names the folder; the first server goes on."""
    server = await serve()

    ended = await command.run("serve", "--data", str(server.data), *FREE_PORTS)

    assert str(server.data) in the_line(ended)
    assert server.is_running
    assert await server.stop() == 0


async def test_a_killed_server_leaves_its_data_folder_free(serve: Serve) -> None:
    """The lock is the process's own and goes with it."""
    server = await serve()

    await server.kill()

    assert (await serve()).is_running


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--http-prt", "0"), "--http-prt"),
        (("--http-port", "many"), "--http-port"),
        (("--http-port", "70000"), "--http-port"),
        (("--checkpoint-interval", "-1"), "--checkpoint-interval"),
        (("--tls-cert", "/nowhere/cert.pem"), "--tls-cert"),
    ],
)
async def test_a_wrong_option_is_refused(
    command: Command, tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    """The message names it."""
    ended = await command.run("serve", "--data", str(tmp_path), *words)

    assert named in the_line(ended)


async def test_an_unknown_variable_is_refused(command: Command, tmp_path: Path) -> None:
    """A misspelt variable would otherwise have no effect, silently."""
    ended = await command.run(
        "serve", "--data", str(tmp_path), environment={"SWITCHHOOK_HTP_PORT": "0"}
    )

    assert "SWITCHHOOK_HTP_PORT" in the_line(ended)


async def test_an_unknown_line_of_the_file_is_refused(command: Command, tmp_path: Path) -> None:
    """The message names the line's option and the file."""
    config = tmp_path / "switchhook.toml"
    config.write_text("htp_port = 0\n")

    ended = await command.run("serve", "--data", str(tmp_path), "--config", str(config))

    line = the_line(ended)
    assert "htp_port" in line
    assert str(config) in line


async def test_a_taken_port_is_refused(command: Command, tmp_path: Path) -> None:
    """The message names the port and the option that chooses another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = await command.run(
            "serve", "--data", str(tmp_path / "data"), "--http-port", port, "--https-port", "0"
        )

    line = the_line(ended)
    assert port in line
    assert "--http-port" in line


async def test_a_wrong_entry_of_the_file_is_refused(command: Command, tmp_path: Path) -> None:
    """What a resource's own rules refuse is said in one line, too."""
    config = tmp_path / "switchhook.toml"
    config.write_text(
        '[[subscriptions]]\nname = "orders"\ntopic = "nowhere"\nendpoint = "http://127.0.0.1:9/"\n'
    )

    ended = await command.run(
        *("serve", "--data", str(tmp_path / "data"), "--config", str(config)), *FREE_PORTS
    )

    assert "orders" in the_line(ended)


async def test_a_wrong_connection_string_is_refused(command: Command, tmp_path: Path) -> None:
    """The message names the account, and keeps the secret."""
    config = tmp_path / "switchhook.toml"
    config.write_text('[[storage_accounts]]\nname = "letters"\nconnection_string = "s3cret"\n')

    ended = await command.run(
        *("serve", "--data", str(tmp_path / "data"), "--config", str(config)), *FREE_PORTS
    )

    assert "'letters'" in the_line(ended)
    assert "s3cret" not in ended.stderr
