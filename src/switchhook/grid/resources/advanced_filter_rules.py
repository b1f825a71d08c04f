"""How does one element of `advancedFilters` become an advanced filter, and back?

Source: event-filtering.md (Sep 2022), the operators and their operands; edge/advanced-filtering.md:
the names of the members do not regard case; azure-mgmt-eventgrid 10.4.0, the `AdvancedFilter`
models. Numbers are what those clients send: integers and doubles, kept as their shortest texts.
"""

import math
from collections.abc import Callable
from typing import Any, NoReturn

from switchhook.grid.json_values import to_number, to_short_text
from switchhook.grid.resources.body_rules import as_object, refuse
from switchhook.grid.subscriptions import AdvancedFilter, FilterOperator

MAX_STRING_LENGTH = 512  # event-filtering.md, "Limitations"
MAX_KEY_LENGTH = 2048  # assumed: like subjects; it bounds the depth of the path too
# Whether a range counts as one of the 25 values or as two is not documented: read as one, because
# it is one element of `values`.
VALUES_OF_A_RANGE = 1

_RANGES = (FilterOperator.NUMBER_IN_RANGE, FilterOperator.NUMBER_NOT_IN_RANGE)
_NULLS = (FilterOperator.IS_NULL_OR_UNDEFINED, FilterOperator.IS_NOT_NULL)
_SINGLES = (
    FilterOperator.NUMBER_LESS_THAN,
    FilterOperator.NUMBER_LESS_THAN_OR_EQUALS,
    FilterOperator.NUMBER_GREATER_THAN,
    FilterOperator.NUMBER_GREATER_THAN_OR_EQUALS,
    FilterOperator.BOOL_EQUALS,
)
_OPERATORS = {operator.lower(): operator for operator in FilterOperator}
_OPERATOR, _KEY, _VALUE, _VALUES = "operatorType", "key", "value", "values"


def read_advanced_filter(value: object, where: str) -> AdvancedFilter:
    """The advanced filter that the element `where` of a body asks for.

    Raises:
        RequestError: 400 naming the member that is wrong.
    """
    if value is None:
        _refuse(f"'{where}' must be a JSON object.")
    members = _read_members(as_object(value, where), where)
    operator = _read_operator(members.get(_OPERATOR), f"{where}.{_OPERATOR}")
    asked = _operand_member(operator)
    for member in (_VALUE, _VALUES):
        if member != asked and members.get(member) is not None:
            hint = f"takes '{asked}' instead" if asked else "takes no operand"
            _refuse(f"'{where}.{member}' cannot be set: the operator {operator} {hint}.")
    return AdvancedFilter(
        operator=operator,
        key=_read_key(members.get(_KEY), f"{where}.{_KEY}"),
        values=_read_operands(operator, members.get(asked), f"{where}.{asked}") if asked else (),
    )


def render_advanced_filter(filter_: AdvancedFilter) -> dict[str, Any]:
    """The advanced filter as reads show it."""
    body: dict[str, Any] = {_OPERATOR: filter_.operator.value, _KEY: filter_.key}
    member = _operand_member(filter_.operator)
    operands = [_render_operand(filter_.operator, text) for text in filter_.values]
    if member == _VALUE:
        body[_VALUE] = operands[0]
    elif filter_.operator in _RANGES:
        body[_VALUES] = [list(pair) for pair in zip(operands[::2], operands[1::2], strict=True)]
    elif member == _VALUES:
        body[_VALUES] = operands
    return body


def values_of(filter_: AdvancedFilter) -> int:
    """How many of a subscription's values the filter takes up."""
    if filter_.operator in _RANGES:
        return len(filter_.values) // 2 * VALUES_OF_A_RANGE
    return len(filter_.values)


def _operand_member(operator: FilterOperator) -> str:
    if operator in _NULLS:
        return ""
    return _VALUE if operator in _SINGLES else _VALUES


def _read_members(body: dict[str, Any], where: str) -> dict[str, Any]:
    known = {name.lower(): name for name in (_OPERATOR, _KEY, _VALUE, _VALUES)}
    members = {}
    for name, value in body.items():
        member = known.get(name.lower())
        if member is not None:
            members[member] = value
        elif value is not None:
            refuse(f"The property '{name}' of '{where}' is not supported.")
    return members


def _read_operator(value: object, where: str) -> FilterOperator:
    if value is None:
        _refuse(f"'{where}' is required.")
    operator = _OPERATORS.get(value.lower()) if isinstance(value, str) else None
    if operator is None:
        known = ", ".join(FilterOperator)
        _refuse(f"the value {to_short_text(value)} of '{where}' is not one of {known}.")
    return operator


def _read_key(value: object, where: str) -> str:
    if value is None or value == "":
        _refuse(f"'{where}' is required.")
    if not isinstance(value, str):
        _refuse(f"the value of '{where}' must be a string.")
    if len(value) > MAX_KEY_LENGTH:
        _refuse(f"the value of '{where}' must not be longer than {MAX_KEY_LENGTH} characters.")
    return value


# --- operands ------------------------------------------------------------------------------------


def _read_operands(operator: FilterOperator, value: object, where: str) -> tuple[str, ...]:
    if operator in _SINGLES:
        if value is None:
            _refuse(f"'{where}' is required by the operator {operator}.")
        return (_reader(operator)(value, where),)
    if value is None or value == []:
        _refuse(f"'{where}' is required by the operator {operator} and must not be empty.")
    if not isinstance(value, list):
        _refuse(f"the value of '{where}' must be an array.")
    if operator in _RANGES:
        ends = [_read_range(item, f"{where}[{place}]") for place, item in enumerate(value)]
        return tuple(end for pair in ends for end in pair)
    read = _reader(operator)
    return tuple(read(item, f"{where}[{place}]") for place, item in enumerate(value))


def _reader(operator: FilterOperator) -> Callable[[object, str], str]:
    if operator is FilterOperator.BOOL_EQUALS:
        return _read_flag
    return _read_string if operator.startswith("String") else _read_number


def _read_flag(value: object, where: str) -> str:
    if not isinstance(value, bool):
        _refuse(f"the value of '{where}' must be true or false.")
    return "true" if value else "false"


def _read_string(value: object, where: str) -> str:
    if not isinstance(value, str):
        _refuse(f"the value of '{where}' must be a string.")
    if len(value) > MAX_STRING_LENGTH:
        _refuse(f"the value of '{where}' must not be longer than {MAX_STRING_LENGTH} characters.")
    return value


def _read_number(value: object, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"the value of '{where}' must be a number.")
    try:
        is_finite = math.isfinite(value)
    except OverflowError:  # an integer beyond every double
        is_finite = False
    if not is_finite:
        _refuse(f"the value of '{where}' must be a finite number.")
    return repr(value)


def _read_range(value: object, where: str) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        _refuse(f"the value of '{where}' must be an array of two numbers: the range's ends.")
    low, high = (_read_number(end, f"{where}[{place}]") for place, end in enumerate(value))
    if to_number(low) > to_number(high):
        _refuse(f"the range of '{where}' ends before it begins: {low} is more than {high}.")
    return low, high


def _render_operand(operator: FilterOperator, text: str) -> Any:
    if operator is FilterOperator.BOOL_EQUALS:
        return text == "true"
    if operator.startswith("String"):
        return text
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _refuse(rule: str) -> NoReturn:
    refuse(f"Invalid event subscription request: {rule}")
