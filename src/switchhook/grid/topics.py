"""What are events published to?"""

from enum import StrEnum

import msgspec

from switchhook.grid.events import EventSchema


class TopicKind(StrEnum):
    """Who may publish to a topic."""

    CUSTOM = "custom"  # its owner's application, with an access key
    DOMAIN = "domain"  # the same; each event names one of the domain's topics
    SYSTEM = "system"  # only the Azure service that it belongs to; it has no endpoint and no keys


class FieldMapping(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a custom event has an attribute, and what it is where the event has none.

    azure-mgmt-eventgrid 10.4.0, `JsonField` and `JsonFieldWithDefault`.
    """

    source_field: str | None = None
    default_value: str | None = None


class InputMapping(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a custom event is read as an Event Grid event (input-mappings.md)."""

    id: FieldMapping = FieldMapping()
    topic: FieldMapping = FieldMapping()
    event_time: FieldMapping = FieldMapping()
    event_type: FieldMapping = FieldMapping()
    subject: FieldMapping = FieldMapping()
    data_version: FieldMapping = FieldMapping()


class Access(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who may publish, besides having the right credential.

    `inbound_ip_rules` are IPv4 or IPv6 networks in CIDR form; an empty tuple allows every address.
    Source: configure-firewall.md; azure-mgmt-eventgrid 10.4.0, `Topic`.
    """

    allows_access_keys: bool = True  # the opposite of `disableLocalAuth`
    allows_public_network: bool = True
    inbound_ip_rules: tuple[str, ...] = ()


class Topic(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where events are published, as the router sees it: a topic, a domain or a system topic.

    `incarnation` names this very topic for ever: one deleted and created again under the same name
    is another. `resource_id` is the ARM id that delivered events carry as `topic` (in a domain that
    of the domain topic, `{resource_id}/topics/{name}`). A system topic stands for the events of one
    Azure resource, whose id is then `resource_id`.

    `ignores_leading_slash`: one leading slash of a subject does not count in `subjectBeginsWith`.
    The overview article promises that `"subjectBeginsWith": "phonenumber/1555"` selects the SMS
    events of those numbers, although their subjects begin with a slash in every sample.
    """

    incarnation: str
    resource_id: str
    name: str
    kind: TopicKind = TopicKind.CUSTOM
    input_schema: EventSchema = EventSchema.EVENT_GRID
    input_mapping: InputMapping | None = None
    keys: tuple[str, str] | None = None
    access: Access = Access()
    ignores_leading_slash: bool = False
