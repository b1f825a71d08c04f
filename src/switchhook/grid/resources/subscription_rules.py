"""How does the body of an event subscription become its definition, and a record a body?"""

from typing import Any

import msgspec

from switchhook.clock import SECOND, to_text
from switchhook.errors import RequestError
from switchhook.grid.events import EventSchema
from switchhook.grid.filters import needs_ignored_slash
from switchhook.grid.resources import dead_letter_rules, destination_rules
from switchhook.grid.resources.body_rules import (
    Body,
    as_count,
    as_instant,
    as_object,
    as_texts,
    check_members,
    refuse,
)
from switchhook.grid.resources.delivery_schema_rules import (
    read_delivery_schema,
    render_delivery_schema,
)
from switchhook.grid.resources.filter_rules import read_filter, render_filter
from switchhook.grid.resources.ids import with_lower_case_provider
from switchhook.grid.resources.records import (
    ResourceIdentity,
    SubscriptionDefinition,
    SubscriptionRecord,
)
from switchhook.grid.subscriptions import (
    EVENT_TIME_TO_LIVE_IN_MINUTES,
    MAX_DELIVERY_ATTEMPTS,
    Filter,
    RetryPolicy,
    WebHookDestination,
)

INVALID_EXPIRATION = "Invalid expiration time."

# Each member of a body with the fields of the definition that it decides.
_FIELDS = {
    destination_rules.PLAIN: ("destination", "delivery_identity"),
    destination_rules.WITH_IDENTITY: ("destination", "delivery_identity"),
    "filter": ("filter",),
    "labels": ("labels",),
    "expirationTimeUtc": ("expires_at",),
    "eventDeliverySchema": ("event_delivery_schema",),
    "retryPolicy": ("retry_policy",),
    dead_letter_rules.PLAIN: ("dead_letter_destination", "dead_letter_identity"),
    dead_letter_rules.WITH_IDENTITY: ("dead_letter_destination", "dead_letter_identity"),
}
_READ_ONLY = {"topic", "provisioningState"}
_LATER = " in this release"


class SubscriptionRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a definition is checked against. `event_types` of None allows every type."""

    now: int
    allow_http_webhooks: bool = False
    event_types: frozenset[str] | None = None
    input_schema: EventSchema = EventSchema.EVENT_GRID


def read_definition(body: Body, rules: SubscriptionRules) -> SubscriptionDefinition:
    """The definition that the body of a PUT asks for."""
    check_members(body, {"id", "name", "type", "systemData", "properties"}, "eventSubscription")
    properties = as_object(body.get("properties"), "properties")
    return _read(properties, None, rules)


def update_definition(
    definition: SubscriptionDefinition, body: Body, rules: SubscriptionRules
) -> SubscriptionDefinition:
    """The definition after a PATCH, whose body is flat; what is absent stays."""
    if "properties" in body:
        refuse(
            "The body of an update has no 'properties': "
            f"its members are {', '.join(_FIELDS)} themselves."
        )
    return _read(body, definition, rules)


def render_subscription(
    record: SubscriptionRecord, *, subscription_id: str, kind: str
) -> dict[str, Any]:
    """An event subscription as reads show it, in the form of the URL that asked."""
    definition = record.definition
    return {
        "id": subscription_id,
        "name": record.name,
        "type": kind,
        "properties": {
            "topic": _topic(record.source),
            "provisioningState": record.state.value,
            **destination_rules.render_delivery(definition),
            "filter": render_filter(definition.filter),
            "labels": list(definition.labels) if definition.labels is not None else None,
            "expirationTimeUtc": _render_instant(definition.expires_at),
            "eventDeliverySchema": render_delivery_schema(definition.event_delivery_schema),
            "retryPolicy": {
                "maxDeliveryAttempts": definition.retry_policy.max_delivery_attempts,
                "eventTimeToLiveInMinutes": definition.retry_policy.event_time_to_live_in_minutes,
            },
            **dead_letter_rules.render_dead_letter(definition),
        },
    }


def slash_warning(filter_: Filter, slashed_subjects: tuple[str, ...]) -> str | None:
    """A warning when only a subject whose leading slash does not count can begin as asked."""
    prefix = filter_.subject_begins_with
    if not needs_ignored_slash(filter_, tuple(f"/{each}" for each in slashed_subjects)):
        return None
    return (
        f"subjectBeginsWith '{prefix}' matches only because one leading slash of a subject is "
        f"ignored here: the subjects begin with '/{prefix}'. Azure's articles show both forms; "
        f"'/{prefix}' needs no exception."
    )


def _read(
    properties: Body, before: SubscriptionDefinition | None, rules: SubscriptionRules
) -> SubscriptionDefinition:
    check_members(properties, {*_FIELDS, *_READ_ONLY}, "eventSubscription.properties", hint=_LATER)
    asked = _read_destination(properties, before, rules)
    dead_letter, dead_letter_identity = dead_letter_rules.read_dead_letter(properties)
    definition = SubscriptionDefinition(
        destination=asked[0],
        delivery_identity=asked[1],
        filter=read_filter(properties.get("filter"), event_types=rules.event_types),
        retry_policy=_read_retry_policy(properties.get("retryPolicy")),
        event_delivery_schema=read_delivery_schema(
            properties.get("eventDeliverySchema"), rules.input_schema
        ),
        labels=as_texts(properties.get("labels"), "labels"),
        expires_at=_read_expiry(properties.get("expirationTimeUtc"), rules.now),
        dead_letter_destination=dead_letter,
        dead_letter_identity=dead_letter_identity,
    )
    return definition if before is None else _with_unnamed(definition, before, properties)


def _with_unnamed(
    after: SubscriptionDefinition, before: SubscriptionDefinition, body: Body
) -> SubscriptionDefinition:
    """`after`, with what the body of an update does not name as it was before."""
    named = {field for name in _FIELDS if body.get(name) is not None for field in _FIELDS[name]}
    kept = {name for fields in _FIELDS.values() for name in fields} - named
    return msgspec.structs.replace(after, **{name: getattr(before, name) for name in kept})


def _read_destination(
    properties: Body, before: SubscriptionDefinition | None, rules: SubscriptionRules
) -> tuple[WebHookDestination, ResourceIdentity | None]:
    asked = destination_rules.read_delivery(
        properties,
        before.destination if before else None,
        allow_http=rules.allow_http_webhooks,
    )
    if asked is not None:
        return asked
    if before is None:
        refuse("Invalid event subscription request: 'destination' is required.")
    return before.destination, before.delivery_identity


def _read_retry_policy(value: object) -> RetryPolicy:
    body = as_object(value, "retryPolicy")
    check_members(body, {"maxDeliveryAttempts", "eventTimeToLiveInMinutes"}, "retryPolicy")
    defaults = RetryPolicy()
    return RetryPolicy(
        max_delivery_attempts=as_count(
            body.get("maxDeliveryAttempts"),
            "retryPolicy.maxDeliveryAttempts",
            MAX_DELIVERY_ATTEMPTS,
            defaults.max_delivery_attempts,
        ),
        event_time_to_live_in_minutes=as_count(
            body.get("eventTimeToLiveInMinutes"),
            "retryPolicy.eventTimeToLiveInMinutes",
            EVENT_TIME_TO_LIVE_IN_MINUTES,
            defaults.event_time_to_live_in_minutes,
        ),
    )


def _read_expiry(value: object, now: int) -> int | None:
    expires_at = as_instant(value, "expirationTimeUtc")
    if expires_at is not None and expires_at <= now:
        raise RequestError(400, "InvalidRequest", INVALID_EXPIRATION)
    return expires_at


def _render_instant(instant: int | None) -> str | None:
    if instant is None:
        return None
    return to_text(instant, digits=7 if instant % SECOND else 0)


def _topic(source: str) -> str:
    own = "/microsoft.eventgrid/" in source.lower()
    return source if own else with_lower_case_provider(source)
