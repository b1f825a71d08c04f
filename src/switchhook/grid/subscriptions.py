"""What does an event subscription ask for?"""

from enum import StrEnum

import msgspec

from switchhook.grid.events import EventSchema

# Retry policy: bounds and defaults (delivery-and-retry.md, Mar 2023; azure-mgmt-eventgrid 10.4.0,
# `RetryPolicy`).
MAX_DELIVERY_ATTEMPTS = (1, 30)
EVENT_TIME_TO_LIVE_IN_MINUTES = (1, 1440)


class ProvisioningState(StrEnum):
    """How far the creation of a resource has come (azure-mgmt-eventgrid 10.4.0)."""

    CREATING = "Creating"
    UPDATING = "Updating"
    DELETING = "Deleting"
    SUCCEEDED = "Succeeded"
    CANCELED = "Canceled"
    FAILED = "Failed"
    AWAITING_MANUAL_ACTION = "AwaitingManualAction"


class FilterOperator(StrEnum):
    """How an advanced filter compares (event-filtering.md, Sep 2022)."""

    NUMBER_IN = "NumberIn"
    NUMBER_NOT_IN = "NumberNotIn"
    NUMBER_LESS_THAN = "NumberLessThan"
    NUMBER_LESS_THAN_OR_EQUALS = "NumberLessThanOrEquals"
    NUMBER_GREATER_THAN = "NumberGreaterThan"
    NUMBER_GREATER_THAN_OR_EQUALS = "NumberGreaterThanOrEquals"
    NUMBER_IN_RANGE = "NumberInRange"
    NUMBER_NOT_IN_RANGE = "NumberNotInRange"
    BOOL_EQUALS = "BoolEquals"
    STRING_CONTAINS = "StringContains"
    STRING_NOT_CONTAINS = "StringNotContains"
    STRING_BEGINS_WITH = "StringBeginsWith"
    STRING_NOT_BEGINS_WITH = "StringNotBeginsWith"
    STRING_ENDS_WITH = "StringEndsWith"
    STRING_NOT_ENDS_WITH = "StringNotEndsWith"
    STRING_IN = "StringIn"
    STRING_NOT_IN = "StringNotIn"
    IS_NULL_OR_UNDEFINED = "IsNullOrUndefined"
    IS_NOT_NULL = "IsNotNull"


class AdvancedFilter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A condition on one value of an event.

    `values` has the operands: texts; the texts of decimal numbers, exactly as they were given; for
    a range operator the low and the high end of each range in turn; `true` or `false` as text for
    `BoolEquals`; none for the null operators. An operator of one operand has one.
    """

    operator: FilterOperator
    key: str
    values: tuple[str, ...] = ()


class Filter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which events of a topic a subscription wants; all parts must hold.

    `included_event_types` of None wants every type.
    """

    subject_begins_with: str = ""
    subject_ends_with: str = ""
    included_event_types: tuple[str, ...] | None = None
    is_subject_case_sensitive: bool = False
    advanced: tuple[AdvancedFilter, ...] = ()
    enable_advanced_filtering_on_arrays: bool = False


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """When to give an event up: after so many attempts or minutes, whichever comes first."""

    max_delivery_attempts: int = 30
    event_time_to_live_in_minutes: int = 1440


class DeliveryAttribute(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A header of our subscriber's choice: static with a `value`, or dynamic from `source_field`.

    delivery-properties.md; a secret value is hidden from reads.
    """

    name: str
    value: str = ""
    is_secret: bool = False
    source_field: str | None = None


class WebHookDestination(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A webhook, with the query string that only `getFullUrl` shows.

    With `application_id_or_uri` each delivery carries a token of the tenant `tenant_id` for that
    audience (secure-webhook-delivery.md).
    """

    endpoint_url: str
    max_events_per_batch: int = 1
    preferred_batch_size_in_kilobytes: int = 64
    attributes: tuple[DeliveryAttribute, ...] = ()
    tenant_id: str = ""
    application_id_or_uri: str = ""
    minimum_tls_version: str = ""

    @property
    def endpoint_base_url(self) -> str:
        """The URL as reads show it: without its query, which may hold a secret."""
        return self.endpoint_url.partition("?")[0]


class DeadLetterDestination(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A blob container for the events that are given up: a storage account's ARM id and a name."""

    resource_id: str
    container: str


class EventSubscription(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Filter, destination and policies, as one version of one incarnation.

    An incarnation keeps its generated id through every update; delete and create again makes a new
    one, which inherits nothing. Events at or after `from_position` of the log are matched, rendered
    and retried by this version, earlier ones by the version before it. `topic` is the incarnation
    of a topic, a system topic or a domain; `domain_topic` narrows a domain to one of its topics, by
    its lower-case name.
    """

    incarnation: str
    version: int
    name: str
    topic: str
    destination: WebHookDestination
    filter: Filter = Filter()
    retry_policy: RetryPolicy = RetryPolicy()
    event_delivery_schema: EventSchema = EventSchema.EVENT_GRID
    dead_letter_destination: DeadLetterDestination | None = None
    domain_topic: str = ""
    from_position: int = 0


class TimeProfile(StrEnum):
    """Whose waits a subscription follows: Azure's, or the same rules in milliseconds."""

    AZURE = "azure"
    FAST = "fast"


class DeliverySettings(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What Switchhook can do for an event subscription and Azure cannot; the default is Azure.

    `ordered_by` delivers in order per key: "subject", or a path such as "data.orderId"; "" for no
    order. Events with the id and source of another within the `deduplication_window` nanoseconds
    before them are not delivered; 0 delivers all. `profile` of None is the server's.
    """

    validate_endpoint: bool = True
    is_paused: bool = False
    profile: TimeProfile | None = None
    ordered_by: str = ""
    deduplication_window: int = 0
    marks_replays: bool = True


DEFAULT_SETTINGS = DeliverySettings()
