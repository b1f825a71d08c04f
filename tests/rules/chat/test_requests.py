"""What do requests of chat ask, and which are refused?"""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from switchhook.clock import from_datetime
from switchhook.communication.chat import requests
from switchhook.communication.chat.model import MessageKind, RetentionPolicy
from switchhook.communication.chat.requests import (
    CreateThread,
    NewParticipant,
    PageRequest,
    SendMessage,
    SkipRequest,
    UpdateMessage,
    UpdateThread,
)
from switchhook.errors import RequestError
from tests.rules.chat.message_builders import ALICE

USER = {"communicationIdentifier": {"rawId": ALICE, "communicationUser": {"id": ALICE}}}
NEW_YEAR = from_datetime(datetime(2026, 1, 1, tzinfo=UTC))
SECOND = 1_000_000_000
# 28 KB of UTF-8, in letters of one byte and in faces of four.
LARGEST_CONTENTS = ["x" * 28_672, "🙂" * 7_168]


def body(members: Any) -> bytes:
    """JSON as clients write it."""
    return json.dumps(members).encode()


def refusal_of(parse: Callable[[Any], object], request: Any) -> str:
    """The message of a 400."""
    with pytest.raises(RequestError) as refusal:
        parse(request)
    assert (refusal.value.status, refusal.value.code) == (400, "BadRequest")
    return refusal.value.message


def test_thread_is_asked_for() -> None:
    """With all that @azure/communication-chat 1.6.0 can send, and members nobody knows."""
    bob = USER | {
        "displayName": "Bjørn",
        "shareHistoryTime": "2026-01-01T00:00:00.000Z",
        "metadata": {"role": "host"},
    }
    policy = {"kind": "threadCreationDate", "deleteThreadAfterDays": 60}
    request = {
        "topic": "Lunch 🍜",
        "participants": [USER, bob],
        "metadata": {"room": "7"},
        "retentionPolicy": policy,
        "brandNew": {"deep": [1]},
    }

    assert requests.parse_create_thread(body(request)) == CreateThread(
        topic="Lunch 🍜",
        participants=(
            NewParticipant(raw_id=ALICE),
            NewParticipant(
                raw_id=ALICE,
                display_name="Bjørn",
                share_history_time=NEW_YEAR,
                metadata={"role": "host"},
            ),
        ),
        metadata={"room": "7"},
        retention_policy=RetentionPolicy(delete_thread_after_days=60),
    )


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"participants": []},
        {"participants": None, "metadata": None, "retentionPolicy": None},
        {"metadata": {}},
    ],
)
def test_thread_needs_a_topic_only(rest: dict[str, Any]) -> None:
    """Python sends an empty list of participants when it was given none."""
    assert requests.parse_create_thread(body({"topic": "x"} | rest)) == CreateThread(topic="x")


@pytest.mark.parametrize(
    ("members", "fits"),
    [
        ({"topic": ""}, True),
        ({"topic": "ß" * 250}, True),
        ({"topic": "🍜" * 250}, True),
        ({"topic": "x" * 251}, False),
        ({"participants": [USER] * 200}, True),
        ({"participants": [USER] * 201}, False),
        ({"participants": [USER | {"displayName": "ü" * 256}]}, True),
        ({"participants": [USER | {"displayName": "x" * 257}]}, False),
        ({"participants": [USER | {"metadata": {"k": "x" * 1023}}]}, True),
        ({"participants": [USER | {"metadata": {"k": "x" * 1024}}]}, False),
        ({"metadata": {"k": "é" * 511, "l": ""}}, True),
        ({"metadata": {"k": "é" * 511, "l": "x"}}, False),
        ({"metadata": {str(number): "x" for number in range(100, 356)}}, True),
        ({"metadata": {str(number): "x" for number in range(100, 357)}}, False),
    ],
)
def test_thread_keeps_its_limits(members: dict[str, Any], fits: bool) -> None:
    """On the limit, and one over."""
    request = body({"topic": "x"} | members)
    name = next(iter(members))

    if fits:
        requests.parse_create_thread(request)
    else:
        assert f"'{name}" in refusal_of(requests.parse_create_thread, request)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"topic": None}, "$.topic"),
        ({"topic": 5}, "$.topic"),
        ({"participants": {}}, "$.participants"),
        ({"participants": [{}]}, "communicationIdentifier"),
        ({"participants": [{"communicationIdentifier": None}]}, "communicationIdentifier"),
        ({"participants": [{"communicationIdentifier": {}}]}, "'rawId' is missing"),
        ({"participants": [{"communicationIdentifier": {"rawId": "x" * 513}}]}, "512"),
        ({"participants": [USER | {"displayName": 5}]}, "participants[0].displayName"),
        (
            {"participants": [USER, USER | {"shareHistoryTime": "yesterday"}]},
            "'participants[1].shareHistoryTime' must be a time of RFC 3339",
        ),
        ({"participants": [USER | {"shareHistoryTime": 1767225600}]}, "shareHistoryTime"),
        ({"participants": [USER | {"metadata": {"": "x"}}]}, "'participants[0].metadata'"),
        ({"metadata": {"": "x"}}, "'metadata' must not have an empty name"),
        ({"metadata": {"k": 5}}, "$.metadata"),
        ({"metadata": {"k": None}}, "$.metadata"),
        ({"metadata": []}, "$.metadata"),
        ({"retentionPolicy": {}}, "`kind`"),
        ({"retentionPolicy": {"kind": "forever"}}, "'retentionPolicy.kind' must be one of"),
        ({"retentionPolicy": {"kind": "threadCreationDate"}}, "must be 30 to 90"),
    ],
)
def test_wrong_member_of_a_thread_is_named(members: dict[str, Any], words: str) -> None:
    """The refusal says which member is wrong, and how."""
    request = body({"topic": "x"} | members)

    assert words in refusal_of(requests.parse_create_thread, request)


@pytest.mark.parametrize(
    ("days", "fits"), [(-1, False), (0, False), (29, False), (30, True), (90, True), (91, False)]
)
@pytest.mark.parametrize(
    "parse", [requests.parse_create_thread, requests.parse_update_thread], ids=["create", "update"]
)
def test_threads_are_kept_30_to_90_days(
    parse: Callable[[bytes], CreateThread | UpdateThread], days: int, fits: bool
) -> None:
    """Where a policy names days."""
    policy = {"kind": "threadCreationDate", "deleteThreadAfterDays": days}
    request = body({"topic": "x", "retentionPolicy": policy})

    if fits:
        assert parse(request).retention_policy == RetentionPolicy(delete_thread_after_days=days)
    else:
        assert "deleteThreadAfterDays' must be 30 to 90" in refusal_of(parse, request)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, UpdateThread()),
        ({"topic": "x"}, UpdateThread(topic="x")),
        ({"topic": None}, UpdateThread(topic="")),
        ({"metadata": None}, UpdateThread(metadata=None)),
        ({"metadata": {}}, UpdateThread(metadata={})),
        ({"metadata": {"a": "1", "b": "", "c": None}}, {"a": "1", "b": "", "c": ""}),
        ({"retentionPolicy": None}, UpdateThread(retention_policy=None)),
        ({"retentionPolicy": {"kind": "none"}}, UpdateThread(retention_policy=RetentionPolicy())),
    ],
)
def test_update_of_a_thread_is_a_merge_patch(
    members: dict[str, Any], expected: UpdateThread | dict[str, str]
) -> None:
    """Absent is unchanged, null is cleared."""
    if isinstance(expected, dict):
        expected = UpdateThread(metadata=expected)

    assert requests.parse_update_thread(body(members)) == expected


def test_absent_and_null_are_not_the_same() -> None:
    """Equality of unset and None would hide it."""
    absent = requests.parse_update_thread(b"{}")
    cleared = requests.parse_update_thread(b'{"metadata": null, "retentionPolicy": null}')

    assert (absent.metadata, absent.retention_policy) == (UNSET, UNSET)
    assert (cleared.metadata, cleared.retention_policy) == (None, None)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"topic": "x" * 251}, "'topic' must not have over 250"),
        ({"topic": 5}, "$.topic"),
        ({"metadata": {"k": "x" * 1024}}, "'metadata' must not have over 1024 bytes"),
        ({"metadata": {"": None}}, "'metadata' must not have an empty name"),
        ({"metadata": "x"}, "$.metadata"),
        ({"retentionPolicy": {"kind": "None"}}, "'retentionPolicy.kind'"),
        ([], "object"),
        (None, "object"),
    ],
)
def test_wrong_update_of_a_thread_is_refused(members: Any, words: str) -> None:
    """As a wrong new thread is."""
    assert words in refusal_of(requests.parse_update_thread, body(members))


@pytest.mark.parametrize("count", [1, 200])
def test_participants_are_named(count: int) -> None:
    """Up to 200 in one request."""
    found = requests.parse_participants(body({"participants": [USER] * count}))

    assert found == (NewParticipant(raw_id=ALICE),) * count


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "participants"),
        ({"participants": None}, "$.participants"),
        ({"participants": []}, "'participants' must name at least one"),
        ({"participants": [USER] * 201}, "'participants' must not name more than 200"),
    ],
)
def test_wrong_number_of_participants_is_refused(members: dict[str, Any], words: str) -> None:
    """None, or too many."""
    assert words in refusal_of(requests.parse_participants, body(members))


@pytest.mark.parametrize(
    ("identifier", "raw_id"),
    [
        ({"rawId": ALICE, "communicationUser": {"id": ALICE}}, ALICE),
        ({"communicationUser": {"id": ALICE}}, ALICE),
        ({"kind": "communicationUser", "rawId": ALICE}, ALICE),
        ({"phoneNumber": {"value": "+14255550123"}}, "4:+14255550123"),
    ],
)
def test_removed_participant_is_an_identifier(identifier: dict[str, Any], raw_id: str) -> None:
    """With or without a raw id."""
    assert requests.parse_identifier(body(identifier)) == raw_id


@pytest.mark.parametrize("request_", [b"", b"{}", b"null", b"[]", b'{"rawId": ""}'])
def test_removed_participant_must_be_named(request_: bytes) -> None:
    """A body is needed here."""
    refusal_of(requests.parse_identifier, request_)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"content": "x"}, SendMessage(content="x")),
        ({"content": " "}, SendMessage(content=" ")),
        (
            {"content": "x", "type": None, "senderDisplayName": None, "metadata": None},
            SendMessage(content="x"),
        ),
        ({"content": "x", "type": "text"}, SendMessage(content="x", kind=MessageKind.TEXT)),
        ({"content": "<b>x</b>", "type": "html"}, MessageKind.HTML),
        ({"content": "<b>x</b>", "type": "Html"}, MessageKind.HTML),
        (
            {"content": "x", "senderDisplayName": "Á", "metadata": {"k": "", "l": "v"}},
            SendMessage(content="x", sender_display_name="Á", metadata={"k": "", "l": "v"}),
        ),
    ],
)
def test_message_is_read(members: dict[str, Any], expected: SendMessage | MessageKind) -> None:
    """It is text unless it says otherwise."""
    if isinstance(expected, MessageKind):
        expected = SendMessage(content="<b>x</b>", kind=expected)

    assert requests.parse_send_message(body(members)) == expected


@pytest.mark.parametrize("content", LARGEST_CONTENTS)
def test_content_has_up_to_28_kilobytes(content: str) -> None:
    """Of UTF-8; a byte more is refused, in an edit too."""
    assert requests.parse_send_message(body({"content": content})).content == content
    assert requests.parse_update_message(body({"content": content})).content == content

    larger = body({"content": content + "x"})
    for parse in (requests.parse_send_message, requests.parse_update_message):
        assert "'content' must not have over 28672 bytes" in refusal_of(parse, larger)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "`content`"),
        ({"content": None}, "$.content"),
        ({"content": 5}, "$.content"),
        ({"content": ""}, "'content' must not be empty"),
        ({"content": "x", "type": "topicUpdated"}, "'type' must be one of text, html"),
        ({"content": "x", "type": "participantAdded"}, "'type'"),
        ({"content": "x", "type": "RichText"}, "'type'"),
        ({"content": "x", "type": 1}, "$.type"),
        ({"content": "x", "senderDisplayName": "x" * 257}, "'senderDisplayName'"),
        ({"content": "x", "senderDisplayName": []}, "$.senderDisplayName"),
        ({"content": "x", "metadata": {"k": 1}}, "$.metadata"),
        ({"content": "x", "metadata": {"": ""}}, "'metadata' must not have an empty name"),
        ({"content": "x", "metadata": {"k": "x" * 28_672}}, "'metadata' must not have over 28672"),
    ],
)
def test_wrong_message_is_refused(members: dict[str, Any], words: str) -> None:
    """The refusal says which member is wrong, and how."""
    assert words in refusal_of(requests.parse_send_message, body(members))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, UpdateMessage()),
        ({"content": "x"}, UpdateMessage(content="x")),
        ({"metadata": None}, UpdateMessage(metadata=None)),
        ({"metadata": {"a": None}}, UpdateMessage(metadata={"a": ""})),
        ({"content": "x", "metadata": {"a": "1"}}, UpdateMessage(content="x", metadata={"a": "1"})),
    ],
)
def test_update_of_a_message_is_a_merge_patch(
    members: dict[str, Any], expected: UpdateMessage
) -> None:
    """Python sends `{}` when it was given nothing."""
    assert requests.parse_update_message(body(members)) == expected


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"content": None}, "'content' must not be null"),
        ({"content": ""}, "'content' must not be empty"),
        ({"content": 5}, "$.content"),
        ({"metadata": {"k": "x" * 28_672}}, "'metadata' must not have over 28672"),
        ({"metadata": {"k": 5}}, "$.metadata"),
    ],
)
def test_wrong_update_of_a_message_is_refused(members: dict[str, Any], words: str) -> None:
    """A message has content until it is deleted."""
    assert words in refusal_of(requests.parse_update_message, body(members))


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (b"", None),
        (b" \r\n", None),
        (b"null", None),
        (b"{}", None),
        (b'{"senderDisplayName": null}', None),
        (b'{"senderDisplayName": "Z\xc3\xb6e"}', "Zöe"),
    ],
)
def test_typing_needs_no_body(request_: bytes, name: str | None) -> None:
    """Its only member may be absent."""
    assert requests.parse_typing(request_) == name


@pytest.mark.parametrize("request_", [b"[]", b"{", b'{"senderDisplayName": 1}', b"\xff", b"text"])
def test_wrong_typing_is_refused(request_: bytes) -> None:
    """A body that is there must be right."""
    refusal_of(requests.parse_typing, request_)


def test_typing_name_keeps_its_limit() -> None:
    """That of every display name."""
    assert requests.parse_typing(body({"senderDisplayName": "x" * 256})) == "x" * 256
    long = body({"senderDisplayName": "x" * 257})

    assert "'senderDisplayName'" in refusal_of(requests.parse_typing, long)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1685151486588", 1_685_151_486_588), ("0", 0), ("0007", 7), (str(2**63 - 1), 2**63 - 1)],
)
def test_receipt_names_a_message(text: str, expected: int) -> None:
    """Ids are milliseconds, written as text."""
    assert requests.parse_read_receipt(body({"chatMessageId": text})) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "+1", "1.5", " 1", "1 ", "1_0", "١٢٣", str(2**63)])
def test_receipt_of_no_message_is_refused(text: str) -> None:
    """Digits of ASCII only, within 64 bits."""
    request = body({"chatMessageId": text})

    assert "'chatMessageId'" in refusal_of(requests.parse_read_receipt, request)


@pytest.mark.parametrize("members", [{}, {"chatMessageId": None}, {"chatMessageId": 5}, None])
def test_receipt_needs_a_message(members: Any) -> None:
    """The member is required, and text."""
    refusal_of(requests.parse_read_receipt, body(members))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, PageRequest(size=200)),
        ({"api-version": "2025-03-15", "maxPageSize": ""}, PageRequest(size=200)),
        ({"maxPageSize": "1"}, PageRequest(size=1)),
        ({"maxPageSize": "200"}, PageRequest(size=200)),
        ({"maxPageSize": "201"}, PageRequest(size=200)),
        ({"maxPageSize": str(2**31 - 1)}, PageRequest(size=200)),
        ({"syncState": "ab-_9", "maxPageSize": "5"}, PageRequest(size=5, token="ab-_9")),
    ],
)
def test_page_is_asked_for(query: dict[str, str], expected: PageRequest) -> None:
    """A page has up to 200 rows."""
    assert requests.parse_page(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        {"maxPageSize": "0"},
        {"maxPageSize": "-5"},
        {"maxPageSize": "five"},
        {"maxPageSize": "1.0"},
        {"maxPageSize": str(2**31)},
        {"maxPageSize": "9" * 5000},
        {"maxPageSize": "٣"},
        {"startTime": "yesterday"},
    ],
)
def test_wrong_page_is_refused(query: dict[str, str]) -> None:
    """The refusal names the parameter."""
    assert f"'{next(iter(query))}' must be" in refusal_of(requests.parse_page, query)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, SkipRequest(size=200, skip=0)),
        ({"skip": "0", "maxPageSize": "2"}, SkipRequest(size=2, skip=0)),
        ({"skip": "250"}, SkipRequest(size=200, skip=250)),
        ({"skip": str(2**31 - 1)}, SkipRequest(size=200, skip=2**31 - 1)),
    ],
)
def test_rows_are_skipped(query: dict[str, str], expected: SkipRequest) -> None:
    """As participants and read receipts are paged."""
    assert requests.parse_skip(query) == expected


@pytest.mark.parametrize(
    "query", [{"skip": "-1"}, {"skip": "x"}, {"skip": str(2**31)}, {"maxPageSize": "0"}]
)
def test_wrong_skip_is_refused(query: dict[str, str]) -> None:
    """The refusal names the parameter."""
    assert f"'{next(iter(query))}' must be" in refusal_of(requests.parse_skip, query)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T00:00:00Z", NEW_YEAR),
        ("2026-01-01T00:00:00.000Z", NEW_YEAR),
        ("2026-01-01t00:00:00z", NEW_YEAR),
        ("2026-01-01T00:00:00.5000000Z", NEW_YEAR + SECOND // 2),
        ("2026-01-01T02:00:00+02:00", NEW_YEAR),
        ("2026-01-01T02:00:00 02:00", NEW_YEAR),
        ("2025-12-31T19:00:00-05:00", NEW_YEAR),
        ("2026-01-01T00:00:00", NEW_YEAR),
        ("2026-01-01 00:00:00Z", NEW_YEAR),
        ("1/1/2026 12:00:00 AM +00:00", NEW_YEAR),
        ("1/1/2026 12:00:00 AM  00:00", NEW_YEAR),
        ("12/31/2025 11:30:00 PM -00:30", NEW_YEAR),
        ("1/1/2026 12:00:00 AM", NEW_YEAR),
        ("1/1/1970 12:00:00 AM +00:00", 0),
        ("0", 0),
        ("", 0),
        ("1969-12-31T23:59:59Z", 0),
        ("0001-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59Z", 2**63 - 1),
    ],
)
def test_start_time_is_read(text: str, expected: int) -> None:
    """As clients and links of the live service write it; kept within 64 bits."""
    assert requests.parse_page({"startTime": text}).start_time == expected


@pytest.mark.parametrize(
    "text",
    [
        "now",
        "1767225600",
        "2026-01-01",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-01T25:00:00Z",
        "2026-01-01T00:00:00+99:00",
        "2026-W01-1T00:00:00Z",
        "20260101T000000Z",
        "13/13/2026 12:00:00 AM +00:00",
        "1/1/2026 13:00:00 PM +00:00",
        "٢٠٢٦-01-01T00:00:00Z",
        "x" * 10_000,
    ],
)
def test_wrong_start_time_is_refused(text: str) -> None:
    """Anything but a time."""
    assert "'startTime' must be a time" in refusal_of(requests.parse_page, {"startTime": text})


PARSERS = [
    requests.parse_create_thread,
    requests.parse_update_thread,
    requests.parse_participants,
    requests.parse_identifier,
    requests.parse_send_message,
    requests.parse_update_message,
    requests.parse_typing,
    requests.parse_read_receipt,
]


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "request_", [b"{", b'{"a": "\xff"}', b'"text"', b"5", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_body_that_is_no_request_is_refused(
    parse: Callable[[bytes], object], request_: bytes
) -> None:
    """Whatever it was meant to be."""
    refusal_of(parse, request_)


MEMBERS = [
    "topic",
    "participants",
    "communicationIdentifier",
    "rawId",
    "metadata",
    "type",
    "shareHistoryTime",
    "retentionPolicy",
    "kind",
    "content",
    "chatMessageId",
]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(MEMBERS),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_any_json_is_read_or_refused(value: Any) -> None:
    """Nothing else can come of it."""
    for parse in PARSERS:
        with contextlib.suppress(RequestError):
            parse(body(value))


@given(
    st.dictionaries(st.sampled_from(["maxPageSize", "startTime", "skip", "syncState"]), st.text())
)
def test_any_query_is_read_or_refused(query: dict[str, str]) -> None:
    """Nothing else can come of it."""
    for parse in (requests.parse_page, requests.parse_skip):
        with contextlib.suppress(RequestError):
            parse(query)


@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2262, 1, 1)),  # noqa: DTZ001
    st.integers(min_value=-14 * 60, max_value=14 * 60),
)
def test_times_of_all_zones_are_read(instant: datetime, minutes: int) -> None:
    """Exactly."""
    aware = instant.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    for text in (aware.isoformat(), aware.isoformat().replace("+", " ")):
        found = requests.parse_page({"startTime": text}).start_time
        assert found == from_datetime(aware)
