"""What may a resource be called, and how many may there be?"""

import re

from switchhook.errors import RequestError

# Limits of a Basic resource (quotas-limits.md, Nov 2023).
MAX_TOPICS = 100
MAX_DOMAINS = 100
MAX_DOMAIN_TOPICS = 100_000
MAX_EVENT_SUBSCRIPTIONS = 500  # of a topic, in a domain too
MAX_DOMAIN_EVENT_SUBSCRIPTIONS = 50  # to all events of a domain

# troubleshoot-errors.md (topics, domains); terraform-provider-azurerm (topics of a domain);
# azure-mgmt-eventgrid 10.4.0 (event subscriptions: 3 to 64, "alphanumeric letters only", though
# every article uses hyphens). That of system topics is assumed.
TOPIC_NAME = (3, 50)
DOMAIN_TOPIC_NAME = (3, 128)
SYSTEM_TOPIC_NAME = (3, 128)
EVENT_SUBSCRIPTION_NAME = (3, 64)
COMMUNICATION_NAME = (1, 63)  # azure-mgmt-communication 3.0.0
_RESERVED = ("microsoft", "eventgrid", "system")

_CHARACTERS = re.compile(r"[A-Za-z0-9-]+")

QUOTA_REACHED = "Quota limit reached."


def check_topic_name(name: str, kind: str = "Topic") -> None:
    """Refuse a name that a custom topic (or, as `kind` says, a domain) cannot have."""
    _check(name, kind, TOPIC_NAME)
    if name.lower().startswith(_RESERVED):
        raise RequestError(
            400,
            "InvalidRequest",
            f"{kind} name must not begin with 'Microsoft', 'EventGrid' or 'System'.",
        )


def check_domain_topic_name(name: str) -> None:
    """Refuse a name that a topic of a domain cannot have."""
    _check(name, "Domain topic", DOMAIN_TOPIC_NAME)


def check_system_topic_name(name: str) -> None:
    """Refuse a name that a system topic cannot have."""
    _check(name, "System topic", SYSTEM_TOPIC_NAME)


def check_subscription_name(name: str) -> None:
    """Refuse a name that an event subscription cannot have."""
    _check(name, "Event subscription", EVENT_SUBSCRIPTION_NAME)


def check_communication_name(name: str) -> None:
    """Refuse what cannot name a Communication Services resource: it stands in a host name."""
    _check(name, "Communication service", COMMUNICATION_NAME)
    if name.startswith("-") or name.endswith("-"):
        raise RequestError(
            400,
            "InvalidRequest",
            "Communication service name must not begin or end with a hyphen.",
        )


def quota_reached(what: str, limit: int) -> RequestError:
    """The answer to one resource too many."""
    return RequestError(409, "Conflict", f"{QUOTA_REACHED} The limit is {limit} {what}.")


def _check(name: str, kind: str, bounds: tuple[int, int]) -> None:
    low, high = bounds
    if not low <= len(name) <= high:
        raise RequestError(
            400,
            "InvalidRequest",
            f"{kind} name must be between {low} and {high} characters in length.",
        )
    if not _CHARACTERS.fullmatch(name):
        raise RequestError(
            400,
            "InvalidRequest",
            f"{kind} name '{name}' is invalid. It can only contain letters, digits and hyphens.",
        )
