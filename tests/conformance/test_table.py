"""The table of Event Grid's rules: is it whole, and does what it names exist?"""

import ast
import importlib
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tools.rules_table import FILES, SECTIONS, Rule, page, read_section
from tools.write_reference import REFERENCE

ROOT = Path(__file__).parent.parent.parent
MARKS = {"D", "S", "R", "T", "?"}

# How many rules each section has: a rule that is left out, or added, is seen here.
COUNTS = {
    2: 15,
    3: 19,
    4: 29,
    5: 29,
    6: 14,
    7: 15,
    8: 15,
    10: 12,
    11: 47,
    12: 17,
    13: 29,
    14: 28,
    15: 41,
    16: 19,
    17: 12,
    19: 9,
    23: 15,
    24: 19,
    25: 7,
    26: 16,
    27: 27,
}
RULES = [rule for number in SECTIONS for rule in read_section(number)]


@pytest.mark.parametrize("number", SECTIONS)
def test_section_has_all_its_rules(number: int) -> None:
    """None is dropped without notice."""
    assert len(read_section(number)) == COUNTS[number]


def test_every_file_is_a_section() -> None:
    """A file beside the sections would not be read."""
    assert {path.name for path in FILES.glob("*.toml")} == {
        f"section_{number:02}.toml" for number in SECTIONS
    }


@pytest.mark.parametrize("number", SECTIONS)
def test_ids_belong_to_their_section(number: int) -> None:
    """`EG-15.3-503`: the section, a subsection perhaps, and a name."""
    form = re.compile(rf"EG-{number}(\.\d)?-[A-Za-z0-9][A-Za-z0-9_-]*")

    assert [rule.id for rule in read_section(number) if not form.fullmatch(rule.id)] == []


def test_ids_are_unique() -> None:
    """An id means one rule."""
    assert [id_ for id_, count in Counter(rule.id for rule in RULES).items() if count > 1] == []


def test_every_rule_has_words_and_a_known_mark() -> None:
    """Words that fit a cell of a table."""
    assert [rule.id for rule in RULES if rule.mark not in MARKS] == []
    assert [rule.id for rule in RULES if not rule.rule or set(rule.rule) & {"|", "\n"}] == []


def test_every_rule_has_a_test_or_a_difference() -> None:
    """That is what the table is for."""
    assert [rule.id for rule in RULES if not rule.tests and not rule.difference] == []


def test_every_open_rule_says_how_it_is_read() -> None:
    """By the constant that decides, or in the list of differences."""
    assert [r.id for r in RULES if r.mark == "?" and not (r.setting or r.difference)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_named_evidence_exists(rule: Rule) -> None:
    """Each test, the constant, and the row of the differences."""
    assert [test for test in rule.tests if not _is_test(test)] == []
    assert len(set(rule.tests)) == len(rule.tests)
    if rule.setting:
        module, _, name = rule.setting.rpartition(".")
        assert hasattr(importlib.import_module(module), name)
    if rule.difference:
        assert rule.difference in _first_cells()


def test_page_is_up_to_date() -> None:
    """`make reference` was run after the last change of the table."""
    written = (REFERENCE / "event-grid-rules.md").read_text(encoding="utf-8")

    assert written == "\n".join([*page(), ""])


def _is_test(name: str) -> bool:
    """Whether `file::test`, `file::Class::test` or either with `[parameters]` can be found."""
    path, _, inside = name.partition("::")
    return inside.partition("[")[0] in _tests_of(path)


@cache
def _tests_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = set(_test_names(tree.body))
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{name}" for name in _test_names(node.body)}
    return frozenset(found)


def _test_names(body: list[ast.stmt]) -> Iterator[str]:
    functions = (node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return (node.name for node in functions if node.name.startswith("test_"))


@cache
def _first_cells() -> frozenset[str]:
    text = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return frozenset(re.split(r" \| ", row.removeprefix("| "), maxsplit=1)[0] for row in rows)
