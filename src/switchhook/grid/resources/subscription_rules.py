"""How does the body of an event subscription become its definition, and a record a body?"""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import msgspec

from switchhook.clock import SECOND, to_text
from switchhook.errors import RequestError
from switchhook.grid.events import EventSchema
from switchhook.grid.filters import needs_ignored_slash
from switchhook.grid.resources.body_rules import (
    Body,
    as_count,
    as_instant,
    as_object,
    as_text,
    as_texts,
    check_fixed,
    check_members,
    refuse,
)
from switchhook.grid.resources.filter_rules import read_filter, render_filter
from switchhook.grid.resources.ids import with_lower_case_provider
from switchhook.grid.resources.records import SubscriptionDefinition, SubscriptionRecord
from switchhook.grid.subscriptions import (
    EVENT_TIME_TO_LIVE_IN_MINUTES,
    MAX_DELIVERY_ATTEMPTS,
    Filter,
    RetryPolicy,
    WebHookDestination,
)

PREFERRED_BATCH_SIZE_IN_KILOBYTES = (1, 1024)
MAX_URL_LENGTH = 2048  # assumed
INVALID_URL = (
    "Invalid event subscription request: Supplied URL is invalid. It cannot be null or empty and "
    "should be a proper HTTPS URL like https://www.example.com."
)
INVALID_EXPIRATION = "Invalid expiration time."

_SETTABLE = (
    "destination",
    "filter",
    "labels",
    "expirationTimeUtc",
    "eventDeliverySchema",
    "retryPolicy",
)
_READ_ONLY = {"topic", "provisioningState"}
_LATER = " in this release"


class SubscriptionRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a definition is checked against. `event_types` of None allows every type."""

    now: int
    allow_http_webhooks: bool = False
    event_types: frozenset[str] | None = None


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
            f"its members are {', '.join(_SETTABLE)} themselves."
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
            "destination": _render_destination(definition),
            "filter": render_filter(definition.filter),
            "labels": list(definition.labels) if definition.labels is not None else None,
            "expirationTimeUtc": _render_instant(definition.expires_at),
            "eventDeliverySchema": definition.event_delivery_schema.value,
            "retryPolicy": {
                "maxDeliveryAttempts": definition.retry_policy.max_delivery_attempts,
                "eventTimeToLiveInMinutes": definition.retry_policy.event_time_to_live_in_minutes,
            },
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
    check_members(
        properties, {*_SETTABLE, *_READ_ONLY}, "eventSubscription.properties", hint=_LATER
    )
    destination = _read_destination(properties.get("destination"), before, rules)
    schema = _read_schema(properties.get("eventDeliverySchema"))
    asked = {name: properties.get(name) is not None for name in _SETTABLE}
    definition = SubscriptionDefinition(
        destination=destination,
        filter=read_filter(properties.get("filter"), event_types=rules.event_types),
        retry_policy=_read_retry_policy(properties.get("retryPolicy")),
        event_delivery_schema=schema,
        labels=as_texts(properties.get("labels"), "labels"),
        expires_at=_read_expiry(properties.get("expirationTimeUtc"), rules.now),
    )
    if before is None:
        return definition
    return msgspec.structs.replace(
        definition,
        filter=definition.filter if asked["filter"] else before.filter,
        retry_policy=definition.retry_policy if asked["retryPolicy"] else before.retry_policy,
        labels=definition.labels if asked["labels"] else before.labels,
        expires_at=definition.expires_at if asked["expirationTimeUtc"] else before.expires_at,
    )


def _read_destination(
    value: object, before: SubscriptionDefinition | None, rules: SubscriptionRules
) -> WebHookDestination:
    if value is None:
        if before is None:
            refuse("Invalid event subscription request: 'destination' is required.")
        return before.destination
    destination = as_object(value, "destination")
    check_members(destination, {"endpointType", "properties"}, "destination")
    kind = as_text(destination.get("endpointType"), "destination.endpointType")
    if kind.lower() != "webhook":
        refuse(f"The endpointType '{kind}' of 'destination' is not supported{_LATER}: use WebHook.")
    properties = as_object(destination.get("properties"), "destination.properties")
    known = {"endpointUrl", "endpointBaseUrl", "preferredBatchSizeInKilobytes", "maxEventsPerBatch"}
    check_members(properties, known, "destination.properties", hint=_LATER)
    check_fixed(properties, {"maxEventsPerBatch": 1}, "destination.properties")
    batch_size = as_count(
        properties.get("preferredBatchSizeInKilobytes"),
        "destination.properties.preferredBatchSizeInKilobytes",
        PREFERRED_BATCH_SIZE_IN_KILOBYTES,
        64,
    )
    # Reads hide the URL, so a client that sends back what it read has none to send: keep it.
    if properties.get("endpointUrl") is None and before is not None:
        return msgspec.structs.replace(
            before.destination, preferred_batch_size_in_kilobytes=batch_size
        )
    url = as_text(properties.get("endpointUrl"), "destination.properties.endpointUrl", 1 << 16)
    check_endpoint_url(url, allow_http=rules.allow_http_webhooks)
    return WebHookDestination(endpoint_url=url, preferred_batch_size_in_kilobytes=batch_size)


def check_endpoint_url(url: str, *, allow_http: bool) -> None:
    """Refuse what cannot be a webhook; http is for loopback, elsewhere only when it is allowed."""
    invalid = RequestError(400, "InvalidRequest", INVALID_URL)
    if not url or len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable():
        raise invalid
    if " " in url or "#" in url:
        raise invalid
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise invalid from None
    if (
        parts.scheme.lower() not in ("http", "https")
        or not host
        or port == 0
        or "@" in parts.netloc
    ):
        raise invalid
    if parts.scheme.lower() == "http" and not (allow_http or is_loopback(host)):
        raise RequestError(
            400,
            "InvalidRequest",
            f"{INVALID_URL} (http to another machine needs the option --allow-http-webhooks.)",
        )


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


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


def _read_schema(value: object) -> EventSchema:
    check_fixed(
        {"eventDeliverySchema": value},
        {"eventDeliverySchema": EventSchema.EVENT_GRID.value},
        "properties",
    )
    return EventSchema.EVENT_GRID


def _read_expiry(value: object, now: int) -> int | None:
    expires_at = as_instant(value, "expirationTimeUtc")
    if expires_at is not None and expires_at <= now:
        raise RequestError(400, "InvalidRequest", INVALID_EXPIRATION)
    return expires_at


def _render_destination(definition: SubscriptionDefinition) -> dict[str, Any]:
    webhook = definition.destination
    return {
        "endpointType": "WebHook",
        "properties": {
            "endpointUrl": None,  # only getFullUrl shows it: the query may hold a secret
            "endpointBaseUrl": webhook.endpoint_base_url,
            "maxEventsPerBatch": 1,
            "preferredBatchSizeInKilobytes": webhook.preferred_batch_size_in_kilobytes,
        },
    }


def _render_instant(instant: int | None) -> str | None:
    if instant is None:
        return None
    return to_text(instant, digits=7 if instant % SECOND else 0)


def _topic(source: str) -> str:
    own = "/microsoft.eventgrid/" in source.lower()
    return source if own else with_lower_case_provider(source)
