"""Every setting and command is documented, and generated pages are up to date."""

import sys
from pathlib import Path

import pytest

from switchhook.cli.main import COMMANDS
from switchhook.settings.model import options
from tools.write_reference import REFERENCE, pages

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_settings_page_is_up_to_date() -> None:
    """`make reference` was run after the last change of a setting."""
    assert (REFERENCE / "settings.md").read_text() == pages()["settings.md"]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse words its help differently there")
def test_commands_page_is_up_to_date() -> None:
    """`make reference` was run after the last change of a command."""
    assert (REFERENCE / "commands.md").read_text() == pages()["commands.md"]


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_documented(command: str) -> None:
    """Each command has its heading."""
    assert f"## `switchhook {command}`" in (REFERENCE / "commands.md").read_text()


def test_pages_name_settings_that_exist() -> None:
    """A variable that a page mentions is one that the server reads."""
    known = {option.variable for option in options()} | {"SWITCHHOOK_CONFIG"}
    words = {
        word.strip("`.,;:()=$").split("=")[0]
        for page in DOCS.rglob("*.md")
        for word in page.read_text().split()
    }

    assert {word for word in words if word.startswith("SWITCHHOOK_")} <= known
