"""What topics, events and subscriptions do the random histories of `test_model.py` have?"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from switchhook.clock import MINUTE
from switchhook.grid.events import EventSchema
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.subscriptions import (
    AdvancedFilter,
    DeadLetterDestination,
    DeliverySettings,
    Filter,
    FilterOperator,
    RetryPolicy,
    TimeProfile,
)
from switchhook.grid.topics import FieldMapping, InputMapping, Topic, TopicKind
from tests.builders import a_cloud_event, a_topic, an_event

WINDOW = 5 * MINUTE
CONTAINER = DeadLetterDestination(resource_id="/storage", container="letters")

POLICIES = (
    RetryPolicy(),
    RetryPolicy(max_delivery_attempts=3),
    RetryPolicy(event_time_to_live_in_minutes=10),
)


@dataclass(frozen=True)
class Published:
    """An event as the model knows it; `serial` is its position in the log."""

    serial: int
    id: str
    subject: str
    type: str
    number: int
    domain_topic: str
    at: int


@dataclass(frozen=True)
class Shape:
    """One kind of topic: how its events are written, and how they may be delivered."""

    topic: Topic
    write: Callable[[Published], dict[str, Any]]
    schemas: tuple[EventSchema, ...]

    def request(self, events: list[Published]) -> PublishRequest:
        """A publish request with these events."""
        body = json.dumps([self.write(event) for event in events]).encode()
        is_cloud = self.topic.input_schema is EventSchema.CLOUD_EVENTS
        kind = "cloudevents-batch+json" if is_cloud else "json"
        return PublishRequest(body, f"application/{kind}")


def _data(event: Published) -> dict[str, int]:
    return {"serial": event.serial, "number": event.number}


def _grid(event: Published) -> dict[str, Any]:
    named = {"topic": event.domain_topic} if event.domain_topic else {}
    return named | an_event(
        id=event.id, subject=event.subject, eventType=event.type, data=_data(event)
    )


def _cloud(event: Published) -> dict[str, Any]:
    return a_cloud_event(id=event.id, subject=event.subject, type=event.type, data=_data(event))


def _own(event: Published) -> dict[str, Any]:
    names = {"key": event.id, "what": event.type, "about": event.subject}
    return names | {"data": _data(event)}


_MAPPING = InputMapping(
    id=FieldMapping(source_field="key"),
    event_type=FieldMapping(source_field="what"),
    subject=FieldMapping(source_field="about"),
)

_GRID, _CLOUD, _CUSTOM = EventSchema.EVENT_GRID, EventSchema.CLOUD_EVENTS, EventSchema.CUSTOM
SHAPES = (
    Shape(a_topic(), _grid, (_GRID, _CLOUD)),
    Shape(a_topic(), _grid, (_GRID,)),
    Shape(a_topic(kind=TopicKind.DOMAIN), _grid, (_GRID, _CLOUD)),
    Shape(a_topic(input_schema=_CLOUD), _cloud, (_CLOUD,)),
    Shape(a_topic(input_schema=_CUSTOM, input_mapping=_MAPPING), _own, (_GRID, _CUSTOM)),
)


def serial_of(event: dict[str, Any]) -> int:
    """Which event it is, in whatever schema and envelope."""
    data = event["data"]
    return int(data["serial"] if "serial" in data else data["data"]["serial"])


def events_in(body: bytes) -> list[dict[str, Any]]:
    """The events of a delivery: an array, or one alone."""
    content = json.loads(body)
    return content if isinstance(content, list) else [content]


# --- filters, with what they mean -----------------------------------------------------------------

Wants = Callable[[Published], bool]

_LARGE = AdvancedFilter(
    operator=FilterOperator.NUMBER_GREATER_THAN, key="data.number", values=("1",)
)
_NOT_B = AdvancedFilter(
    operator=FilterOperator.STRING_NOT_BEGINS_WITH, key="subject", values=("b/",)
)
FILTERS: tuple[tuple[Filter, Wants], ...] = (
    (Filter(), lambda event: True),
    (Filter(subject_begins_with="a/"), lambda event: event.subject.startswith("a/")),
    (Filter(subject_ends_with="/1"), lambda event: event.subject.endswith("/1")),
    (
        Filter(included_event_types=("Shop.OrderPlaced",), subject_begins_with="b/"),
        lambda event: event.type == "Shop.OrderPlaced" and event.subject.startswith("b/"),
    ),
    (Filter(advanced=(_LARGE,)), lambda event: event.number > 1),
    (
        Filter(advanced=(_LARGE, _NOT_B)),
        lambda event: event.number > 1 and not event.subject.startswith("b/"),
    ),
)


# --- settings ---------------------------------------------------------------------------------


def some_settings(random: Random) -> DeliverySettings:
    """The settings with which a subscription begins; most have none."""
    return DeliverySettings(
        ordered_by=random.choice(("", "", "subject", "data.number")),
        deduplication_window=random.choice((0, 0, WINDOW)),
        profile=random.choice((None, None, TimeProfile.FAST)),
    )


def key_of(event: Published, ordered_by: str) -> object:
    """What an event is ordered by."""
    return event.subject if ordered_by == "subject" else event.number
