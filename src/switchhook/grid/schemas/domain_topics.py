"""Which topic of its domain does an event name?

By its bare name or by its full ARM id (how-to-event-domains.md); ids are compared without regard to
case, as everywhere in ARM. A topic need not exist: subscriptions to the whole domain get the event
all the same.
"""

import re

from switchhook.grid.schemas import refusals
from switchhook.grid.topics import Topic

# Nothing that would change the meaning of the full id; a colon is the mark of an absolute URI.
_NAME = re.compile(r"[^/\\:?#%\s]+")


def check(named: str, domain: Topic) -> None:
    """Refuse what cannot be the name or the id of one of the domain's topics."""
    if not _NAME.fullmatch(_last(named, domain)):
        raise refusals.no_domain_topic(refusals.printable(named))


def domain_topic(named: str, domain: Topic) -> str:
    """The lower-case name of the topic, from a checked name or id."""
    return _last(named, domain).lower()


def resource_id(named: str, domain: Topic) -> str:
    """The full ARM id of the topic; an id stays as it was written."""
    return named if "/" in named else f"{domain.resource_id}/topics/{named}"


def _last(named: str, domain: Topic) -> str:
    prefix = f"{domain.resource_id}/topics/"
    begins = named[: len(prefix)].lower() == prefix.lower()
    return named[len(prefix) :] if begins else named
