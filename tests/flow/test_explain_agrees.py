"""Explanations agree with the router: whatever is said to match was delivered, and nothing else."""

import asyncio
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.grid.explanations import Stage, Verdict
from switchhook.grid.subscriptions import (
    AdvancedFilter,
    Filter,
    FilterOperator,
    WebHookDestination,
)
from switchhook.grid.topics import TopicKind
from tests.flow.explaining import a_new_one

_WORDS = st.sampled_from(["", "a", "A", "ab", "/a", "b"])
_OPERATORS = st.sampled_from(
    [FilterOperator.STRING_IN, FilterOperator.STRING_NOT_IN, FilterOperator.IS_NOT_NULL]
)
_ADVANCED = st.builds(
    lambda operator, word: AdvancedFilter(
        operator=operator,
        key="data.word",
        values=() if operator is FilterOperator.IS_NOT_NULL else (word,),
    ),
    _OPERATORS,
    _WORDS,
)
_FILTERS = st.builds(
    Filter,
    subject_begins_with=_WORDS,
    subject_ends_with=_WORDS,
    included_event_types=st.none() | st.just(("T",)) | st.just(("U", "T")),
    is_subject_case_sensitive=st.booleans(),
    advanced=st.lists(_ADVANCED, max_size=2).map(tuple),
)
_EVENTS = st.fixed_dictionaries(
    {
        "subject": _WORDS.map(lambda word: word + "x"),
        "eventType": st.sampled_from(["T", "U", "t"]),
        "data": st.none() | st.fixed_dictionaries({"word": _WORDS | st.none()}),
        "topic": st.sampled_from(["one", "two"]),
    }
)
_STEPS = st.lists(
    st.tuples(st.just("event"), _EVENTS)
    | st.tuples(st.just("subscribe"), st.tuples(_FILTERS, st.sampled_from(["", "one"])))
    | st.tuples(st.just("change"), _FILTERS),
    min_size=2,
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(_STEPS, st.booleans())
def test_what_is_said_to_match_was_delivered(steps: list[Any], ignores_slash: bool) -> None:
    """For events and subscriptions that come, change and cross each other in any order."""
    asyncio.run(_check(steps, ignores_slash))


async def _check(steps: list[Any], ignores_slash: bool) -> None:
    flow = await a_new_one(kind=TopicKind.DOMAIN, ignores_leading_slash=ignores_slash)
    made: list[Any] = []
    published = 0
    for kind, value in steps:
        if kind == "event":
            await flow.publish(f"e{published}", **value)
            published += 1
        elif kind == "subscribe":
            wanted, topic = value
            name = f"s{len(made)}"
            url = f"http://127.0.0.1:9/{name}"
            made.append(
                await flow.subscribe(
                    incarnation=name,
                    name=name,
                    filter=wanted,
                    domain_topic=topic,
                    destination=WebHookDestination(endpoint_url=url),
                )
            )
        elif made:
            changed = msgspec.structs.replace(made[-1], version=made[-1].version + 1, filter=value)
            made[-1] = await flow.put(changed)
    await flow.advance(seconds=1)
    sent = {
        (request.url.rpartition("/")[2], event["id"])
        for request in flow.transport.requests
        for event in msgspec.json.decode(request.body)
    }
    said = set()
    for number in range(published):
        for told in (await flow.explain(f"e{number}")).subscriptions:
            if told.verdict is Verdict.MATCHED:
                said.add((told.name, f"e{number}"))
                assert [each.stage for each in told.deliveries] == [Stage.DELIVERED]
            else:
                assert told.deliveries == ()
    assert said == sent
