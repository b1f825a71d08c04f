"""The command `switchhook`: what it knows, and how it refuses."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from switchhook.cli.main import COMMANDS, build_parser, main
from switchhook.endpoints import save
from tests.rules.test_endpoints import some_endpoints


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_module(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each entry of the table leads to a module that explains itself."""
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])

    assert f"usage: switchhook {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serv"], "serv is no command (did you mean serve?)"),
        (["endpoints", "--jsno"], "endpoints does not know --jsno (did you mean --json?)"),
        (["new-key", "extra"], "new-key does not know extra"),
        (["replay", "list", "--topic", "a"], "replay list does not know --topic; see replay list"),
        (
            ["replay", "start", "--topc", "a", "x"],
            "replay start does not know --topc (did you mean",
        ),
    ],
)
def test_unknown_words_are_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on the error output, exit code 2."""
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.err.startswith(f"switchhook: {words}")
    assert output.out == ""


def test_missing_server_is_said(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that needs a server says where it looked; exit code 1."""
    folder = tmp_path_factory.mktemp("data")

    assert main(["endpoints", "--data", str(folder)]) == 1
    assert str(folder) in capsys.readouterr().err


@pytest.mark.parametrize("form", ["--exports", "--exports-azure"])
def test_exports_say_how_other_commands_find_the_server(
    form: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beside the lines that a shell evaluates, and only where they would not find it."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    save(folder, some_endpoints())

    assert main(["endpoints", form, "--data", str(folder)]) == 0
    printed = capsys.readouterr()
    assert printed.err.endswith(f"export SWITCHHOOK_DATA='{folder}'\n")
    assert "SWITCHHOOK" not in printed.out

    monkeypatch.setenv("SWITCHHOOK_DATA", str(folder))
    assert main(["endpoints", form]) == 0
    assert capsys.readouterr().err == ""


def test_new_key_is_fit_for_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    """What it prints passes the check of keys, and is another each time."""
    assert main(["new-key"]) == main(["new-key"]) == 0
    first, second = capsys.readouterr().out.split()

    assert len(base64.b64decode(first)) == 32
    assert first != second


def test_light_commands_load_no_server() -> None:
    """Start-up time: `--version` loads neither the server nor its libraries."""
    script = (
        "import sys, switchhook.cli.main\n"
        "heavy = {'starlette', 'uvicorn', 'apsw', 'cryptography', 'switchhook.server'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert answer.stdout.strip() == b"[]"


@pytest.mark.parametrize(
    "words",
    [
        "sms receive --from 1 --to 2 hello",
        "chat send --as alice 19:t hello",
        "chat thread list --as alice",
        "chat user list",
        "communication number add +15555550123",
        "communication events show",
        "events emit SMSReceived",
    ],
)
def test_resource_is_named_alike_everywhere(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--communication` or `--name`, but not both; help has one of them."""
    parser = build_parser([words.split()[0]])

    for option in ("--communication", "--name"):
        assert parser.parse_args([*words.split(), option, "contoso"]).communication == "contoso"
    assert parser.parse_args(words.split()).communication == "dev-communication"
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args([*words.split(), "--name", "a", "--communication", "b"])
    assert "not allowed with" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="0"):
        parser.parse_args([*words.split(), "--help"])
    assert "--name" not in capsys.readouterr().out
