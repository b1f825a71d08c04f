"""What does an event subscription leave in the store besides its resource?

Its versions, which the router matches by, and its delivery state. The versions before the current
one stay as long as events of their time may still be on their way.
"""

from collections.abc import Sequence

import msgspec

from switchhook.errors import RequestError
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS, version_key
from switchhook.grid.ports import Change, Delete, DropSubscription, Put, Records
from switchhook.grid.resources.ids import EVENT_GRID, parse_scope
from switchhook.grid.resources.records import (
    SubscriptionDefinition,
    SubscriptionRecord,
    settings_key,
)
from switchhook.grid.resources.sources import EventSource
from switchhook.grid.resources.view import ResourceView
from switchhook.grid.subscriptions import EventSubscription


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit must carry, and the router must hear, when event subscriptions go."""

    edits: dict[str, msgspec.Struct | None]
    changes: list[Change]
    incarnations: list[str]


def version_of(record: SubscriptionRecord, source: EventSource) -> EventSubscription:
    """The version that the router gets; where it begins is known when it is durable."""
    definition = record.definition
    return EventSubscription(
        incarnation=record.incarnation,
        version=record.version,
        name=record.name,
        topic=source.topic.incarnation,
        destination=definition.destination,
        filter=definition.filter,
        retry_policy=definition.retry_policy,
        event_delivery_schema=definition.event_delivery_schema,
        domain_topic=source.domain_topic.lower(),
        dead_letter_destination=definition.dead_letter_destination,
    )


def put_version(version: EventSubscription) -> Put:
    """The change that writes a version down; its record's position is where it begins."""
    key = version_key(version.incarnation, version.version)
    return Put(SUBSCRIPTION_VERSIONS, key, msgspec.json.encode(version))


def delivers_alike(before: SubscriptionDefinition | None, after: SubscriptionDefinition) -> bool:
    """Whether nothing changed that the router reads, so that no new version is needed."""
    if before is None:
        return False
    same = msgspec.structs.replace(
        after,
        labels=before.labels,
        expires_at=before.expires_at,
        delivery_identity=before.delivery_identity,
        dead_letter_identity=before.dead_letter_identity,
    )
    return same == before


async def removal_of(keys: Sequence[str], view: ResourceView, records: Records) -> Removal:
    """What deleting the event subscriptions with these keys takes."""
    removal = Removal(edits={}, changes=[], incarnations=[])
    for key in keys:
        removal.edits.update({key: None, settings_key(key): None})
        record = view.get(key, SubscriptionRecord)
        if record is not None:
            removal.changes.extend(await _traces(record.incarnation, records))
            removal.incarnations.append(record.incarnation)
    return removal


def not_found(name: str, source: EventSource) -> RequestError:
    """The answer when there is no such event subscription."""
    scope = parse_scope(source.resource_id)
    return RequestError(
        404,
        "ResourceNotFound",
        f"The Resource '{EVENT_GRID}/eventSubscriptions/{name}' of "
        f"'{source.resource_id}' under resource group '{scope.group}' was not found.",
    )


def parent_not_found(resource_id: str) -> RequestError:
    """The answer when the resource whose events are wanted does not exist."""
    return RequestError(
        404,
        "ParentResourceNotFound",
        "Failed to perform the requested operation on an event subscription because the parent "
        f"resource '{resource_id}' could not be found.",
    )


async def _traces(incarnation: str, records: Records) -> list[Change]:
    after = chr(ord("/") + 1)
    versions = await records.scan(
        SUBSCRIPTION_VERSIONS, start=f"{incarnation}/", end=f"{incarnation}{after}"
    )
    gone: list[Change] = [Delete(SUBSCRIPTION_VERSIONS, found.key) for found in versions]
    return [*gone, DropSubscription(incarnation)]
