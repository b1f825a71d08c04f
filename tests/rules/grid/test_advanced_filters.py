"""Which values does each operator of an advanced filter want?"""

from typing import Any

import pytest

from switchhook.grid.advanced_filters import compile_filter
from switchhook.grid.event_values import EventValues
from switchhook.grid.events import Event
from switchhook.grid.subscriptions import AdvancedFilter, FilterOperator
from tests.builders import a_routed_event

MISSING = object()

# Every operator with every kind of value: `+` selects, `-` does not. The values of the operators
# are such that 5, "abc" and true are what the positive ones want; 7, "xyz" and false are not.
SCALARS = [MISSING, None, True, False, 5, 7, "abc", "xyz", {"a": 5}]
ARRAYS = [[], [5], [7], ["abc"], ["xyz"], [True], [False], [7, 5], ["xyz", "abc"], [None], [[5]]]
WITH_OTHERS = ["abc", 5, True, {"a": 1}]  # all kinds in one array, the wanted ones among them
TRUTH = """
                           missing null true false 5 7 abc xyz {}
                                                     [] [5] [7] [a] [x] [t] [f] [7,5] [x,a] [n] [[5]] mix
NumberIn                      -     -    -    -    + -  -   -  -   -  +   -   -   -   -   -    +     -    -    -    +
NumberNotIn                   +     +    +    +    - +  +   +  +   +  -   +   +   +   +   +    -     +    +    +    -
NumberLessThan                -     -    -    -    + -  -   -  -   -  +   -   -   -   -   -    +     -    -    -    +
NumberLessThanOrEquals        -     -    -    -    + -  -   -  -   -  +   -   -   -   -   -    +     -    -    -    +
NumberGreaterThan             -     -    -    -    - +  -   -  -   -  -   +   -   -   -   -    +     -    -    -    -
NumberGreaterThanOrEquals     -     -    -    -    - +  -   -  -   -  -   +   -   -   -   -    +     -    -    -    -
NumberInRange                 -     -    -    -    + -  -   -  -   -  +   -   -   -   -   -    +     -    -    -    +
NumberNotInRange              +     +    +    +    - +  +   +  +   +  -   +   +   +   +   +    -     +    +    +    -
BoolEquals                    -     -    +    -    - -  -   -  -   -  -   -   -   -   +   -    -     -    -    -    +
StringContains                -     -    -    -    - -  +   -  -   -  -   -   +   -   -   -    -     +    -    -    +
StringNotContains             -     -    +    +    + +  -   +  +   +  +   +   -   +   +   +    +     -    +    +    -
StringBeginsWith              -     -    -    -    - -  +   -  -   -  -   -   +   -   -   -    -     +    -    -    +
StringNotBeginsWith           -     -    +    +    + +  -   +  +   +  +   +   -   +   +   +    +     -    +    +    -
StringEndsWith                -     -    -    -    - -  +   -  -   -  -   -   +   -   -   -    -     +    -    -    +
StringNotEndsWith             -     -    +    +    + +  -   +  +   +  +   +   -   +   +   +    +     -    +    +    -
StringIn                      -     -    -    -    - -  +   -  -   -  -   -   +   -   -   -    -     +    -    -    +
StringNotIn                   +     +    +    +    + +  -   +  +   +  +   +   -   +   +   +    +     -    +    +    -
IsNullOrUndefined             +     +    -    -    - -  -   -  -   -  -   -   -   -   -   -    -     -    -    -    -
IsNotNull                     -     -    +    +    + +  +   +  +   +  +   +   +   +   +   +    +     +    +    +    +
"""  # noqa: E501  a row is an operator
OPERANDS = {
    "NumberIn": ("4", "5"),
    "NumberNotIn": ("4", "5"),
    "NumberLessThan": ("6",),
    "NumberLessThanOrEquals": ("5",),
    "NumberGreaterThan": ("5",),
    "NumberGreaterThanOrEquals": ("7",),
    "NumberInRange": ("0", "1", "4", "5"),
    "NumberNotInRange": ("0", "1", "4", "5"),
    "BoolEquals": ("true",),
    "StringContains": ("q", "B"),
    "StringNotContains": ("q", "B"),
    "StringBeginsWith": ("q", "AB"),
    "StringNotBeginsWith": ("q", "AB"),
    "StringEndsWith": ("q", "BC"),
    "StringNotEndsWith": ("q", "BC"),
    "StringIn": ("q", "ABC"),
    "StringNotIn": ("q", "ABC"),
    "IsNullOrUndefined": (),
    "IsNotNull": (),
}
ROWS = {cells[0]: cells[1:] for line in TRUTH.split("\n")[3:-1] if (cells := line.split())}


def event_with(value: object) -> Event:
    return a_routed_event({"data": {} if value is MISSING else {"key": value}})


def holds(wanted: AdvancedFilter, event: Event, *, on_arrays: bool = False) -> bool:
    return compile_filter(wanted, on_arrays=on_arrays)(EventValues(event))


def answers(operator: str, values: list[Any], *, on_arrays: bool) -> list[str]:
    wanted = AdvancedFilter(
        operator=FilterOperator(operator), key="data.key", values=OPERANDS[operator]
    )
    return ["-+"[holds(wanted, event_with(value), on_arrays=on_arrays)] for value in values]


def test_every_operator_has_its_row() -> None:
    """A new operator needs one."""
    assert list(ROWS) == list(FilterOperator) == list(OPERANDS)
    assert {len(row) for row in ROWS.values()} == {len(SCALARS) + len(ARRAYS) + 1}


@pytest.mark.parametrize("on_arrays", [False, True])
@pytest.mark.parametrize("operator", list(ROWS))
def test_single_values(operator: str, on_arrays: bool) -> None:
    """The switch for arrays changes nothing for them."""
    assert answers(operator, SCALARS, on_arrays=on_arrays) == ROWS[operator][: len(SCALARS)]


@pytest.mark.parametrize("operator", list(ROWS))
def test_any_element_decides_with_the_switch_on(operator: str) -> None:
    """For operators and their opposites; elements of other types are passed over."""
    values = [*ARRAYS, WITH_OTHERS]

    assert answers(operator, values, on_arrays=True) == ROWS[operator][len(SCALARS) :]


@pytest.mark.parametrize("operator", list(ROWS))
def test_no_array_passes_with_the_switch_off(operator: str) -> None:
    """Not even a filter that an absent value would pass."""
    values = [*ARRAYS, WITH_OTHERS]

    assert set(answers(operator, values, on_arrays=False)) == {"-"}


@pytest.mark.parametrize(
    ("operator", "operands", "value", "selected"),
    [
        ("NumberIn", ("0.1",), b"0.1", True),
        ("NumberIn", ("0.1",), b"0.10000", True),
        ("NumberIn", ("0.1",), b"0.1000000000000000055511151231257827", False),  # the double's
        ("NumberIn", ("1",), b"1.0", True),
        ("NumberIn", ("1.0",), b"1", True),
        ("NumberIn", ("100",), b"1e2", True),
        ("NumberIn", ("0",), b"-0.0", True),
        ("NumberIn", ("9007199254740993",), b"9007199254740992", False),
        ("NumberIn", ("1",), b"true", False),
        ("NumberIn", ("1",), b'"1"', False),
        ("NumberInRange", ("1", "2"), b"1", True),
        ("NumberInRange", ("1", "2"), b"2.0", True),
        ("NumberInRange", ("1", "2"), b"2.0000000000000000000000000000001", False),
        ("NumberGreaterThan", ("1e308",), b"1e999999", True),
        ("NumberLessThan", ("0",), b"-1e999999", True),
        ("NumberGreaterThan", ("0",), b"1e-999999", True),
        ("NumberGreaterThan", ("1e308",), b"1e99999999999999999999", True),
        ("NumberLessThan", ("-1e308",), b"-1e99999999999999999999", True),
        ("NumberGreaterThan", ("0",), b"1e-99999999999999999999", True),
        ("NumberIn", ("0",), b"0e99999999999999999999", True),
        ("NumberGreaterThan", ("1e308",), b"9" * 5000, True),
        ("BoolEquals", ("false",), b"false", True),
        ("BoolEquals", ("false",), b"0", False),
        ("BoolEquals", ("true",), b'"true"', False),
        ("StringIn", ("ÄRGER",), '"ärger"'.encode(), True),
        ("StringIn", ("ss",), '"ß"'.encode(), False),  # ordinal: no expansion
        ("StringEndsWith", ("οδος",), '"ΟΔΟΣ"'.encode(), True),
        ("StringBeginsWith", ("",), b'"anything"', True),
        ("StringIn", ("",), b'""', True),
        ("StringIn", ("NaN",), b'"nan"', True),
        ("StringIn", ("a",), b'"\\u0041"', True),
        ("StringContains", ("x",), b'"\\ud800x"', True),  # half of a surrogate pair
        ("StringContains", ("*",), b'"x"', False),  # there are no wildcards
    ],
)
def test_values_are_compared_exactly(
    operator: str, operands: tuple[str, ...], value: bytes, selected: bool
) -> None:
    """Numbers as decimals, whatever their size; strings ordinally, without regard to case."""
    wanted = AdvancedFilter(operator=FilterOperator(operator), key="data.key", values=operands)

    assert holds(wanted, a_routed_event(b'{"data":{"key":%s}}' % value)) is selected


@pytest.mark.parametrize(
    "text",
    [
        b'{"data":NaN}',
        b'{"data":Infinity}',
        b'{"data":',
        b'{"data":"\xff"}',
        b"[]",
        b"",
        b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_nothing_is_found_in_what_cannot_be_read(text: bytes) -> None:
    """It is as if every key were missing."""
    missing = AdvancedFilter(operator=FilterOperator.IS_NULL_OR_UNDEFINED, key="data")

    assert holds(missing, a_routed_event(text))
