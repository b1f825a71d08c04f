"""The `filter` of an event subscription's body: what is read, shown and refused."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from azure.mgmt.eventgrid import models
from hypothesis import given
from hypothesis import strategies as st

from switchhook.errors import RequestError
from switchhook.grid.resources.filter_rules import read_filter, render_filter
from switchhook.grid.subscriptions import AdvancedFilter, Filter, FilterOperator

CLIENT_FILTERS = [
    models.NumberInAdvancedFilter(key="data.n", values=[1, 0.1, -2.5e300]),
    models.NumberNotInAdvancedFilter(key="data.n", values=[1e-7]),
    models.NumberLessThanAdvancedFilter(key="data.n", value=5),
    models.NumberLessThanOrEqualsAdvancedFilter(key="data.n", value=5.5),
    models.NumberGreaterThanAdvancedFilter(key="data.n", value=-0.0),
    models.NumberGreaterThanOrEqualsAdvancedFilter(key="data.n", value=9007199254740992),
    models.NumberInRangeAdvancedFilter(key="data.n", values=[[1, 2.5], [5, 5]]),
    models.NumberNotInRangeAdvancedFilter(key="data.n", values=[[0.1, 1e308]]),
    models.BoolEqualsAdvancedFilter(key="data.b", value=False),
    models.StringContainsAdvancedFilter(key="data.s", values=["a", "ä"]),
    models.StringNotContainsAdvancedFilter(key="data.s", values=["a"]),
    models.StringBeginsWithAdvancedFilter(key="data.s", values=["a"]),
    models.StringNotBeginsWithAdvancedFilter(key="data.s", values=["a"]),
    models.StringEndsWithAdvancedFilter(key="data.s", values=["a"]),
    models.StringNotEndsWithAdvancedFilter(key="data.s", values=["a"]),
    models.StringInAdvancedFilter(key="data.s", values=["", "a"]),
    models.StringNotInAdvancedFilter(key="data.s", values=["a"]),
    models.IsNullOrUndefinedAdvancedFilter(key="data.x"),
    models.IsNotNullAdvancedFilter(key="data.x"),
]


def read(*advanced: Any, **members: Any) -> Filter:
    return read_filter({"advancedFilters": list(advanced), **members}, event_types=None)


def a_string_in(*values: str, key: str = "data.key") -> dict[str, Any]:
    return {"operatorType": "StringIn", "key": key, "values": list(values)}


def test_absent_filter_wants_everything() -> None:
    """Null members say nothing either."""
    nulls = dict.fromkeys(["includedEventTypes", "advancedFilters", "isSubjectCaseSensitive"])

    assert read_filter(None, event_types=None) == Filter()
    assert read_filter(nulls, event_types=None) == Filter()


def test_every_operator_has_a_client_model() -> None:
    """The next test shows each of them."""
    assert [each.operator_type for each in CLIENT_FILTERS] == list(FilterOperator)


@pytest.mark.parametrize("sent", CLIENT_FILTERS, ids=lambda sent: str(sent.operator_type))
def test_client_reads_back_the_filter_that_it_sent(sent: Any) -> None:
    """The same model with the same operands."""
    body = models.EventSubscriptionFilter(
        advanced_filters=[sent], enable_advanced_filtering_on_arrays=True
    ).serialize()
    shown = models.EventSubscriptionFilter.deserialize(
        render_filter(read_filter(body, event_types=None))
    )

    assert shown.advanced_filters
    assert type(shown.advanced_filters[0]) is type(sent)
    assert shown.advanced_filters[0] == sent
    assert shown.enable_advanced_filtering_on_arrays is True


def test_operands_are_kept_as_they_were_given() -> None:
    """Integers as integers, doubles by their shortest text, ranges end by end."""
    advanced = read(
        {"operatorType": "NumberInRange", "key": "data.n", "values": [[1, 0.1e2], [1e22, 1e23]]},
        {"operatorType": "BoolEquals", "key": "data.b", "value": True},
    ).advanced

    assert advanced[0].values == ("1", "10.0", "1e+22", "1e+23")
    assert advanced[1].values == ("true",)


@given(
    st.lists(
        st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False),
        min_size=1,
        max_size=25,
    )
)
def test_numbers_survive_a_round_trip(numbers: list[int | float]) -> None:
    """Each is shown as it was sent."""
    sent = {"operatorType": "NumberIn", "key": "data.n", "values": numbers}

    shown = render_filter(read(sent))["advancedFilters"]

    assert repr(shown) == repr([sent])


def test_names_and_operators_do_not_regard_case() -> None:
    """They are shown in Azure's spelling."""
    advanced = read({"OperatorType": "stringin", "KEY": "Data.Key", "Values": ["A"]}).advanced

    assert advanced == (
        AdvancedFilter(operator=FilterOperator.STRING_IN, key="Data.Key", values=("A",)),
    )


def test_filters_may_repeat() -> None:
    """The same key, the same filter, the same value."""
    assert len(read(a_string_in("a", "a"), a_string_in("a", "a")).advanced) == 2


def test_limits_can_be_reached() -> None:
    """25 filters, 25 values, 512 characters; a range is one value and a null operator has none."""
    nulls = [{"operatorType": "IsNotNull", "key": "data.key"}] * 24
    ranges = {"operatorType": "NumberInRange", "key": "data.n", "values": [[0, 1]] * 25}

    assert len(read(*nulls, a_string_in(*["x" * 512] * 25)).advanced) == 25
    assert len(read(*nulls, ranges).advanced[-1].values) == 50


def test_the_documented_example_is_taken() -> None:
    """That of the how-to page."""
    page = (Path(__file__).parents[3] / "docs/how-to/filter-events.md").read_text()
    example = json.loads(page.split("```json")[1].split("```")[0])

    assert len(read_filter(example, event_types=None).advanced) == 5


NUMBER_IN = {"operatorType": "NumberIn", "key": "k"}
RANGE = {"operatorType": "NumberInRange", "key": "k"}
LESS = {"operatorType": "NumberLessThan", "key": "k"}
BOOL = {"operatorType": "BoolEquals", "key": "k"}
NULL = {"operatorType": "IsNotNull", "key": "k"}


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (None, "'filter.advancedFilters[0]' must be a JSON object."),
        ("x", "The value of 'filter.advancedFilters[0]' must be a JSON object."),
        ({}, "'filter.advancedFilters[0].operatorType' is required."),
        ({"operatorType": "StringIs"}, "\"StringIs\" of 'filter.advancedFilters[0].operatorType'"),
        ({"operatorType": "StringIs"}, "NumberIn, NumberNotIn"),
        ({"operatorType": 5}, "5 of 'filter.advancedFilters[0].operatorType' is not one of"),
        ({"operatorType": ["x"]}, "filter.advancedFilters[0].operatorType"),
        ({"operatorType": "IsNotNull"}, "'filter.advancedFilters[0].key' is required."),
        (NULL | {"key": ""}, "'filter.advancedFilters[0].key' is required."),
        (NULL | {"key": 5}, "'filter.advancedFilters[0].key' must be a string."),
        (NULL | {"key": "k" * 2049}, "[0].key' must not be longer than 2048 characters."),
        (NULL | {"colour": "red"}, "'colour' of 'filter.advancedFilters[0]' is not supported."),
        (NULL | {"value": 1}, "[0].value' cannot be set: the operator IsNotNull takes no operand."),
        (
            NUMBER_IN | {"value": 1},
            "[0].value' cannot be set: the operator NumberIn takes 'values'",
        ),
        (LESS | {"values": [1]}, "[0].values' cannot be set"),
        (LESS, "'filter.advancedFilters[0].value' is required by the operator NumberLessThan."),
        (LESS | {"value": "1"}, "'filter.advancedFilters[0].value' must be a number."),
        (LESS | {"value": True}, "'filter.advancedFilters[0].value' must be a number."),
        (LESS | {"value": float("nan")}, "must be a finite number."),
        (LESS | {"value": float("inf")}, "must be a finite number."),
        (LESS | {"value": 10**400}, "must be a finite number."),
        (BOOL | {"value": "true"}, "'filter.advancedFilters[0].value' must be true or false."),
        (BOOL | {"value": 1}, "'filter.advancedFilters[0].value' must be true or false."),
        (NUMBER_IN, "'filter.advancedFilters[0].values' is required by the operator NumberIn"),
        (NUMBER_IN | {"values": []}, "and must not be empty."),
        (NUMBER_IN | {"values": 1}, "'filter.advancedFilters[0].values' must be an array."),
        (NUMBER_IN | {"values": [1, None]}, "[0].values[1]' must be a number."),
        (a_string_in() | {"values": [5]}, "[0].values[0]' must be a string."),
        (a_string_in("x" * 513), "[0].values[0]' must not be longer than 512 characters."),
        (RANGE | {"values": [1, 2]}, "[0].values[0]' must be an array of two numbers"),
        (RANGE | {"values": [[1, 2, 3]]}, "[0].values[0]' must be an array of two numbers"),
        (RANGE | {"values": [[1, "2"]]}, "[0].values[0][1]' must be a number."),
        (RANGE | {"values": [[1, 2], [2, 1]]}, "[0].values[1]' ends before it begins"),
    ],
)
def test_wrong_advanced_filter_is_refused_by_name(element: object, message: str) -> None:
    """400 InvalidRequest names member and rule."""
    with pytest.raises(RequestError) as raised:
        read(element)

    assert (raised.value.status, raised.value.code) == (400, "InvalidRequest")
    assert message in raised.value.message


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"advancedFilters": {}}, "The value of 'filter.advancedFilters' must be an array"),
        ({"advancedFilters": [NULL] * 26}, "has 26 filters; the maximum is 25."),
        (
            {"advancedFilters": [a_string_in(*"abcdefghijklm")] * 2},
            "have 26 values together; the maximum is 25.",
        ),
        ({"advancedFilters": [NULL, {"operatorType": "x"}]}, "advancedFilters[1].operatorType"),
        ({"enableAdvancedFilteringOnArrays": "yes"}, "filter.enableAdvancedFilteringOnArrays"),
        ({"includedEventTypes": ["Shop.Sent"]}, "the event type 'Shop.Sent' is not one"),
        ({"colour": "red"}, "The property 'colour' of 'filter' is not supported."),
    ],
)
def test_wrong_filter_is_refused_by_name(members: dict[str, Any], message: str) -> None:
    """The limits count over all filters of the subscription."""
    with pytest.raises(RequestError) as raised:
        read_filter(members, event_types=frozenset({"Shop.Placed"}))

    assert (raised.value.status, raised.value.code) == (400, "InvalidRequest")
    assert message in raised.value.message


_any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)
_elements = st.fixed_dictionaries(
    {"operatorType": st.sampled_from(list(FilterOperator)), "key": st.just("data") | _any_json},
    optional={"value": _any_json, "values": _any_json | st.lists(_any_json, max_size=3)},
)


@given(st.lists(_elements, max_size=2) | _any_json)
def test_any_body_is_read_or_refused(advanced: Any) -> None:
    """And what is read is shown so that it is read again as the same."""
    with contextlib.suppress(RequestError):
        found = read_filter({"advancedFilters": advanced}, event_types=None)
        assert read_filter(render_filter(found), event_types=None) == found
