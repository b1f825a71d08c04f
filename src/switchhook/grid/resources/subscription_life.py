"""How does an event subscription come, change and go?

A PUT is written down at once as Creating; the handshake runs behind it, and its end is one commit:
the resource's new state together with the version that comes into force. Until then the version
before stays in force. A crash in between leaves the record Creating, and `start` asks again.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from switchhook.background import Rest, rest_uncounted
from switchhook.clock import Clock, Timer
from switchhook.errors import StoreError
from switchhook.grid import handshake as rules
from switchhook.grid.consent import Question
from switchhook.grid.deletion_notice import DeletedSubscription, build_notice
from switchhook.grid.handshake import Handshake, Verdict
from switchhook.grid.heard_request import HeardRequest
from switchhook.grid.ports import Failure, Records, Transport, WebhookResponse
from switchhook.grid.resources.domain_rules import (
    domain_topic_no_longer_implied,
    implied_domain_topic,
)
from switchhook.grid.resources.ids import EVENT_GRID
from switchhook.grid.resources.operations import Operations
from switchhook.grid.resources.records import (
    DeliverySettingsRecord,
    SubscriptionRecord,
    settings_key,
    subscriptions_prefix,
)
from switchhook.grid.resources.sources import EventSource, EventSources, Routing
from switchhook.grid.resources.subscription_versions import (
    Removal,
    delivers_alike,
    put_version,
    removal_of,
    version_of,
)
from switchhook.grid.resources.system_topics import find_system_topic, implicit_system_topic
from switchhook.grid.resources.view import ResourceView
from switchhook.grid.subscriptions import ProvisioningState, WebHookDestination
from switchhook.grid.topics import TopicKind
from switchhook.grid.validate_endpoint import Validation, validate_endpoint

_log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None]], None]
_UNFINISHED = (ProvisioningState.CREATING, ProvisioningState.UPDATING)


class HandshakeTools(msgspec.Struct, frozen=True, kw_only=True):
    """What a handshake needs from outside: `public_url` stands in front of validation URLs.

    `token` answers what authorizes requests to a webhook that is protected with Microsoft Entra.
    With `deletion_notices` an endpoint is told when its event subscription is deleted; whether
    Azure does that is not documented, and no capture shows it: the default says nothing.
    """

    transport: Transport
    public_url: Callable[[], str]
    spawn: Spawn
    rest: Rest = rest_uncounted
    token: Callable[[WebHookDestination], str | None] = lambda _: None
    deletion_notices: bool = False


class SubscriptionLife:
    """The transitions of an event subscription; their callers hold the view's turn."""

    def __init__(
        self,
        *,
        view: ResourceView,
        records: Records,
        sources: EventSources,
        routing: Routing,
        operations: Operations,
        clock: Clock,
        new_id: Callable[[], str],
        tools: HandshakeTools,
    ) -> None:
        self._view = view
        self._records = records
        self._sources = sources
        self._routing = routing
        self._operations = operations
        self._clock = clock
        self._new_id = new_id
        self._tools = tools
        self._timers: dict[str, Timer] = {}
        self._stopped = False

    # --- start and stop ------------------------------------------------------------------------

    def load(self) -> None:
        """Tell the router the settings of what it has brought back."""
        for key, record in self._view.all(SubscriptionRecord):
            self._routing.configure(record.incarnation, self._settings(key).plain())

    def start(self) -> None:
        """Take up what an earlier run left: handshakes that had not ended, and deadlines."""
        for key, record in list(self._view.all(SubscriptionRecord)):
            if record.state in _UNFINISHED:
                self._operations.start(record.operation)
                self._tools.spawn(self._resume(key))
            self._arm(key, record)

    def stop(self) -> None:
        """The transport is about to close: a handshake that it aborts stays unfinished."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    # --- the handshake -------------------------------------------------------------------------

    async def validate_or_activate(
        self, key: str, record: SubscriptionRecord, source: EventSource
    ) -> SubscriptionRecord:
        """Write `record` down and start its handshake, unless its settings waive that."""
        if not self._settings(key).validate_endpoint:
            return await self.activate(key, record, source)
        asking = msgspec.structs.replace(record, handshake=self._new_handshake())
        await self._view.write({key: asking, **self._implied(source)})
        self._arm(key, asking)
        self._tools.spawn(self._run_handshake(key, asking))
        return asking

    async def _resume(self, key: str) -> None:
        async with self._view.turn:
            record = self._view.get(key, SubscriptionRecord)
            if record is None or record.state not in _UNFINISHED:
                return
            # A new one, because the ten minutes of its URL may be over.
            record = msgspec.structs.replace(record, handshake=self._new_handshake())
            await self._view.write({key: record})
        await self._run_handshake(key, record)

    async def _run_handshake(self, key: str, record: SubscriptionRecord) -> None:
        shake = record.handshake
        assert shake is not None, "a record that is Creating has one"  # noqa: S101
        question = _question(record)
        url = rules.validation_url(self._tools.public_url(), record.name, shake)
        try:
            validation = await validate_endpoint(
                question.request(url, shake, self._tools.token(record.definition.destination)),
                question.judge(shake),
                transport=self._tools.transport,
                clock=self._clock,
                rest=self._tools.rest,
            )
            if self._stopped and validation.response.failure is Failure.ABORTED:
                return
            async with self._view.turn:
                await self._conclude(key, record, validation)
        except StoreError as error:
            _log.error("handshake.not_recorded", extra={"subscription": key}, exc_info=error)
            self._operations.failed(record.operation, "InternalServerError", str(error))

    async def _conclude(self, key: str, asked: SubscriptionRecord, validation: Validation) -> None:
        record = self._view.get(key, SubscriptionRecord)
        source = self._sources.get(asked.source)
        if record is None or source is None or record.handshake != asked.handshake:
            return  # deleted, replaced, or completed by hand meanwhile
        record = msgspec.structs.replace(record, attempts=validation.attempts)
        if validation.verdict is Verdict.VALIDATED:
            await self.activate(key, record, source)
        elif validation.verdict is Verdict.AWAITING_MANUAL_ACTION:
            await self._await_manual_action(key, record, validation)
        else:
            message = _question(record).refusal(
                validation.response, record.operation, self._clock.now()
            )
            await self._fail(key, record, message)

    async def activate(
        self, key: str, record: SubscriptionRecord, source: EventSource
    ) -> SubscriptionRecord:
        """The endpoint agreed, or need not: one commit with the version that comes into force."""
        done = msgspec.structs.replace(
            record, state=ProvisioningState.SUCCEEDED, handshake=None, error=""
        )
        if delivers_alike(done.in_force, done.definition):
            await self._view.write({key: done, **self._implied(source)})
        else:
            done = msgspec.structs.replace(
                done, version=record.version + 1, in_force=record.definition
            )
            version = version_of(done, source)
            edits = {key: done, **self._implied(source)}

            def activate(position: int) -> None:
                self._routing.configure(record.incarnation, self._settings(key).plain())
                self._routing.activate(msgspec.structs.replace(version, from_position=position))

            await self._view.write(edits, [put_version(version)], activate)
        self._operations.succeeded(record.operation)
        self._arm(key, done)
        return done

    async def _await_manual_action(
        self, key: str, record: SubscriptionRecord, validation: Validation
    ) -> None:
        waiting = msgspec.structs.replace(
            record,
            state=ProvisioningState.AWAITING_MANUAL_ACTION,
            error=_question(record).still_open(
                validation.response, record.operation, self._clock.now()
            ),
        )
        await self._view.write({key: waiting})
        # Pollers of the resource would wait for ever in this state; the operation itself is over.
        self._operations.succeeded(record.operation)
        self._arm(key, waiting)

    async def _fail(self, key: str, record: SubscriptionRecord, message: str) -> None:
        failed = msgspec.structs.replace(
            record, state=ProvisioningState.FAILED, handshake=None, error=message
        )
        await self._view.write({key: failed})
        self._operations.failed(record.operation, rules.FAILURE_CODE, message)
        self._arm(key, failed)
        _log.warning("handshake.failed", extra={"subscription": key, "reason": message})

    async def configure(self, key: str, settings: DeliverySettingsRecord) -> None:
        """Write the settings of a subscription down; it may come later."""

        def tell(_: int) -> None:
            record = self._view.get(key, SubscriptionRecord)
            if record is not None:
                self._routing.configure(record.incarnation, settings.plain())

        await self._view.write({settings_key(key): settings}, on_durable=tell)

    def _settings(self, key: str) -> DeliverySettingsRecord:
        found = self._view.get(settings_key(key), DeliverySettingsRecord)
        return found or DeliverySettingsRecord()

    async def delete(self, key: str, *, tells_endpoint: bool = False) -> bool:
        """Remove a subscription and its settings; False when there was no subscription."""
        record = self._view.get(key, SubscriptionRecord)
        removal = await removal_of([key], self._view, self._records)
        edits = removal.edits
        if record is not None:
            self.supersede(record)
            edits = {**edits, **self._implied_no_longer(record)}
        if any(self._view.get(edit, msgspec.Struct) for edit in edits):
            await self._view.write(
                edits, removal.changes, on_durable=lambda _: self.removed(removal)
            )
        if record is not None and tells_endpoint and self._tools.deletion_notices:
            self._tell_endpoint(key, record)
        return record is not None

    def _tell_endpoint(self, key: str, record: SubscriptionRecord) -> None:
        """One try, to the endpoint that agreed."""
        if record.in_force is None:
            return
        gone = DeletedSubscription(
            id=f"{record.source}/providers/{EVENT_GRID}/eventSubscriptions/{record.name}",
            name=record.name,
            topic=record.source,
            endpoint_url=record.in_force.destination.endpoint_url,
            schema=record.in_force.event_delivery_schema,
        )
        notice = build_notice(
            gone,
            event_id=self._new_id(),
            now=self._clock.now(),
            token=self._tools.token(record.in_force.destination),
        )

        def heard(response: WebhookResponse) -> None:
            _log.info(
                "subscription.deletion_told",
                extra={"subscription": key, "status": response.status, "detail": response.detail},
            )

        self._tools.transport.send(HeardRequest.of(notice, heard))

    def removed(self, removal: Removal) -> None:
        """The commit with `removal` is durable: forget timers and tell the router."""
        for key in removal.edits:
            self._drop_timer(key)
        for incarnation in removal.incarnations:
            self._routing.remove_subscription(incarnation)

    def supersede(self, record: SubscriptionRecord) -> None:
        """A later request takes over: end the operation that is still running."""
        if record.state in _UNFINISHED:
            self._operations.failed(
                record.operation,
                "CanceledAndSupersededDueToAnotherOperation",
                f"The operation {record.operation} was superseded by a later one.",
            )

    # --- deadlines -----------------------------------------------------------------------------

    def _arm(self, key: str, record: SubscriptionRecord) -> None:
        self._drop_timer(key)
        deadlines = [record.definition.expires_at]
        if record.handshake and record.state is ProvisioningState.AWAITING_MANUAL_ACTION:
            deadlines.append(record.handshake.expires_at)
        known = [deadline for deadline in deadlines if deadline is not None]
        if known and not self._stopped:
            self._timers[key] = self._clock.call_at(
                min(known), lambda: self._tools.spawn(self._meet_deadline(key))
            )

    def _drop_timer(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def _meet_deadline(self, key: str) -> None:
        try:
            async with self._view.turn:
                record = self._view.get(key, SubscriptionRecord)
                if record is not None:
                    await self._end(key, record, self._clock.now())
        except StoreError as error:
            # The next start meets the deadline again.
            _log.error("subscription.deadline", extra={"subscription": key}, exc_info=error)

    async def _end(self, key: str, record: SubscriptionRecord, now: int) -> None:
        expires_at = record.definition.expires_at
        if expires_at is not None and expires_at <= now:
            await self.delete(key)
            _log.info("subscription.expired", extra={"subscription": key})
            return
        shake = record.handshake
        manual = record.state is ProvisioningState.AWAITING_MANUAL_ACTION
        if manual and shake is not None and shake.expires_at <= now:
            await self._fail(key, record, record.error)
        else:
            self._arm(key, record)

    def _implied(self, source: EventSource) -> dict[str, msgspec.Struct | None]:
        """What comes with the first subscription: a system topic, or a topic of a domain."""
        if source.topic.kind is not TopicKind.SYSTEM:
            return implied_domain_topic(self._view, source)
        if find_system_topic(self._view, source):
            return {}
        return implicit_system_topic(source, self._new_id)

    def _implied_no_longer(self, record: SubscriptionRecord) -> dict[str, msgspec.Struct | None]:
        source = self._sources.get(record.source)
        if source is None:
            return {}
        if source.topic.kind is not TopicKind.SYSTEM:
            return domain_topic_no_longer_implied(self._view, source)
        found = find_system_topic(self._view, source)
        if found is None or not found[1].implicit:
            return {}
        left = self._view.count(SubscriptionRecord, subscriptions_prefix(record.source))
        return {found[0]: None} if left == 1 else {}

    def _new_handshake(self) -> Handshake:
        return Handshake(
            id=self._new_id(),
            code=self._new_id(),
            token=self._new_id().replace("-", ""),
            started_at=self._clock.now(),
        )


def _question(record: SubscriptionRecord) -> Question:
    definition = record.definition
    return Question(
        endpoint_url=definition.destination.endpoint_url,
        schema=definition.event_delivery_schema,
        subscription_name=record.name,
        topic=record.source,
    )
