"""What does the chart show?"""

from xml.etree import ElementTree

import pytest

from bench.bars import BARS
from bench.chart import progress, svg
from bench.model import Bar
from tests.bench.builders import a_result

SVG = "{http://www.w3.org/2000/svg}"


def test_chart_is_well_formed_and_has_every_judged_bar() -> None:
    """One horizontal bar each, with its name; figures without a must are not drawn."""
    results = [a_result(number) for number in BARS]
    root = ElementTree.fromstring(svg(results))  # noqa: S314  it is our own
    judged = [bar for bar in BARS.values() if bar.must is not None]
    names = {each.text for each in root.iter(f"{SVG}text")}

    assert {bar.number for bar in judged} <= names
    assert [title.text for title in root.iter(f"{SVG}title")] == [bar.what for bar in judged]
    marks = [each for each in root.iter(f"{SVG}line") if each.get("class") == "ambition"]
    assert len(marks) == sum(bar.ambition is not None for bar in judged)


def test_colours_follow_the_reader() -> None:
    """The chart can be read on dark pages, too."""
    assert "prefers-color-scheme: dark" in svg([a_result()])


def test_missed_bar_is_seen() -> None:
    """It has a colour of its own."""
    assert 'rect class="missed"' in svg([a_result(ours=(20.0,))])
    assert 'rect class="missed"' not in svg([a_result()])


@pytest.mark.parametrize(
    ("must", "is_ceiling", "value", "length"),
    [
        (0.4, False, 0.2, 0.5),
        (0.4, False, 0.8, 2.0),
        (0.4, False, 9.0, 4.0),
        (2.0, True, 1.0, 2.0),
        (2.0, True, 4.0, 0.5),
        (2.0, True, 0.0, 4.0),
        (0, True, 0, 1.0),
        (0, True, 3, 0.0),
    ],
)
def test_must_is_at_one(must: float, *, is_ceiling: bool, value: float, length: float) -> None:
    """What must stay small grows longer the smaller it is."""
    assert progress(Bar("T", "what", must, is_ceiling=is_ceiling), value) == length
