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


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of a topic a subscription wants; all parts must hold.

    `included_event_types` of None wants every type.
    """

    subject_begins_with: str = ""
    subject_ends_with: str = ""
    included_event_types: tuple[str, ...] | None = None
    is_subject_case_sensitive: bool = False


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When to give an event up: after so many attempts or minutes, whichever comes first."""

    max_delivery_attempts: int = 30
    event_time_to_live_in_minutes: int = 1440


class WebHookDestination(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, with the query string that only `getFullUrl` shows."""

    endpoint_url: str

    @property
    def endpoint_base_url(self) -> str:
        """The URL as reads show it: without its query, which may hold a secret."""
        return self.endpoint_url.partition("?")[0]


class EventSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """Filter, destination and policies, as one version of one incarnation.

    An incarnation keeps its generated id through every update; delete and create again makes a new
    one, which inherits nothing. Events at or after `from_position` of the log are matched, rendered
    and retried by this version, earlier ones by the version before it.
    """

    incarnation: str
    version: int
    name: str
    topic: str
    destination: WebHookDestination
    filter: Filter = Filter()
    retry_policy: RetryPolicy = RetryPolicy()
    event_delivery_schema: EventSchema = EventSchema.EVENT_GRID
    from_position: int = 0
