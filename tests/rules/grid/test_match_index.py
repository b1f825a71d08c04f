"""Does the index find just the subscriptions whose filter selects an event?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.grid.advanced_filters import find_equality
from switchhook.grid.event_values import EventValues
from switchhook.grid.events import Event
from switchhook.grid.filters import matches
from switchhook.grid.match_entries import MatchEntries
from switchhook.grid.match_index import MatchIndex
from switchhook.grid.subscriptions import AdvancedFilter, Filter, FilterOperator
from tests.builders import a_routed_event
from tests.rules.grid.random_filters import events, filters
from tests.rules.grid.watched_event import a_watched_event

_keys = st.integers(0, 15)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _keys, filters),
        st.tuples(st.just("remove"), _keys),
        st.tuples(st.just("match"), events),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(_steps, st.booleans())
def test_index_agrees_with_asking_each_filter(
    steps: list[tuple[object, ...]], ignores_leading_slash: bool
) -> None:
    """Through any history of subscriptions, each match is what `filters.matches` says, once."""
    index = MatchIndex[int](ignores_leading_slash=ignores_leading_slash)
    model: dict[int, Filter] = {}
    for step in steps:
        match step:
            case ("put", int(key), Filter() as wanted):
                index.put(key, wanted)
                model[key] = wanted
            case ("remove", int(key)):
                index.remove(key)
                model.pop(key, None)
            case (_, Event() as event):
                expected = {
                    key
                    for key, wanted in model.items()
                    if matches(wanted, event, ignores_leading_slash=ignores_leading_slash)
                }
                found = list(index.match(event))
                assert sorted(found) == sorted(expected)
                if whatever_it_is := index.match_any():
                    assert sorted(whatever_it_is) == sorted(expected)
        assert len(index) == len(model)


def _index(*prefixes: str) -> MatchIndex[str]:
    index = MatchIndex[str]()
    for prefix in prefixes:
        index.put(prefix, Filter(subject_begins_with=prefix))
    return index


def test_nested_prefixes_are_all_found() -> None:
    """A subject belongs to every prefix that it begins with, and to no neighbour of them."""
    index = _index("", "a", "a/b", "a/b/c", "a/bb", "a/c", "b")

    assert set(index.match(a_routed_event(type="t", subject="a/b/c/d"))) == {
        "",
        "a",
        "a/b",
        "a/b/c",
    }
    assert set(index.match(a_routed_event(type="t", subject="a/b/z"))) == {"", "a", "a/b"}
    assert set(index.match(a_routed_event(type="t", subject="z"))) == {""}


def test_prefix_between_two_others_can_come_and_go() -> None:
    """Its longer prefixes are found through it, and without it again."""
    index = _index("a", "a/b/c", "a/b/d")

    index.put("a/b", Filter(subject_begins_with="a/b"))
    with_it = set(index.match(a_routed_event(type="t", subject="a/b/c")))
    index.remove("a/b")

    assert with_it == {"a", "a/b", "a/b/c"}
    assert set(index.match(a_routed_event(type="t", subject="a/b/c"))) == {"a", "a/b/c"}
    assert set(index.match(a_routed_event(type="t", subject="a/b/d"))) == {"a", "a/b/d"}


def test_prefix_that_comes_last_is_found_below_the_longer_ones() -> None:
    """The nearest of them leads to it, and the others lead to that one as before."""
    index = _index("a/b", "a/b/c", "a/d")

    index.put("a", Filter(subject_begins_with="a"))

    assert set(index.match(a_routed_event(type="t", subject="a/b/c"))) == {"a", "a/b", "a/b/c"}
    assert set(index.match(a_routed_event(type="t", subject="a/d"))) == {"a", "a/d"}


def test_empty_event_type_is_matched_once() -> None:
    """It is also the name under which the index keeps those that want every type."""
    index = MatchIndex[str]()
    index.put("every", Filter())
    index.put("empty", Filter(included_event_types=("",)))

    assert sorted(index.match(a_routed_event(type="", subject="s"))) == ["empty", "every"]
    assert list(index.match(a_routed_event(type="t", subject="s"))) == ["every"]


def test_replaced_filter_is_forgotten() -> None:
    """`put` of a known key leaves nothing of the filter before it."""
    index = _index("a")

    index.put("a", Filter(subject_begins_with="b"))

    assert list(index.match(a_routed_event(type="t", subject="a"))) == []
    assert list(index.match(a_routed_event(type="t", subject="b"))) == ["a"]
    assert len(index) == 1


def test_who_wants_everything_is_known_without_an_event() -> None:
    """As long as nobody wants less."""
    index = MatchIndex[str]()
    assert index.match_any() == []
    index.put("all", Filter())
    index.put("all too", Filter(subject_begins_with=""))
    assert index.match_any() == ["all", "all too"]
    for less in (
        Filter(subject_begins_with="/a"),
        Filter(subject_ends_with="z"),
        Filter(included_event_types=("T",)),
        _wanting(FilterOperator.STRING_IN, "data.color", "red"),
    ):
        index.put("some", less)
        assert index.match_any() == []
        index.remove("some")
        assert index.match_any() == ["all", "all too"]


def test_empty_index_matches_nothing() -> None:
    """Also when everything was removed, and when what is removed was never there."""
    index = _index("a")

    index.remove("a")
    index.remove("never")

    assert list(index.match(a_routed_event(type="t", subject="a"))) == []
    assert not index


def _wanting(operator: str, key: str, *values: str, on_arrays: bool = False) -> Filter:
    wanted = AdvancedFilter(operator=FilterOperator(operator), key=key, values=values)
    return Filter(advanced=(wanted,), enable_advanced_filtering_on_arrays=on_arrays)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("EU", {"text"}),
        (1, {"number"}),
        (1.0, {"number"}),
        (True, {"flag"}),
        ("1", set()),
        (None, set()),
        (["eu", 1, True, "us", "EU"], {"text in array"}),
        ([], set()),
        ({}, set()),
    ],
)
def test_subscriptions_are_found_by_the_value_of_a_key(value: object, found: set[str]) -> None:
    """A truth value is not the number that Python takes it for; arrays need the switch."""
    index = MatchIndex[str]()
    index.put("text", _wanting("StringIn", "data.key", "eu", "US"))
    index.put("text in array", _wanting("StringIn", "data.key", "US", "us", "eu", on_arrays=True))
    index.put("number", _wanting("NumberIn", "data.key", "1", "2"))
    index.put("flag", _wanting("BoolEquals", "data.key", "true"))
    if value == "EU":
        found = found | {"text in array"}

    names = list(index.match(a_routed_event({"data": {"key": value}})))

    assert sorted(names) == sorted(found)


def test_events_that_no_advanced_filter_asks_about_are_not_decoded() -> None:
    """Asking about the envelope does not count."""
    index = MatchIndex[str]()
    asking = _wanting("IsNotNull", "data.key").advanced
    index.put("asks about others", Filter(included_event_types=("other",), advanced=asking))
    index.put("asks about the envelope", _wanting("StringIn", "Subject", "s"))
    index.put("asks nothing", Filter())
    event = a_watched_event({"data": {"key": 1}})

    assert len(list(index.match(event))) == 2
    assert event.reads == 0


def test_event_is_decoded_once_for_all_filters() -> None:
    """However many ask."""
    index = MatchIndex[int]()
    for number in range(10):
        index.put(number, _wanting("NumberLessThan", "data.key", str(number)))
    event = a_watched_event({"data": {"key": 6}})

    assert list(index.match(event)) == [7, 8, 9]
    assert event.reads == 1


def test_only_the_wanted_of_ten_thousand_values_is_a_candidate() -> None:
    """Nothing is left to check of it."""
    entries = MatchEntries[int]()
    for number in range(10_000):
        entries.add(number, _wanting("StringIn", "data.key", f"value-{number}"))
    event = a_watched_event({"data": {"key": "VALUE-77"}})
    values = EventValues(event)

    assert entries.match(values) == [77]
    assert list(entries.candidates(values)) == [(77, None)]


@pytest.mark.parametrize(
    "operators", [("BoolEquals", "StringIn"), ("BoolEquals", "NumberIn"), ("IsNotNull", "StringIn")]
)
def test_the_filter_that_tells_most_is_looked_up(operators: tuple[str, str]) -> None:
    """A truth value tells two groups apart only."""
    values = {"BoolEquals": ("true",), "IsNotNull": ()}
    advanced = tuple(
        AdvancedFilter(operator=FilterOperator(name), key="data", values=values.get(name, ("1",)))
        for name in operators
    )
    found = find_equality(advanced, on_arrays=False)

    assert found
    assert (found[0], found[1].lookup.operator) == (1, operators[1])
