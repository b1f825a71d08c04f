"""Which events does a filter select?"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.grid.events import Event, EventSchema
from switchhook.grid.filters import explain, matches, needs_ignored_slash, without_slash
from switchhook.grid.subscriptions import AdvancedFilter, Filter, FilterOperator
from tests.builders import a_routed_event
from tests.rules.grid.random_filters import events, filters

PHONE = "/phonenumber/15555550100"


@pytest.mark.parametrize(
    ("included", "event_type", "selected"),
    [
        (None, "Shop.OrderPlaced", True),
        (None, "", True),
        (("Shop.OrderPlaced",), "Shop.OrderPlaced", True),
        (("Shop.OrderSent", "Shop.OrderPlaced"), "Shop.OrderPlaced", True),
        (("Shop.OrderPlaced",), "Shop.OrderSent", False),
        (("Shop.OrderPlaced",), "shop.orderplaced", False),
        (("Shop.Order",), "Shop.OrderPlaced", False),
        ((), "Shop.OrderPlaced", False),
    ],
)
def test_event_types_match_exactly(
    included: tuple[str, ...] | None, event_type: str, selected: bool
) -> None:
    """None wants every type; otherwise one of the names, in its own case."""
    assert (
        matches(Filter(included_event_types=included), a_routed_event(type=event_type)) is selected
    )


@pytest.mark.parametrize(
    ("begins", "ends", "case_sensitive", "subject", "selected"),
    [
        ("", "", False, "", True),
        ("", "", True, "any/thing", True),
        ("orders/", "", False, "orders/17", True),
        ("orders/", "", False, "ORDERS/17", True),
        ("ORDERS/", "", False, "orders/17", True),
        ("orders/", "", True, "orders/17", True),
        ("orders/", "", True, "Orders/17", False),
        ("orders/", "", False, "my/orders/17", False),
        ("orders/17/items", "", False, "orders/17", False),
        ("", ".jpg", False, "photos/a.JPG", True),
        ("", ".JPG", False, "photos/a.jpg", True),
        ("", ".jpg", True, "photos/a.JPG", False),
        ("", ".jpg", True, "photos/a.jpg", True),
        ("", ".jpg", False, "photos/a.jpg.bak", False),
        ("photos/", ".jpg", False, "photos/a.jpg", True),
        ("photos/", ".jpg", False, "photos/a.png", False),
        ("photos/", ".jpg", False, "videos/a.jpg", False),
        ("abc", "bcd", False, "abcd", True),  # the two may overlap
        ("orders/*", "", False, "orders/17", False),  # there are no wildcards
        ("orders", "", False, "/orders/17", False),  # every slash counts
        ("/orders", "", False, "orders/17", False),
        ("ÄRGER/", "", False, "ärger/1", True),
        ("ÄRGER/", "", True, "ärger/1", False),
        ("ΟΔΟΣ", "", False, "ΟΔΟΣΗΜΟ", True),  # a sigma at the end of a word has its own form
        ("", "ΟΔΟΣ", False, "/οδοσ", True),
    ],
)
def test_subjects_are_compared_at_both_ends(
    begins: str, ends: str, case_sensitive: bool, subject: str, selected: bool
) -> None:
    """Plain prefix and suffix, without regard to case unless asked for."""
    wanted = Filter(
        subject_begins_with=begins,
        subject_ends_with=ends,
        is_subject_case_sensitive=case_sensitive,
    )

    assert matches(wanted, a_routed_event(subject=subject)) is selected


@pytest.mark.parametrize("case_sensitive", [False, True])
@pytest.mark.parametrize(
    ("begins", "subject", "selected"),
    [
        ("phonenumber/1555", PHONE, True),
        ("/phonenumber/1555", PHONE, True),
        ("/phonenumber/1555", PHONE[1:], True),
        ("phonenumber/1555", PHONE[1:], True),
        ("phonenumber/1555", "/" + PHONE, False),  # one slash, not all of them
        ("phonenumber/1666", PHONE, False),
        ("", PHONE, True),
        ("/", PHONE, True),
        ("/", "", True),
    ],
)
def test_a_leading_slash_can_be_ignored(
    begins: str, subject: str, selected: bool, case_sensitive: bool
) -> None:
    """On Communication topics one leading slash counts on neither side."""
    wanted = Filter(subject_begins_with=begins, is_subject_case_sensitive=case_sensitive)

    assert matches(wanted, a_routed_event(subject=subject), ignores_leading_slash=True) is selected


@pytest.mark.parametrize("ends", ["/phonenumber/15555550100", "0100"])
def test_the_ignored_slash_still_counts_at_the_end(ends: str) -> None:
    """Only the beginning is compared without it."""
    wanted = Filter(subject_ends_with=ends)

    assert matches(wanted, a_routed_event(subject=PHONE), ignores_leading_slash=True)


def test_all_parts_of_a_filter_must_hold() -> None:
    """Each part alone can refuse."""
    wanted = Filter(included_event_types=("t",), subject_begins_with="a/", subject_ends_with="/z")

    assert matches(wanted, a_routed_event(type="t", subject="a/z"))
    assert not matches(wanted, a_routed_event(type="u", subject="a/z"))
    assert not matches(wanted, a_routed_event(type="t", subject="b/z"))
    assert not matches(wanted, a_routed_event(type="t", subject="a/y"))


def test_without_slash_takes_one_slash_and_only_on_request() -> None:
    """The rest of the subject is untouched."""
    assert without_slash("//a/", True) == "/a/"
    assert without_slash("//a/", False) == "//a/"
    assert without_slash("a/", True) == "a/"


@pytest.mark.parametrize(
    ("begins", "prefixes", "needed"),
    [
        ("phonenumber/1555", ("/phonenumber/",), True),
        ("PhoneNumber/1555", ("/phonenumber/",), True),
        ("phone", ("/phonenumber/",), True),
        ("/phonenumber/1555", ("/phonenumber/",), False),
        ("", ("/phonenumber/",), False),
        ("thread/", ("/phonenumber/",), False),
        ("thread/", ("thread/", "/phonenumber/"), False),
        ("sender/", ("/phonenumber/", "/Sender/"), True),
        ("phonenumber/", (), False),
    ],
)
def test_filter_that_needs_the_ignored_slash_is_told(
    begins: str, prefixes: tuple[str, ...], needed: bool
) -> None:
    """Such a subscription gets a warning: in Azure it may select nothing."""
    wanted = Filter(subject_begins_with=begins)

    assert needs_ignored_slash(wanted, prefixes) is needed


@given(st.text(), st.text(), st.text(), st.booleans(), st.booleans())
def test_every_subject_is_selected_by_its_own_ends(
    before: str, middle: str, after: str, case_sensitive: bool, ignores_leading_slash: bool
) -> None:
    """Whatever the characters: a text begins and ends with its own beginning and end."""
    wanted = Filter(
        subject_begins_with=before,
        subject_ends_with=after,
        is_subject_case_sensitive=case_sensitive,
    )
    subject = before + middle + after

    assert matches(
        wanted, a_routed_event(subject=subject), ignores_leading_slash=ignores_leading_slash
    )


def _advanced(operator: str, key: str, *values: str, on_arrays: bool = False) -> Filter:
    first = AdvancedFilter(operator=FilterOperator.IS_NOT_NULL, key="ID")
    wanted = AdvancedFilter(operator=FilterOperator(operator), key=key, values=values)
    return Filter(advanced=(first, wanted), enable_advanced_filtering_on_arrays=on_arrays)


@pytest.mark.parametrize(
    ("wanted", "clause", "found", "text"),
    [
        (
            Filter(included_event_types=("A", "B")),
            "includedEventTypes",
            '"t"',
            'includedEventTypes: the eventType "t" is not one of "A", "B".',
        ),
        (
            Filter(included_event_types=()),
            "includedEventTypes",
            '"t"',
            'includedEventTypes: the eventType "t" is not one of none.',
        ),
        (
            Filter(subject_begins_with="orders/"),
            "subjectBeginsWith",
            '"s"',
            'subjectBeginsWith: the subject "s" does not begin with "orders/".',
        ),
        (
            Filter(subject_ends_with=".jpg"),
            "subjectEndsWith",
            '"s"',
            'subjectEndsWith: the subject "s" does not end with ".jpg".',
        ),
        (
            _advanced("StringIn", "data.text", "a", "b"),
            "advancedFilters[1]",
            '"c"',
            'advancedFilters[1]: StringIn of \'data.text\' with "a", "b" does not hold: '
            'the event has "c".',
        ),
        (
            _advanced("NumberInRange", "data.absent", "1", "2"),
            "advancedFilters[1]",
            "absent",
            "advancedFilters[1]: NumberInRange of 'data.absent' with 1 to 2 does not hold: "
            "the event has no such value.",
        ),
        (
            _advanced("IsNotNull", "data.null"),
            "advancedFilters[1]",
            "null",
            "advancedFilters[1]: IsNotNull of 'data.null' does not hold: the event has null.",
        ),
        (
            _advanced("BoolEquals", "data.number", "true"),
            "advancedFilters[1]",
            "1.50",
            "advancedFilters[1]: BoolEquals of 'data.number' with true does not hold: "
            "the event has 1.50.",
        ),
        (
            _advanced("NumberIn", "data.list", "1"),
            "advancedFilters[1]",
            "[1, {...}, [], [...], {}, ...]",
            "advancedFilters[1]: NumberIn of 'data.list' with 1 does not hold: the event has "
            "[1, {...}, [], [...], {}, ...], an array, and enableAdvancedFilteringOnArrays is "
            "false.",
        ),
        (
            _advanced("NumberIn", "data.list", "9", on_arrays=True),
            "advancedFilters[1]",
            "[1, {...}, [], [...], {}, ...]",
            "advancedFilters[1]: NumberIn of 'data.list' with 9 does not hold: the event has "
            "[1, {...}, [], [...], {}, ...].",
        ),
        (
            _advanced("StringIn", "data.half", "x"),
            "advancedFilters[1]",
            '"\\ud800"',
            "advancedFilters[1]: StringIn of 'data.half' with \"x\" does not hold: "
            'the event has "\\ud800".',
        ),
    ],
)
def test_first_part_that_does_not_hold_is_explained(
    wanted: Filter, clause: str, found: str, text: str
) -> None:
    """With what was wanted and what the event has instead."""
    event = a_routed_event(
        b'{"data":{"text":"c","null":null,"number":1.50,"half":"\\ud800",'
        b'"list":[1,{"a":1},[],[1],{},6]}}'
    )
    mismatch = explain(wanted, event)

    assert mismatch
    assert (mismatch.clause, mismatch.found, mismatch.text) == (clause, found, text)


def test_explanation_has_the_parts_of_an_advanced_filter() -> None:
    """For those that show them in columns."""
    wanted = _advanced("StringIn", "data.text", "a", "b")
    mismatch = explain(wanted, a_routed_event())

    assert mismatch
    assert (mismatch.operator, mismatch.key, mismatch.wanted) == (
        "StringIn",
        "data.text",
        ("a", "b"),
    )


def test_long_value_is_cut_short() -> None:
    """An event may have a megabyte of it."""
    mismatch = explain(
        _advanced("StringIn", "data", "a"), a_routed_event({"data": "x" * 1_000_000})
    )

    assert mismatch
    assert len(mismatch.text) < 400


@settings(max_examples=300, deadline=None)
@given(filters, events, st.booleans())
def test_what_does_not_match_is_explained_and_nothing_else(
    wanted: Filter, event: Event, ignores_leading_slash: bool
) -> None:
    """The two always agree."""
    selected = matches(wanted, event, ignores_leading_slash=ignores_leading_slash)
    mismatch = explain(wanted, event, ignores_leading_slash=ignores_leading_slash)

    assert (mismatch is None) is selected


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.sampled_from("ab") | st.text(), children, max_size=4)
    ),
)


@settings(max_examples=300, deadline=None)
@given(filters, st.dictionaries(st.sampled_from(["data", "a", "ext"]), _json), st.data())
def test_no_filter_raises_on_any_json(
    wanted: Filter, published: dict[str, object], data: st.DataObject
) -> None:
    """NaN, halves of surrogate pairs and nonsense included: the event is wanted or it is not."""
    text = json.dumps(published).encode()
    broken = text[: data.draw(st.integers(0, len(text)))] + data.draw(st.binary(max_size=3))
    schema = data.draw(st.sampled_from(list(EventSchema)))
    for each in (text, broken):
        event = a_routed_event(each, schema)
        assert matches(wanted, event) is (explain(wanted, event) is None)


@pytest.mark.parametrize("text", [b"[" * 200_000, b'{"data":' * 50_000 + b"1" + b"}" * 50_000])
@pytest.mark.parametrize("operator", ["StringIn", "IsNotNull", "NumberNotIn"])
def test_no_filter_raises_on_deep_json(operator: str, text: bytes) -> None:
    """However deep: what is too deep to be decoded has no values."""
    event = a_routed_event(b'{"data":' + text + b"}")

    assert matches(_advanced(operator, "data", "1"), event) is (operator == "NumberNotIn")
