"""Does the index find just the subscriptions whose filter selects an event?"""

from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.grid.filters import matches
from switchhook.grid.match_index import MatchIndex
from switchhook.grid.subscriptions import Filter

# Few letters, so that prefixes nest and meet; with the characters that lower-casing lengthens or
# that sort around the slash.
_texts = st.text(alphabet="aAbB/.İßΣς", max_size=5)
_types = st.sampled_from(["", "Shop.OrderPlaced", "shop.orderplaced", "Shop.OrderSent"])
_filters = st.builds(
    Filter,
    subject_begins_with=_texts,
    subject_ends_with=st.one_of(st.just(""), _texts),
    included_event_types=st.none() | st.lists(_types, max_size=3).map(tuple),
    is_subject_case_sensitive=st.booleans(),
)
_keys = st.integers(0, 7)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _keys, _filters),
        st.tuples(st.just("remove"), _keys),
        st.tuples(st.just("match"), _types, _texts),
    ),
    max_size=40,
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
            case (_, str(event_type), str(subject)):
                expected = {
                    key
                    for key, wanted in model.items()
                    if matches(
                        wanted, event_type, subject, ignores_leading_slash=ignores_leading_slash
                    )
                }
                found = list(index.match(event_type, subject))
                assert sorted(found) == sorted(expected)
        assert len(index) == len(model)


def _index(*prefixes: str) -> MatchIndex[str]:
    index = MatchIndex[str]()
    for prefix in prefixes:
        index.put(prefix, Filter(subject_begins_with=prefix))
    return index


def test_nested_prefixes_are_all_found() -> None:
    """A subject belongs to every prefix that it begins with, and to no neighbour of them."""
    index = _index("", "a", "a/b", "a/b/c", "a/bb", "a/c", "b")

    assert set(index.match("t", "a/b/c/d")) == {"", "a", "a/b", "a/b/c"}
    assert set(index.match("t", "a/b/z")) == {"", "a", "a/b"}
    assert set(index.match("t", "z")) == {""}


def test_prefix_between_two_others_can_come_and_go() -> None:
    """Its longer prefixes are found through it, and without it again."""
    index = _index("a", "a/b/c", "a/b/d")

    index.put("a/b", Filter(subject_begins_with="a/b"))
    with_it = set(index.match("t", "a/b/c"))
    index.remove("a/b")

    assert with_it == {"a", "a/b", "a/b/c"}
    assert set(index.match("t", "a/b/c")) == {"a", "a/b/c"}
    assert set(index.match("t", "a/b/d")) == {"a", "a/b/d"}


def test_prefix_that_comes_last_is_found_below_the_longer_ones() -> None:
    """The nearest of them leads to it, and the others lead to that one as before."""
    index = _index("a/b", "a/b/c", "a/d")

    index.put("a", Filter(subject_begins_with="a"))

    assert set(index.match("t", "a/b/c")) == {"a", "a/b", "a/b/c"}
    assert set(index.match("t", "a/d")) == {"a", "a/d"}


def test_empty_event_type_is_matched_once() -> None:
    """It is also the name under which the index keeps those that want every type."""
    index = MatchIndex[str]()
    index.put("every", Filter())
    index.put("empty", Filter(included_event_types=("",)))

    assert sorted(index.match("", "s")) == ["empty", "every"]
    assert list(index.match("t", "s")) == ["every"]


def test_replaced_filter_is_forgotten() -> None:
    """`put` of a known key leaves nothing of the filter before it."""
    index = _index("a")

    index.put("a", Filter(subject_begins_with="b"))

    assert list(index.match("t", "a")) == []
    assert list(index.match("t", "b")) == ["a"]
    assert len(index) == 1


def test_empty_index_matches_nothing() -> None:
    """Also when everything was removed, and when what is removed was never there."""
    index = _index("a")

    index.remove("a")
    index.remove("never")

    assert list(index.match("t", "a")) == []
    assert not index
