"""A dead letter's members, its blob's name, and how blobs are filled."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from switchhook.clock import SECOND, from_datetime
from switchhook.grid import dead_letters
from switchhook.grid.dead_letters import (
    DeadLetter,
    DeadLetterWaits,
    blob_guid,
    blob_name,
    body,
    first_due,
    in_blobs,
    record,
)
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.ports import WaitingDelivery
from tests.contract.values import a_delivery

PUBLISHED = from_datetime(datetime(2020, 8, 13, 17, 18, 14, 26575, tzinfo=UTC)) + 800
ATTEMPTED = PUBLISHED + SECOND

# "My" text keeps what parsing and writing again would change: spaces, escapes, a long number.
EVENT_GRID = (
    b'{"id":"e1","eventTime":"2020-08-13T17:18:13.1647262Z","eventType":"Blob","dataVersion":"",'
    b'"metadataVersion":"1","topic":"/t","subject":"s","data":{ "a" : 1.50,"b":"\\u00e9",'
    b'"c":12345678901234567890123}}'
)
CLOUD_EVENT = b'{"specversion":"1.0","id":"e1","source":"/t","type":"Blob","data":{"a":1}}'


def an_event_of(text: bytes, schema: EventSchema) -> Event:
    """An event whose delivered form is `text`."""
    return Event("e1", "Blob", "s", "", text, "/t", schema)


def given_up(**members: Any) -> WaitingDelivery:
    """A delivery that failed once, as in the sample of manage-event-delivery.md."""
    defaults: dict[str, Any] = {
        "attempts": 1,
        "published_at": PUBLISHED,
        "last_attempt_at": ATTEMPTED,
        "last_outcome": "NotFound",
        "dead_letter_reason": "MaxDeliveryAttemptsExceeded",
    }
    return a_delivery(**(defaults | members))


def test_event_grid_event_gets_the_members_of_the_article() -> None:
    """They follow the delivered event, whose own members stay as they are."""
    text = record(
        an_event_of(EVENT_GRID, EventSchema.EVENT_GRID), given_up(), EventSchema.EVENT_GRID
    )

    assert text == EVENT_GRID[:-1] + (
        b',"deadLetterReason":"MaxDeliveryAttemptsExceeded","deliveryAttempts":1,'
        b'"lastDeliveryOutcome":"NotFound","publishTime":"2020-08-13T17:18:14.0265758Z",'
        b'"lastDeliveryAttemptTime":"2020-08-13T17:18:15.0265758Z"}'
    )


def test_cloud_event_gets_extensions_in_lower_case() -> None:
    """As many as the article's sample has: the last attempt's time is not among them."""
    text = record(
        an_event_of(CLOUD_EVENT, EventSchema.CLOUD_EVENTS),
        given_up(last_status_code=404),
        EventSchema.CLOUD_EVENTS,
    )

    assert text == CLOUD_EVENT[:-1] + (
        b',"deadletterreason":"MaxDeliveryAttemptsExceeded","deliveryattempts":1,'
        b'"lastdeliveryoutcome":"NotFound","publishtime":"2020-08-13T17:18:14.0265758Z"}'
    )


def test_custom_event_is_in_the_envelope_of_the_event_grid_schema() -> None:
    """Whatever its mapping found, with the whole of what was published as data."""
    event = Event(
        "e1", "Shop.Order", "s", "1.0", b'{"n": 1.50}', "/t", EventSchema.CUSTOM, time="2020-08-13"
    )

    text = record(event, given_up(), EventSchema.CUSTOM)

    assert json.loads(text) == {
        "id": "e1",
        "eventTime": "2020-08-13",
        "eventType": "Shop.Order",
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "topic": "/t",
        "subject": "s",
        "data": {"n": 1.5},
        "deadLetterReason": "MaxDeliveryAttemptsExceeded",
        "deliveryAttempts": 1,
        "lastDeliveryOutcome": "NotFound",
        "publishTime": "2020-08-13T17:18:14.0265758Z",
        "lastDeliveryAttemptTime": "2020-08-13T17:18:15.0265758Z",
    }
    assert b'"data":{"n": 1.50}' in text


def test_event_is_in_the_schema_of_its_delivery() -> None:
    """Not in that of its publication."""
    text = record(
        an_event_of(EVENT_GRID, EventSchema.EVENT_GRID), given_up(), EventSchema.CLOUD_EVENTS
    )

    written = json.loads(text)
    assert written["specversion"] == "1.0"
    assert written["deadletterreason"] == "MaxDeliveryAttemptsExceeded"
    assert b'"data":{ "a" : 1.50' in text


def test_extension_of_the_same_name_is_replaced() -> None:
    """No member stands twice: the reason is the service's own."""
    own = CLOUD_EVENT[:-1] + b',"deadletterreason":"mine"}'
    text = record(an_event_of(own, EventSchema.CLOUD_EVENTS), given_up(), EventSchema.CLOUD_EVENTS)

    assert text.count(b"deadletterreason") == 1
    assert json.loads(text)["deadletterreason"] == "MaxDeliveryAttemptsExceeded"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"last_status_code": 404}, {"lastHttpStatusCode": 404}),
        ({"attempts": 30}, {"deliveryAttempts": 30}),
        ({"dead_letter_reason": "NotRetriable"}, {"deadLetterReason": "NotRetriable"}),
        (
            {"attempts": 0, "last_attempt_at": None, "last_outcome": "Probation"},
            {"deliveryAttempts": 0, "lastDeliveryOutcome": "Probation"},
        ),
    ],
)
def test_members_tell_what_happened(members: dict[str, Any], expected: dict[str, Any]) -> None:
    """Numbers are numbers."""
    event = an_event_of(EVENT_GRID, EventSchema.EVENT_GRID)

    written = json.loads(record(event, given_up(**members), EventSchema.EVENT_GRID))

    assert {name: written[name] for name in expected} == expected


def test_what_is_not_known_is_left_out() -> None:
    """An event that was never attempted has neither an outcome nor a time."""
    event = an_event_of(EVENT_GRID, EventSchema.EVENT_GRID)
    row = given_up(attempts=0, last_attempt_at=None, last_outcome="")

    written = json.loads(record(event, row, EventSchema.EVENT_GRID))

    assert set(written) - set(json.loads(EVENT_GRID)) == {
        "deadLetterReason",
        "deliveryAttempts",
        "publishTime",
    }


def test_letter_is_due_five_minutes_after_giving_up() -> None:
    """Or after the wait of another profile."""
    assert first_due(PUBLISHED) == PUBLISHED + 300 * SECOND
    assert first_due(PUBLISHED, DeadLetterWaits(delay=3)) == PUBLISHED + 3


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [
        ("my-blob-subscription", (2019, 8, 8, 5), "MY-BLOB-SUBSCRIPTION/2019/8/8/5"),
        ("Hook", (2026, 1, 1, 0), "HOOK/2026/1/1/0"),
        ("HOOK", (2026, 12, 31, 23, 59, 59, 999_999), "HOOK/2026/12/31/23"),
    ],
)
def test_blob_name_is_that_of_the_article(name: str, at: tuple[int, ...], expected: str) -> None:
    """Upper case, UTC, nothing padded with zeros."""
    guid = uuid.UUID("11111111-1111-1111-1111-111111111111")
    instant = from_datetime(datetime(*at, tzinfo=UTC))  # type: ignore[misc,arg-type]

    assert blob_name(name, instant, guid) == f"{expected}/{guid}.json"


def test_blob_guid_is_that_of_the_delivery() -> None:
    """The same for one delivery, whatever else has changed; another for every other."""
    delivery = a_delivery(7, "s1")
    others = [a_delivery(8, "s1"), a_delivery(7, "s2"), a_delivery(7, "s1", run=1)]

    assert blob_guid(a_delivery(7, "s1", due_at=99, attempts=5)) == blob_guid(delivery)
    assert len({blob_guid(each) for each in (delivery, *others)}) == 4


def letters(*sizes: int) -> list[DeadLetter]:
    """Dead letters of such sizes."""
    event = an_event_of(b"{}", EventSchema.EVENT_GRID)
    return [
        DeadLetter(a_delivery(position), event, b"x" * size) for position, size in enumerate(sizes)
    ]


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [
        ((), []),
        ((1,), [1]),
        ((1,) * dead_letters.MAX_EVENTS_IN_BLOB, [500]),
        ((1,) * (dead_letters.MAX_EVENTS_IN_BLOB + 1), [500, 1]),
        ((dead_letters.MAX_BLOB_BYTES // 2 - 1,) * 2, [2]),
        ((dead_letters.MAX_BLOB_BYTES // 2,) * 2, [1, 1]),
        ((1, dead_letters.MAX_BLOB_BYTES + 1, 1), [1, 1, 1]),
    ],
)
def test_blobs_are_bounded(sizes: tuple[int, ...], counts: list[int]) -> None:
    """By number and by size, in order; what is too large alone has a blob of its own."""
    shared = list(in_blobs(letters(*sizes)))

    assert [len(blob) for blob in shared] == counts
    assert [each.row.position for blob in shared for each in blob] == list(range(len(sizes)))


def test_body_is_an_array() -> None:
    """Of one event too."""
    assert body(letters(1)) == b"[x]"
    assert body(letters(1, 2)) == b"[x,xx]"


def test_event_that_cannot_be_delivered_in_the_schema_is_as_it_was_published() -> None:
    """It was given up for that, and must not take the other dead letters with it."""
    event = an_event_of(CLOUD_EVENT, EventSchema.CLOUD_EVENTS)

    text = json.loads(record(event, given_up(), EventSchema.EVENT_GRID))

    assert (text["specversion"], text["deliveryAttempts"]) == ("1.0", 1)
