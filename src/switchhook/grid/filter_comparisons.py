"""Does one value, of the right JSON type, compare with the operands of an advanced filter?

Source: event-filtering.md (Sep 2022), the operators; edge/advanced-filtering.md: both ends of a
range belong to it. Each operator with Not in its name is the opposite of another.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from switchhook.grid.json_values import to_number
from switchhook.grid.letter_case import without_case
from switchhook.grid.subscriptions import AdvancedFilter, FilterOperator

Compare = Callable[[Any], bool]
_Operands = tuple[str, ...]

POSITIVE = {
    FilterOperator.NUMBER_NOT_IN: FilterOperator.NUMBER_IN,
    FilterOperator.NUMBER_NOT_IN_RANGE: FilterOperator.NUMBER_IN_RANGE,
    FilterOperator.STRING_NOT_CONTAINS: FilterOperator.STRING_CONTAINS,
    FilterOperator.STRING_NOT_BEGINS_WITH: FilterOperator.STRING_BEGINS_WITH,
    FilterOperator.STRING_NOT_ENDS_WITH: FilterOperator.STRING_ENDS_WITH,
    FilterOperator.STRING_NOT_IN: FilterOperator.STRING_IN,
}


def to_comparison(wanted: AdvancedFilter) -> Compare:
    """The test of one value of the types `kinds_of` the operator; of an operator with Not in its
    name, that of its opposite."""
    return _COMPARISONS[POSITIVE.get(wanted.operator, wanted.operator)](wanted.values)


def kinds_of(operator: FilterOperator) -> tuple[type, ...]:
    """The types of the values that an operator compares, none for the null operators."""
    return _KINDS[operator]


_KINDS_BY_NAME: dict[str, tuple[type, ...]] = {
    "Number": (int, Decimal),  # a truth value is no number
    "String": (str,),
    "Bool": (bool,),
}
_KINDS = {
    operator: next((k for name, k in _KINDS_BY_NAME.items() if operator.startswith(name)), ())
    for operator in FilterOperator
}


def _number_in(operands: _Operands) -> Compare:
    wanted = frozenset(map(to_number, operands))
    return lambda value: value in wanted


def _number_in_range(operands: _Operands) -> Compare:
    ends = [to_number(text) for text in operands]
    ranges = list(zip(ends[::2], ends[1::2], strict=True))
    return lambda value: any(low <= value <= high for low, high in ranges)


def _less(operands: _Operands) -> Compare:
    limit = to_number(operands[0])
    return lambda value: bool(value < limit)


def _less_or_equal(operands: _Operands) -> Compare:
    limit = to_number(operands[0])
    return lambda value: bool(value <= limit)


def _greater(operands: _Operands) -> Compare:
    limit = to_number(operands[0])
    return lambda value: bool(value > limit)


def _greater_or_equal(operands: _Operands) -> Compare:
    limit = to_number(operands[0])
    return lambda value: bool(value >= limit)


def _bool_equals(operands: _Operands) -> Compare:
    wanted = operands[0] == "true"
    return lambda value: value is wanted


def _string_in(operands: _Operands) -> Compare:
    wanted = frozenset(map(without_case, operands))
    return lambda value: without_case(value) in wanted


def _begins(operands: _Operands) -> Compare:
    wanted = tuple(map(without_case, operands))
    return lambda value: without_case(value).startswith(wanted)


def _ends(operands: _Operands) -> Compare:
    wanted = tuple(map(without_case, operands))
    return lambda value: without_case(value).endswith(wanted)


def _contains(operands: _Operands) -> Compare:
    wanted = tuple(map(without_case, operands))

    def contains(value: str) -> bool:
        folded = without_case(value)
        return any(part in folded for part in wanted)

    return contains


_COMPARISONS: dict[FilterOperator, Callable[[_Operands], Compare]] = {
    FilterOperator.NUMBER_IN: _number_in,
    FilterOperator.NUMBER_IN_RANGE: _number_in_range,
    FilterOperator.NUMBER_LESS_THAN: _less,
    FilterOperator.NUMBER_LESS_THAN_OR_EQUALS: _less_or_equal,
    FilterOperator.NUMBER_GREATER_THAN: _greater,
    FilterOperator.NUMBER_GREATER_THAN_OR_EQUALS: _greater_or_equal,
    FilterOperator.BOOL_EQUALS: _bool_equals,
    FilterOperator.STRING_IN: _string_in,
    FilterOperator.STRING_BEGINS_WITH: _begins,
    FilterOperator.STRING_ENDS_WITH: _ends,
    FilterOperator.STRING_CONTAINS: _contains,
}
