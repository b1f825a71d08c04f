"""Random filters and events that have a chance to meet, for the property tests of filtering."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from switchhook.grid.events import Event, EventSchema
from switchhook.grid.subscriptions import AdvancedFilter, Filter, FilterOperator
from tests.builders import a_routed_event

# Few letters, so that prefixes nest and meet; with the characters that lower-casing lengthens or
# that sort around the slash.
texts = st.text(alphabet="aAbB/.İßΣς", max_size=5)
types = st.sampled_from(["", "Shop.OrderPlaced", "shop.orderplaced", "Shop.OrderSent"])
strings = st.sampled_from(["", "a", "A", "ab", "Σ", "1", "true"])
numbers = st.sampled_from(["0", "1", "1.0", "-0.0", "0.1", "2", "1e2", "1e999999"])
keys = st.sampled_from(
    ["data.a", "data.b", "Data.a", "data", "data.a.b", "Subject", "ID", "ext", "a", "data_base64"]
)


def _texts_of(values: st.SearchStrategy[str], least: int, most: int) -> st.SearchStrategy[Any]:
    return st.lists(values, min_size=least, max_size=most).map(tuple)


def _values_for(operator: FilterOperator) -> st.SearchStrategy[Any]:
    if operator in (FilterOperator.IS_NOT_NULL, FilterOperator.IS_NULL_OR_UNDEFINED):
        return st.just(())
    if operator is FilterOperator.BOOL_EQUALS:
        return _texts_of(st.sampled_from(["true", "false"]), 1, 1)
    if operator.startswith("String"):
        return _texts_of(strings, 1, 3)
    if operator.endswith("Range"):
        return st.lists(st.tuples(numbers, numbers), min_size=1, max_size=2).map(
            lambda pairs: tuple(end for pair in pairs for end in pair)
        )
    return _texts_of(numbers, 1, 3 if operator.endswith("In") else 1)


advanced_filters = st.sampled_from(list(FilterOperator)).flatmap(
    lambda operator: st.builds(
        AdvancedFilter, operator=st.just(operator), key=keys, values=_values_for(operator)
    )
)
filters = st.builds(
    Filter,
    subject_begins_with=st.one_of(st.just(""), texts),
    subject_ends_with=st.one_of(st.just(""), texts),
    included_event_types=st.none() | st.lists(types, max_size=3).map(tuple),
    is_subject_case_sensitive=st.booleans(),
    advanced=st.lists(advanced_filters, max_size=2).map(tuple),
    enable_advanced_filtering_on_arrays=st.booleans(),
)

_scalars = (
    st.none() | st.booleans() | strings | numbers.map(lambda text: msgspec.Raw(text.encode()))
)
_values = st.one_of(
    _scalars,
    st.lists(_scalars, max_size=4),
    st.dictionaries(st.sampled_from(["a", "b", "A"]), _scalars | st.lists(_scalars, max_size=3)),
)
_objects = st.dictionaries(
    st.sampled_from(["data", "a", "b", "ext", "Subject", "data_base64"]), _values
)


def _event(published: Any, schema: EventSchema, event_type: str, subject: str) -> Event:
    text = msgspec.json.encode(published)
    return a_routed_event(text, schema, type=event_type, subject=subject)


events = st.builds(_event, _objects, st.sampled_from(list(EventSchema)), types, texts)
