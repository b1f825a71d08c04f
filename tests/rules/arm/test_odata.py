"""The `$filter` of lists."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.errors import RequestError
from switchhook.http.arm_api.odata import parse_filter

NAMES = ["orders", "returns", "o'neil"]


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("name eq 'ORDERS'", ["orders"]),
        ("name ne 'orders'", ["returns", "o'neil"]),
        ("CONTAINS(name,'r')", ["orders", "returns"]),
        ("name eq 'o''neil'", ["o'neil"]),
        ("not contains(name, 'o')", ["returns"]),
        ("name eq 'orders' or name eq 'returns' and name eq 'x'", ["orders"]),
        ("(name eq 'orders' or name eq 'returns') and contains(name,'t')", ["returns"]),
    ],
)
def test_filter_selects_by_name(text: str, selected: list[str]) -> None:
    """Comparisons combine with the usual precedence."""
    assert list(filter(parse_filter(text), NAMES)) == selected


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "name eq",
        "name eq orders",
        "type eq 'x'",
        "name eq 'a' 'b'",
        "(" * 50,
        "name gt 'a'",
    ],
)
def test_other_filters_are_refused(text: str) -> None:
    """400 with the filter's text."""
    with pytest.raises(RequestError, match="filter"):
        parse_filter(text)


@given(st.text(alphabet="nameqot()', ", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """A filter is never an error of ours."""
    with contextlib.suppress(RequestError):
        parse_filter(text)("x")
