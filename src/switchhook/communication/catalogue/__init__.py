"""Every event type of Communication Services, and how its events look in each published document.

The families' modules are the data; the functions here are pure. Values are given by their current
names (profile `GA`), whatever the profile that an event is rendered in.
"""

from switchhook.communication.catalogue.assignments import (
    Assignments,
    apply_assignments,
    set_value,
)
from switchhook.communication.catalogue.examples import (
    sample_subject_values,
    sample_values,
)
from switchhook.communication.catalogue.identifiers import (
    identifier_of,
    is_user,
    prefix_of,
)
from switchhook.communication.catalogue.lookup import (
    all_types,
    find,
    find_profile,
    name_in,
    profiles,
    profiles_of,
    types_of,
)
from switchhook.communication.catalogue.model import EventType, Family, Field, Kind, Required
from switchhook.communication.catalogue.render import (
    message_id,
    render_event,
    render_json,
    topic_of,
)
from switchhook.communication.catalogue.validation import validate

__all__ = [
    "Assignments",
    "EventType",
    "Family",
    "Field",
    "Kind",
    "Required",
    "all_types",
    "apply_assignments",
    "find",
    "find_profile",
    "identifier_of",
    "is_user",
    "message_id",
    "name_in",
    "prefix_of",
    "profiles",
    "profiles_of",
    "render_event",
    "render_json",
    "sample_subject_values",
    "sample_values",
    "set_value",
    "topic_of",
    "types_of",
    "validate",
]
