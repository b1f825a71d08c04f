"""How does what the configuration file asks for come about? By the functions the routes call.

At every start: what is absent is created, what differs is updated, the rest is left alone. The file
wins over changes that were made otherwise; what it does not name stays.

A start waits until every webhook has been asked once, so that its subscription is in force when the
server is ready. It does not wait for one that is not up yet, or is slow: that is asked again, with
growing pauses, until it agrees.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from switchhook.background import Rest, rest_uncounted
from switchhook.clock import SECOND, Clock
from switchhook.communication.arm_rules import CommunicationRecord, render_event_settings
from switchhook.communication.management import Resources
from switchhook.config_tables import ConfigTables, NumberEntry, ResourceEntry, SubscriptionEntry
from switchhook.errors import RequestError, StartError, StoreError
from switchhook.grid.resources.domains import DomainResources
from switchhook.grid.resources.keyed_resources import KeyedResources
from switchhook.grid.resources.records import SubscriptionRecord
from switchhook.grid.resources.settings_rules import render_settings
from switchhook.grid.resources.sources import EventSource
from switchhook.grid.resources.subscription_life import Spawn
from switchhook.grid.resources.subscription_rules import INVALID_EXPIRATION
from switchhook.grid.resources.subscriptions import SubscriptionResources
from switchhook.grid.resources.topic_rules import K
from switchhook.grid.subscriptions import ProvisioningState
from switchhook.grid.validate_endpoint import sleep
from switchhook.settings.model import communication_keys, topic_keys

_log = logging.getLogger(__name__)

T = TypeVar("T")

# Pauses between handshakes, in seconds; the last one repeats.
BACK_OFF = (1, 2, 5, 10, 30, 60)
# Seconds of real time that the first answers of all webhooks may take. Whoever starts the server
# may be the webhook, and hear nothing before the server is ready.
FIRST_ANSWERS = 5.0


async def apply_tables(
    tables: ConfigTables,
    *,
    resources: Resources,
    clock: Clock,
    spawn: Spawn,
    rest: Rest = rest_uncounted,
) -> list[SubscriptionRecord]:
    """Make the resources what the file asks for; answers the subscriptions whose webhooks are being
    asked, in the background, whether they agree.

    Raises:
        StartError: an entry breaks a rule of its resource.
    """
    for entry in tables.communication:
        await _explained("communication", entry.name, _apply_communication(entry, resources))
    for number in tables.numbers:
        await _explained("numbers", number.number, _apply_number(number, resources))
    for entry in tables.topics:
        await _explained("topics", entry.name, _apply_keyed(entry, resources.topics))
    for entry in tables.domains:
        await _explained("domains", entry.name, _apply_domain(entry, resources.domains))
    follower = _Follower(resources, clock, rest)
    asked: list[SubscriptionRecord] = []
    for subscription in tables.subscriptions:
        started = await _explained(
            "subscriptions", subscription.name, _apply_subscription(subscription, resources)
        )
        if started is not None:
            spawn(follower.follow(subscription, started))
            asked.append(started)
    return asked


async def first_answers(
    asked: Sequence[SubscriptionRecord],
    subscriptions: SubscriptionResources,
    seconds: float = FIRST_ANSWERS,
) -> None:
    """Wait until each webhook has been asked once, but no longer, and tell which subscriptions are
    not in force then."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for record in asked:
                await subscriptions.finished(record)
    for record in asked:
        _tell_unless_in_force(subscriptions.now(record))


async def _apply_communication(entry: ResourceEntry, resources: Resources) -> None:
    communication = resources.communication
    record = _known_communication(entry, resources)
    location, tags = entry.body["properties"].get("dataLocation"), entry.body.get("tags")
    is_as_asked = (
        record and tags in (None, record.tags) and location in (None, record.data_location)
    )
    if record is None or not is_as_asked:
        record = await communication.put(entry.resource_id, entry.name, entry.body)
    now = render_event_settings(record.resource.events)
    wanted = {**now, **entry.event_settings}
    if wanted != now:
        await communication.put_event_settings(entry.resource_id, {"properties": wanted})
    if entry.key:
        await _give_communication_keys(entry, resources)


async def _give_communication_keys(entry: ResourceEntry, resources: Resources) -> None:
    communication = resources.communication
    mine = communication.get(entry.resource_id).resource
    for record in communication.all():
        other = record.resource
        if other.resource_id != mine.resource_id and entry.key in other.keys:
            raise StartError(
                f"[[communication]] '{entry.name}': its 'key' is one of '{other.name}' already"
            )
    keys = communication_keys(entry.key)
    if mine.keys != keys:
        await communication.set_keys(entry.resource_id, keys)


async def _apply_number(entry: NumberEntry, resources: Resources) -> None:
    await resources.communication.put_number(entry.resource_id, entry.number, entry.body)


async def _apply_keyed(entry: ResourceEntry, resources: KeyedResources[K]) -> None:
    before = resources.find(entry.resource_id)
    body = entry.body
    if before is not None:
        # A PUT replaces; what the file does not name shall stay.
        stays = {"location": before.location, "tags": before.tags, **before.echoed}
        properties = {**before.properties, **body["properties"]}
        body = {**stays, **body, "properties": properties}
    if not resources.asks_for(entry.resource_id, body):
        await resources.put(entry.resource_id, entry.name, body)
    keys = topic_keys(entry.key) if entry.key else None
    if keys and resources.keys(entry.resource_id) != keys:
        await resources.set_keys(entry.resource_id, keys)


async def _apply_domain(entry: ResourceEntry, domains: DomainResources) -> None:
    await _apply_keyed(entry, domains)
    for topic in entry.topics:
        await domains.put_topic(entry.resource_id, topic)


async def _apply_subscription(
    entry: SubscriptionEntry, resources: Resources
) -> SubscriptionRecord | None:
    """The record whose handshake must be followed, or None when nothing is to be done."""
    subscriptions = resources.subscriptions
    source = _source(entry, resources)
    now = render_settings(subscriptions.settings(source, entry.name))
    await subscriptions.put_settings(source, entry.name, {"properties": {**now, **entry.settings}})
    if subscriptions.asks_for(source, entry.name, entry.body):
        record = subscriptions.get(source, entry.name)
        if record is not None and record.state is not ProvisioningState.FAILED:
            return record
    return await subscriptions.put(source, entry.name, entry.body)


def _tell_unless_in_force(record: SubscriptionRecord | None) -> None:
    if record is None or record.state is ProvisioningState.SUCCEEDED:
        return
    _log.warning(
        "config_file.not_in_force",
        extra={
            "subscription": record.name,
            "source": record.source,
            "state": record.state,
            "reason": record.error or "the endpoint has not answered yet",
        },
    )


class _Follower:
    """Asks a webhook again until it agrees, or until somebody else changes the subscription."""

    def __init__(self, resources: Resources, clock: Clock, rest: Rest) -> None:
        self._subscriptions = resources.subscriptions
        self._resources = resources
        self._clock = clock
        self._rest = rest

    async def follow(self, entry: SubscriptionEntry, record: SubscriptionRecord) -> None:
        asked = 0
        while await self._state_after(record) is ProvisioningState.FAILED:
            pause = BACK_OFF[min(asked, len(BACK_OFF) - 1)]
            asked += 1
            await sleep(self._clock, pause * SECOND, self._rest)
            again = await self._ask_again(entry, record)
            if again is None:
                return
            record = again

    async def _state_after(self, record: SubscriptionRecord) -> ProvisioningState | None:
        # The handshake that it waits for is a piece of work of its own.
        return await self._subscriptions.finished(record, self._rest)

    async def _ask_again(
        self, entry: SubscriptionEntry, record: SubscriptionRecord
    ) -> SubscriptionRecord | None:
        try:
            source = _source(entry, self._resources)
            now = self._subscriptions.get(source, entry.name)
            if now is None or now.operation != record.operation:
                return None
            return await self._subscriptions.put(source, entry.name, entry.body)
        except (RequestError, StoreError, StartError) as error:
            _log.warning(
                "config_file.not_retried",
                extra={"subscription": entry.name, "reason": str(error)},
            )
            return None


async def _explained(table: str, name: str, applying: Coroutine[Any, Any, T]) -> T | None:
    """The result, with an error turned into one that names the entry."""
    try:
        return await applying
    except RequestError as error:
        if error.message == INVALID_EXPIRATION:
            _log.warning("config_file.expired", extra={"table": table, "entry": name})
            return None
        raise StartError(f"[[{table}]] '{name}': {error.message}") from error


def _source(entry: SubscriptionEntry, resources: Resources) -> EventSource:
    source = resources.sources.get(entry.source_id)
    if source is None:
        raise StartError(
            f"[[subscriptions]] '{entry.name}': there is no '{entry.source_id}'; add it to "
            "[[topics]], [[domains]] or [[communication]]"
        )
    return source


def _known_communication(entry: ResourceEntry, resources: Resources) -> CommunicationRecord | None:
    known = resources.sources.get(entry.resource_id)
    return resources.communication.get(entry.resource_id) if known else None
