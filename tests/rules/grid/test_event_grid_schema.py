"""What may be published in the Event Grid schema, and what becomes of it?"""

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.errors import RequestError
from switchhook.grid.events import Event
from switchhook.grid.schemas.accept import PublishRequest, accept
from switchhook.grid.schemas.event_grid import read
from switchhook.grid.schemas.json_text import MAX_BODY_BYTES, MAX_EVENTS
from switchhook.grid.topics import Topic, TopicKind
from tests.builders import RESOURCE_ID, a_body, a_topic, an_event

TOPIC = a_topic()
CONFIGURED = "This resource is configured for 'EventGridEvent' schema"
EXPECTED = (
    "This resource is configured to receive event in 'EventGridEvent' schema. The JSON received "
    "does not conform to the expected schema. Token Expected: "
)
_EVENT = b'{"id":"1","subject":"s","eventType":"t","eventTime":"e"'


def check(body: bytes, topic: Topic) -> Sequence[str]:
    """The ids of what is accepted."""
    return accept(PublishRequest(body), topic).ids


def _refusal(body: bytes) -> RequestError:
    with pytest.raises(RequestError) as raised:
        check(body, TOPIC)
    return raised.value


def _message(body: bytes) -> str:
    """The text of a 400 for what is wrong with the JSON."""
    refusal = _refusal(body)
    codes = (refusal.status, refusal.code, refusal.details_code)
    assert codes == (400, "BadRequest", "InputJsonInvalid")
    return refusal.message


def _read(body: bytes, topic: Topic = TOPIC) -> list[Event]:
    """The events of what is accepted: the same right away as from the log."""
    checked = accept(PublishRequest(body), topic).checked
    events = list(read(body, topic))
    assert checked is not None
    assert list(read(body, topic, checked)) == events
    return events


def _with_data(data: bytes) -> bytes:
    return b"[" + _EVENT + b',"data":' + data + b"}]"


def _without(name: str) -> bytes:
    event = an_event()
    del event[name]
    return a_body(event)


# --- what is accepted --------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 17])
def test_events_of_a_body_are_counted(count: int) -> None:
    """An empty array is a publication of nothing."""
    assert len(check(json.dumps([an_event() for _ in range(count)]).encode(), TOPIC)) == count


@pytest.mark.parametrize("name", ["data", "dataVersion", "metadataVersion", "topic"])
def test_optional_member_may_be_absent_or_null(name: str) -> None:
    """Both are the same."""
    event = an_event()
    event.pop(name, None)

    assert len(check(a_body(event), TOPIC)) == 1
    assert len(check(a_body(event | {name: None}), TOPIC)) == 1


@pytest.mark.parametrize("name", ["id", "subject", "eventType", "eventTime"])
def test_required_member_may_be_empty(name: str) -> None:
    """It must be there; nothing is said about its length or, for the time, its form."""
    assert len(check(a_body(an_event(**{name: ""})), TOPIC)) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"null",
        b"true",
        b"0",
        b"-1.50",
        b"1e999",
        b"9" * 5000,
        b'""',
        b'"\\u00e9\\n\\ud83d\\ude00"',
        '"größe 😀"'.encode(),
        b"[]",
        b"[1,[2,[3]]]",
        b"{}",
        b'{ "a" : [ null , {"b":"}"} ] }',
        b'{"a":1,"a":2}',
        b"[" * 200 + b"]" * 200,
    ],
)
def test_data_is_any_json_and_stays_as_it_was_written(data: bytes) -> None:
    """Its text is never taken apart: neither numbers nor spaces change."""
    (event,) = _read(_with_data(data))

    assert b'"data":' + data in event.json


def test_body_may_have_space_around_everything() -> None:
    """As any JSON."""
    body = json.dumps([an_event(), an_event()], indent=2).encode() + b"\r\n"

    assert all(json.loads(event.json)["topic"] == RESOURCE_ID for event in _read(b"\t " + body))


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["subject", "id", "eventType", "eventTime"])
def test_missing_member_is_named(name: str) -> None:
    """Absent or null."""
    expected = f"{CONFIGURED} and requires '{name}' property to be set."

    assert _message(_without(name)) == expected
    assert _message(a_body(an_event(**{name: None}))) == expected


@pytest.mark.parametrize(
    ("left", "named"),
    [
        ((), "subject"),
        (("subject",), "id"),
        (("subject", "id"), "eventType"),
        (("subject", "id", "eventType"), "eventTime"),
    ],
)
def test_only_the_first_missing_member_is_named(left: tuple[str, ...], named: str) -> None:
    """In the order of the live service."""
    event = {name: value for name, value in an_event().items() if name in left}

    assert f"requires '{named}' property" in _message(a_body(event))


def test_the_first_wrong_event_of_many_is_named() -> None:
    """One wrong event refuses the whole request."""
    assert "'subject'" in _message(a_body(an_event(), an_event(subject=None), an_event(id=None)))


@pytest.mark.parametrize("name", ["source", "Id", "event_type", "", "größe"])
def test_unknown_member_is_refused(name: str) -> None:
    """Names regard case."""
    assert _message(a_body(an_event(**{name: 1}))) == (
        f"{CONFIGURED}. Received unexpected property '{name}' in JSON which does not conform to "
        "the expected schema."
    )


def test_name_that_is_half_a_surrogate_pair_can_be_reported() -> None:
    """JSON's escapes can write what UTF-8 cannot carry."""
    message = _message(b'[{"\\ud800":1}]')

    assert "property '\\ud800' in" in msgspec.json.encode(message).decode().replace("\\\\", "\\")


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b"{}", "StartObject"),
        (b'{"id":"1"}', "StartObject"),
        (b'"events"', "String"),
        (b"1", "Integer"),
        (b"1.5", "Float"),
        (b"true", "Boolean"),
        (b"null", "Null"),
    ],
)
def test_body_must_be_an_array(body: bytes, token: str) -> None:
    """One event alone is no exception."""
    assert _message(body) == f"{EXPECTED}StartArray, Actual Token Received: {token}."


@pytest.mark.parametrize(
    ("element", "token"), [(b"[]", "StartArray"), (b"null", "Null"), (b'"x"', "String")]
)
def test_each_event_must_be_an_object(element: bytes, token: str) -> None:
    """Whatever stands before it."""
    body = b"[" + _EVENT + b"}," + element + b"]"

    assert _message(body) == f"{EXPECTED}StartObject, Actual Token Received: {token}."


@pytest.mark.parametrize(
    "name",
    ["id", "subject", "eventType", "eventTime", "dataVersion", "metadataVersion", "topic"],
)
@pytest.mark.parametrize(
    ("value", "token"),
    [(1, "Integer"), (1.5, "Float"), (False, "Boolean"), ([], "StartArray"), ({}, "StartObject")],
)
def test_member_of_another_type_is_named(name: str, value: Any, token: str) -> None:
    """Every member but `data` is text."""
    assert _message(a_body(an_event(**{name: value}))) == (
        f"{EXPECTED}String, Actual Token Received: {token}. Property '{name}'."
    )


@pytest.mark.parametrize("version", ["", "0", "2", "1.0", " 1"])
def test_metadata_version_must_be_one(version: str) -> None:
    """If it is there at all."""
    assert _message(a_body(an_event(metadataVersion=version))) == (
        f"{CONFIGURED} and requires 'metadataVersion' property to be '1'."
    )


@pytest.mark.parametrize("topic", ["orders", RESOURCE_ID.upper(), RESOURCE_ID + "/"])
def test_foreign_topic_is_unauthorized(topic: str) -> None:
    """It must be the resource's own id exactly."""
    refusal = _refusal(a_body(an_event(topic=topic)))

    codes = (refusal.status, refusal.code, refusal.details_code)
    assert codes == (401, "Unauthorized", "Unauthorized")
    assert refusal.message == f"The event's topic '{topic}' is not that of this resource."


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t "])
def test_empty_body_ends_unexpectedly(body: bytes) -> None:
    """In the words of Azure's reader."""
    assert _message(body) == "Unexpected end when reading JSON."


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"[",
        b"[{",
        b"[]]",
        b"[] []",
        b"[" + _EVENT + b"},]",
        b"[" + _EVENT + b",}]",
        b"\xef\xbb\xbf[]",
        "[]".encode("utf-16"),
        b'[{"id":5,"id":"1","subject":"s","eventType":"t","eventTime":"e"}]',
        b'[{"id":' + b"9" * 5000 + b"}]",
        b'[{"id":"\\ud800","subject":"s","eventType":"t","eventTime":"e"}]',
        _with_data(b"NaN"),
        _with_data(b"Infinity"),
        _with_data(b"-Infinity"),
        _with_data(b"01"),
        _with_data(b"'x'"),
        _with_data(b'"\x01"'),
        _with_data(b'"\\x"'),
        _with_data(b'"\\ud800"'),
        _with_data(b'{"a":1,}'),
        _with_data(b'"\xff"'),
        _with_data(b'"\xed\xa0\x80"'),
        _with_data(b'"\xc0\xaf"'),
    ],
)
def test_malformed_json_is_refused(body: bytes) -> None:
    """Also inside `data`, whose text is passed on."""
    assert _message(body).startswith("The JSON received is not valid: ")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
        _with_data(b"[" * 100_000 + b"]" * 100_000),
        b'[{"source":' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
    ],
)
def test_deep_nesting_is_refused(body: bytes) -> None:
    """Without running out of stack."""
    assert _message(body) == "The JSON received is nested too deeply."


def test_what_was_accepted_can_be_read_at_a_deeper_stack() -> None:
    """Decoding is recursive: the log must not hold a body that is too deep for its readers."""

    def deeper(levels: int, body: bytes) -> list[Event]:
        return deeper(levels - 1, body) if levels else list(read(body, TOPIC))

    deepest = next(
        body
        for depth in range(1000, 0, -1)
        if _is_accepted(body := _with_data(b"[" * depth + b"]" * depth))
    )

    assert len(deeper(80, deepest)) == 1


def _is_accepted(body: bytes) -> bool:
    try:
        check(body, TOPIC)
    except RequestError:
        return False
    return True


# --- limits ------------------------------------------------------------------------------------


def test_body_of_the_maximum_size_is_accepted() -> None:
    """1 MiB."""
    body = _with_data(b'"' + b"x" * (MAX_BODY_BYTES - len(_with_data(b'""'))) + b'"')

    assert len(body) == MAX_BODY_BYTES == 1_048_576
    assert len(check(body, TOPIC)) == 1


def test_body_over_the_maximum_size_is_refused() -> None:
    """By one byte, whatever it holds."""
    refusal = _refusal(b" " * (MAX_BODY_BYTES + 1))

    codes = (refusal.status, refusal.code, refusal.details_code)
    assert codes == (413, "RequestEntityTooLarge", "PayloadTooLarge")
    assert refusal.message == "The maximum size (1048576) has been exceeded."


def test_number_of_events_is_limited() -> None:
    """5,000 are accepted, one more is refused."""
    events = [_EVENT + b"}"] * (MAX_EVENTS + 1)

    assert len(check(b"[" + b",".join(events[1:]) + b"]", TOPIC)) == 5000
    refusal = _refusal(b"[" + b",".join(events) + b"]")
    assert (refusal.status, refusal.details_code) == (413, "PayloadTooLarge")
    assert refusal.message == "The maximum number of events (5000) has been exceeded."


# --- what is delivered -------------------------------------------------------------------------


def test_what_routing_needs_is_read_from_the_event() -> None:
    """Id, type, subject and version, with escapes resolved."""
    body = a_body(an_event(id="ä", eventType="T", subject="/s\n", dataVersion="2"))

    (event,) = _read(body)

    assert (event.id, event.type, event.subject, event.data_version) == ("ä", "T", "/s\n", "2")


def test_absent_members_are_stamped() -> None:
    """Behind the others; the topic is the resource's id."""
    (event,) = _read(b"[" + _EVENT + b',"data":{}} ]')

    assert event.json == _EVENT + (
        b',"data":{},"dataVersion":"","metadataVersion":"1","topic":"%s"}' % RESOURCE_ID.encode()
    )
    assert event.data_version == ""


def test_complete_event_is_delivered_verbatim() -> None:
    """Nothing is owed, so nothing is touched."""
    text = _EVENT + (
        b' , "dataVersion" : null2, "metadataVersion":"1","topic":"%s" }' % RESOURCE_ID.encode()
    ).replace(b"null2", b'"2"')

    (event,) = _read(b"[ " + text + b" ]")

    assert event.json == text


@pytest.mark.parametrize("value", [b"null", b'""', b" null "])
@pytest.mark.parametrize("name", ["topic", "top\\u0069c"])
def test_member_without_a_value_does_not_stand_twice(name: str, value: bytes) -> None:
    """A topic that is null or empty gives way to the stamped one, however it is written."""
    body = b"[" + _EVENT + b',"' + name.encode() + b'":' + value + b',"data":[null, 1]}]'

    (event,) = _read(body)

    members = json.loads(event.json, object_pairs_hook=list)
    names = "data dataVersion eventTime eventType id metadataVersion subject topic"
    assert sorted(name for name, _ in members) == names.split()
    assert dict(members)["topic"] == RESOURCE_ID
    assert b"[null, 1]" in event.json


def test_service_writes_its_resource_in_its_own_way() -> None:
    topic = a_topic(kind=TopicKind.SYSTEM)
    written = topic.resource_id.lower()
    whole = a_body(an_event(topic=written, dataVersion="1", metadataVersion="1"))

    (event,) = read(whole, topic)

    assert (event.source, b"[" + event.json + b"]") == (written, whole)


def test_null_versions_give_way_to_the_stamped_ones() -> None:
    """As for the topic; null `data` is data."""
    (event,) = _read(
        a_body(an_event(dataVersion=None, metadataVersion=None, data=None, topic=RESOURCE_ID))
    )

    members = json.loads(event.json, object_pairs_hook=list)
    assert len(members) == 8
    assert dict(members)["dataVersion"] == ""
    assert dict(members)["metadataVersion"] == "1"
    assert dict(members)["data"] is None


def test_empty_data_version_is_a_version() -> None:
    """It is what an absent one is stamped with."""
    (event,) = _read(a_body(an_event(dataVersion="")))

    assert event.json.count(b'"dataVersion"') == 1
    assert event.data_version == ""


# --- domains -----------------------------------------------------------------------------------

DOMAIN = a_topic(kind=TopicKind.DOMAIN)


@pytest.mark.parametrize(
    ("named", "delivered"),
    [
        ("Tenant-1", f"{RESOURCE_ID}/topics/Tenant-1"),
        (f"{RESOURCE_ID}/topics/Tenant-1", f"{RESOURCE_ID}/topics/Tenant-1"),
        (f"{RESOURCE_ID.upper()}/TOPICS/Tenant-1", f"{RESOURCE_ID.upper()}/TOPICS/Tenant-1"),
    ],
)
def test_event_names_a_topic_of_the_domain(named: str, delivered: str) -> None:
    """By its name, which is delivered as the full id, or by that id, in any case."""
    (event,) = _read(a_body(an_event(topic=named, data={"topic": None})), DOMAIN)

    members = json.loads(event.json, object_pairs_hook=list)
    assert dict(members)["topic"] == event.source == delivered
    assert len(members) == 8
    assert event.domain_topic == "tenant-1"
    assert list(read(b"[" + event.json + b"]", DOMAIN)) == [event]


@pytest.mark.parametrize("named", ["", None])
def test_event_of_a_domain_must_name_a_topic(named: str | None) -> None:
    """The domain alone is none."""
    with pytest.raises(RequestError) as raised:
        check(a_body(an_event(topic=named)), DOMAIN)

    assert raised.value.message == f"{CONFIGURED} and requires 'topic' property to be set."


@pytest.mark.parametrize(
    "named",
    [
        "https://shop.example",
        "urn:shop",
        "a/b",
        "a b",
        " ",
        "a?b",
        RESOURCE_ID,
        f"{RESOURCE_ID}/topics/",
        f"{RESOURCE_ID}/topics/a/b",
        f"{RESOURCE_ID}2/topics/a",
    ],
)
def test_what_can_be_no_domain_topic_is_refused(named: str) -> None:
    """With the words of the live service."""
    with pytest.raises(RequestError) as raised:
        check(a_body(an_event(topic=named)), DOMAIN)

    codes = (raised.value.status, raised.value.code, raised.value.details_code)
    assert codes == (400, "BadRequest", "InputJsonInvalid")
    assert raised.value.message == (
        "Required property 'topic' needs to either be a full resource id or should be just the "
        f"name of the domain topic. Found: {named}."
    )


# --- for any input -----------------------------------------------------------------------------

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
_wire_events = st.fixed_dictionaries(
    {name: st.text() for name in ("id", "subject", "eventType", "eventTime")},
    optional={
        "data": _json,
        "dataVersion": st.none() | st.text(),
        "metadataVersion": st.sampled_from([None, "1"]),
        "topic": st.sampled_from([None, "", RESOURCE_ID]),
    },
)


@settings(deadline=None)
@given(st.lists(_wire_events, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_every_member_of_an_accepted_event_is_kept(
    published: list[dict[str, Any]], ascii_only: bool, indent: int | None
) -> None:
    """Only what was absent is added; a delivered event can be published again."""
    body = json.dumps(published, ensure_ascii=ascii_only, indent=indent).encode()

    events = _read(body)

    assert len(events) == len(published)
    for event, wire in zip(events, published, strict=True):
        stamps = {"dataVersion": "", "metadataVersion": "1", "topic": RESOURCE_ID}
        given_members = {n: v for n, v in wire.items() if n == "data" or v is not None}
        if not given_members.get("topic"):
            given_members.pop("topic", None)
        assert json.loads(event.json) == stamps | given_members
        assert _read(b"[" + event.json + b"]") == [event]


@settings(deadline=None)
@given(st.binary() | st.text().map(str.encode) | _json.map(json.dumps).map(str.encode))
def test_any_bytes_are_accepted_or_refused(body: bytes) -> None:
    """Nothing but `RequestError` comes out."""
    with contextlib.suppress(RequestError):
        check(body, TOPIC)


_tokens = r'[ ] { } , : "id" "data" "topic" "eventType" "s" null 1 NaN 1e999 "\ud800" "x": }]'
_pieces = st.sampled_from([*_tokens.split(), " ", _EVENT.decode()])


@settings(deadline=None, max_examples=300)
@given(st.lists(_pieces, max_size=12).map("".join))
def test_any_sequence_of_tokens_is_accepted_or_refused(text: str) -> None:
    """What is accepted can also be read; each of its events is JSON."""
    body = text.encode()
    try:
        events = _read(body)
    except RequestError as refusal:
        msgspec.json.encode(refusal.message)
    else:
        for event in events:
            msgspec.json.decode(event.json, type=dict[str, msgspec.Raw])
