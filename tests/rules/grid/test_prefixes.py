"""Which of many prefixes does a text begin with, however they came and went?"""

from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.grid.prefixes import Prefixes

_texts = st.text("ab/", max_size=6)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(_texts, max_size=120)),
        st.tuples(st.just("remove"), st.lists(_texts, max_size=20)),
        st.tuples(st.just("of"), st.lists(_texts, min_size=1, max_size=20)),
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(_steps)
def test_just_those_that_the_text_begins_with_are_found(steps: list[tuple[str, list[str]]]) -> None:
    """Few at a time or very many, nested in any way."""
    prefixes = Prefixes[str]()
    model: set[str] = set()
    for step, texts in steps:
        for text in texts:
            if step == "put":
                prefixes.put(text, text)
                model.add(text)
            elif step == "remove" and text in model:
                prefixes.remove(text)
                model.remove(text)
            elif step == "of":
                expected = sorted(each for each in model if text.startswith(each))
                assert sorted(prefixes.of(text)) == expected
        assert len(prefixes) == len(model)


def test_value_is_replaced() -> None:
    """The prefix stays one."""
    prefixes = Prefixes[int]()
    prefixes.put("a", 1)
    prefixes.put("a", 2)

    assert prefixes.of("ab") == [2]
    assert prefixes.get("a", None) == 2
    assert prefixes.get("b", None) is None


def test_very_many_prefixes_of_one_family_come_at_once() -> None:
    """Each text has as many as it is long, though they came in no order."""
    prefixes = Prefixes[str]()
    for length in sorted(range(201), key=lambda number: number * 77 % 201):
        prefixes.put("a" * length, "a" * length)
        prefixes.put("b" * length, "b" * length)
    prefixes.arrange()

    prefixes.remove("aaa")

    assert sorted(prefixes.of("aaaab"), key=len) == ["", "a", "aa", "aaaa"]
    assert len(prefixes.of("b" * 300)) == 201
