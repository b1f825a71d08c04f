"""What can be asked of event subscriptions, and by which rules?"""

from collections.abc import Callable, Iterator

import msgspec

from switchhook.background import Rest, rest_uncounted
from switchhook.clock import Clock
from switchhook.grid.ports import Records
from switchhook.grid.resources.body_rules import Body
from switchhook.grid.resources.domain_rules import check_new_subscription
from switchhook.grid.resources.ids import key_of
from switchhook.grid.resources.names import check_subscription_name
from switchhook.grid.resources.operations import Operations
from switchhook.grid.resources.records import (
    DeliverySettingsRecord,
    SubscriptionRecord,
    settings_key,
    subscription_key,
    subscriptions_prefix,
)
from switchhook.grid.resources.settings_rules import read_settings
from switchhook.grid.resources.sources import EventSource, EventSources
from switchhook.grid.resources.subscription_life import SubscriptionLife
from switchhook.grid.resources.subscription_rules import (
    SubscriptionRules,
    read_definition,
    slash_warning,
    update_definition,
)
from switchhook.grid.resources.subscription_versions import (
    Removal,
    not_found,
    parent_not_found,
    removal_of,
)
from switchhook.grid.resources.view import ResourceView
from switchhook.grid.subscriptions import ProvisioningState


class SubscriptionResources:
    """The event subscriptions of every source."""

    def __init__(
        self,
        *,
        view: ResourceView,
        records: Records,
        sources: EventSources,
        operations: Operations,
        life: SubscriptionLife,
        clock: Clock,
        new_id: Callable[[], str],
        allow_http_webhooks: bool = False,
    ) -> None:
        self._view = view
        self._records = records
        self._sources = sources
        self._operations = operations
        self._life = life
        self._clock = clock
        self._new_id = new_id
        self._allow_http_webhooks = allow_http_webhooks

    # --- reading -------------------------------------------------------------------------------

    def get(self, source: EventSource, name: str) -> SubscriptionRecord | None:
        """The event subscription, or None."""
        key = subscription_key(source.resource_id, name)
        return self._view.get(key, SubscriptionRecord)

    def of(self, source: EventSource, after: str = "") -> Iterator[SubscriptionRecord]:
        """The event subscriptions of one source, by name; those that come after a name, if any."""
        prefix = subscriptions_prefix(source.resource_id)
        last = f"{prefix}{after}" if after else ""
        return (record for _, record in self._view.all(SubscriptionRecord, prefix, last))

    def all(self, after: str = "") -> Iterator[SubscriptionRecord]:
        """Every event subscription, by id; those that come after an id, if any."""
        return (record for _, record in self._view.all(SubscriptionRecord, after=after))

    def now(self, record: SubscriptionRecord) -> SubscriptionRecord | None:
        """What has become of an event subscription, or None."""
        return self._view.get(subscription_key(record.source, record.name), SubscriptionRecord)

    def source_of(self, record: SubscriptionRecord) -> EventSource | None:
        """Whose events it wants."""
        return self._sources.get(record.source)

    def settings(self, source: EventSource, name: str) -> DeliverySettingsRecord:
        """The delivery settings of an event subscription that exists or may come."""
        key = settings_key(subscription_key(source.resource_id, name))
        return self._view.get(key, DeliverySettingsRecord) or DeliverySettingsRecord()

    def warnings(self, record: SubscriptionRecord) -> list[str]:
        """What its owner should know although Azure would say nothing."""
        source = self.source_of(record)
        if source is None or not source.topic.ignores_leading_slash:
            return []
        warning = slash_warning(record.definition.filter, source.slashed_subjects)
        return [warning] if warning else []

    def asks_for(self, source: EventSource, name: str, body: Body) -> bool:
        """Whether the event subscription exists and is what the body of a PUT would make it.

        Raises:
            RequestError: the body breaks a rule.
        """
        definition = read_definition(body, self._rules(source))
        record = self.get(source, name)
        return record is not None and record.definition == definition

    async def finished(
        self, record: SubscriptionRecord, rest: Rest = rest_uncounted
    ) -> ProvisioningState | None:
        """Wait until the handshake of `record`'s operation is over; the state then, or None."""
        await self._operations.ended(record.operation, rest)
        now = self.now(record)
        return now.state if now is not None else None

    # --- writing -------------------------------------------------------------------------------

    async def put(self, source: EventSource, name: str, body: Body) -> SubscriptionRecord:
        """Create or replace; answers what was written down, with its handshake still to come.

        Raises:
            RequestError: the body breaks a rule, or the source has all the subscriptions it can.
        """
        check_subscription_name(name)
        key = subscription_key(source.resource_id, name)
        async with self._view.turn:
            source = self._current(source)
            definition = read_definition(body, self._rules(source))
            before = self._view.get(key, SubscriptionRecord)
            if before is None:
                check_new_subscription(self._view, source)
            record = SubscriptionRecord(
                source=source.resource_id,
                name=before.name if before else name,
                incarnation=before.incarnation if before else self._new_id(),
                definition=definition,
                state=ProvisioningState.CREATING,
                operation=self._begin(before),
                version=before.version if before else 0,
                in_force=before.in_force if before else None,
            )
            return await self._life.validate_or_activate(key, record, source)

    async def patch(self, source: EventSource, name: str, body: Body) -> SubscriptionRecord:
        """Change what the flat `body` names. The endpoint is asked at each update, as at creation.

        Raises:
            RequestError: the body breaks a rule, or there is no such event subscription.
        """
        key = subscription_key(source.resource_id, name)
        async with self._view.turn:
            source = self._current(source)
            before = self._view.get(key, SubscriptionRecord)
            if before is None:
                raise not_found(name, source)
            definition = update_definition(before.definition, body, self._rules(source))
            record = msgspec.structs.replace(
                before,
                definition=definition,
                state=ProvisioningState.UPDATING,
                operation=self._begin(before),
                handshake=None,
                attempts=0,
                error="",
            )
            return await self._life.validate_or_activate(key, record, source)

    async def delete(self, source: EventSource, name: str) -> bool:
        """Remove it with all that waits for it; False when there was none."""
        key = subscription_key(source.resource_id, name)
        async with self._view.turn:
            return await self._life.delete(key, tells_endpoint=True)

    async def put_settings(self, source: EventSource, name: str, body: Body) -> None:
        """Write the delivery settings of an event subscription, which need not exist yet."""
        check_subscription_name(name)
        wanted = read_settings(body)
        key = subscription_key(source.resource_id, name)
        async with self._view.turn:
            self._current(source)
            if self._view.get(settings_key(key), DeliverySettingsRecord) != wanted:
                await self._life.configure(key, wanted)

    async def complete(self, name: str, handshake_id: str, token: str) -> bool:
        """Somebody opened the validation URL; False when it is not, or no longer, one of ours."""
        async with self._view.turn:
            for key, record in list(self._view.all(SubscriptionRecord)):
                shake = record.handshake
                if shake is None or record.name.lower() != name.lower():
                    continue
                source = self.source_of(record)
                if source and shake.accepts(handshake_id, token, self._clock.now()):
                    await self._life.activate(key, record, source)
                    return True
        return False

    async def removal(self, source: EventSource) -> Removal:
        """What deleting every event subscription of a source takes; the caller holds the turn.

        Those to the topics of a domain are the domain's.
        """
        prefix = f"{key_of(source.resource_id)}/"
        keys = [key for key, _ in self._view.all(SubscriptionRecord, prefix)]
        removal = await removal_of(keys, self._view, self._records)
        for key in keys:
            record = self._view.get(key, SubscriptionRecord)
            if record is not None:
                self._life.supersede(record)  # whoever polls its operation must see an end
        # Settings may have been made for subscriptions that never came.
        removal.edits.update(
            {key: None for key, _ in self._view.all(DeliverySettingsRecord, prefix)}
        )
        return removal

    def removed(self, removal: Removal) -> None:
        """The commit with `removal` is durable."""
        self._life.removed(removal)

    # --- parts ---------------------------------------------------------------------------------

    def _current(self, source: EventSource) -> EventSource:
        now = self._sources.get(source.resource_id)
        if now is None:
            raise parent_not_found(source.resource_id)
        return now

    def _begin(self, before: SubscriptionRecord | None) -> str:
        if before is not None:
            self._life.supersede(before)
        return self._operations.start()

    def _rules(self, source: EventSource) -> SubscriptionRules:
        return SubscriptionRules(
            now=self._clock.now(),
            allow_http_webhooks=self._allow_http_webhooks,
            event_types=source.event_types,
            input_schema=source.topic.input_schema,
        )
