"""The pages can be read where they lie, and each can be found."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
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
    block = re.compile(rf"^```python[^\n]*\n{re.escape(snippet.read_text())}```$", re.MULTILINE)

    assert any(block.search((DOCS / page).read_text()) for page in PAGES)
