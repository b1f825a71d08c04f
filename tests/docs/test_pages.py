"""The pages can be read where they lie, each can be found, and what they say to type is right."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchhook.cli.main import build_parser

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
SHELL = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?switchhook ([^|\n]+)", re.MULTILINE)
LANGUAGES = {".py": "python", ".js": "js", ".mjs": "js", ".html": "html"}
SNIPPETS = sorted((DOCS / "snippets").iterdir())


@pytest.mark.parametrize("page", PAGES)
def test_page_is_linked_and_in_the_menu(page: str) -> None:
    """The first page links every other; the menu of the site has each once."""
    assert page == "index.md" or f"]({page})" in (DOCS / "index.md").read_text()
    assert (DOCS.parent / "mkdocs.yml").read_text().count(f"- {page}\n") == 1


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_its_code(page: str) -> None:
    """Nothing is put in by the site's builder alone: the repository shows pages as they are."""
    assert not re.search(r"-{1,}8<-{1,}", (DOCS / page).read_text())


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda path: path.name)
def test_snippet_stands_in_a_page(snippet: Path) -> None:
    """What is tested as a file is what people copy."""
    kind = LANGUAGES[snippet.suffix]
    block = re.compile(rf"^```{kind}[^\n]*\n{re.escape(snippet.read_text())}```$", re.MULTILINE)

    assert any(block.search((DOCS / page).read_text()) for page in PAGES)


def commands(page: Path) -> Iterator[str]:
    """The commands of a page, without the pipes behind them."""
    for block in SHELL.findall(page.read_text()):
        yield from COMMAND.findall(block.replace("\\\n", " "))


COMMANDS = sorted(
    {
        command
        for page in (DOCS.parent / "README.md", *DOCS.rglob("*.md"))
        if page.name != "commands.md"
        for command in commands(page)
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_on_a_page_is_understood(command: str) -> None:
    """Every word is one that the command line knows."""
    words = shlex.split(command, comments=True)

    _, unknown = build_parser(words[:1]).parse_known_args(words)

    assert not unknown
