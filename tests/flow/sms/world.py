"""An SMS engine over a store, with a clock that the test moves and ids that count."""

import itertools
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from switchhook import defaults
from switchhook.clock import VirtualClock
from switchhook.communication.carriers.simulator import Simulator
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.resources import (
    CommunicationResource,
    EventSettings,
    NumberKind,
    OwnedNumber,
)
from switchhook.communication.sms.engine import SmsEngine
from switchhook.communication.sms.requests import SendResult, parse_send
from switchhook.grid.ports import Store
from switchhook.grid.publish import CommitEvents
from switchhook.stores.memory import MemoryStore
from tests.flow.stores import commits_to, events_in

TOLL_FREE = "+18005550100"
GEOGRAPHIC = "+15555550100"
SHORT_CODE = "55501"
NAME = "CONTOSO"
PHONE = "+14255550123"


def a_resource(**members: Any) -> CommunicationResource:
    """A resource with a number of each kind."""
    name = members.get("name", defaults.COMMUNICATION_NAME)
    values: dict[str, Any] = {
        "resource_id": f"/subscriptions/{defaults.SUBSCRIPTION_ID}/resourceGroups/local"
        f"/providers/Microsoft.Communication/CommunicationServices/{name}",
        "name": name,
        "immutable_id": defaults.COMMUNICATION_IMMUTABLE_ID,
        "topic": f"topic-of-{name}",
        "keys": defaults.COMMUNICATION_KEYS,
        "numbers": (
            OwnedNumber(value=TOLL_FREE, kind=NumberKind.TOLL_FREE),
            OwnedNumber(value=GEOGRAPHIC, kind=NumberKind.GEOGRAPHIC),
            OwnedNumber(value=SHORT_CODE, kind=NumberKind.SHORT_CODE),
            OwnedNumber(value=NAME, kind=NumberKind.ALPHANUMERIC),
        ),
        "events": EventSettings(),
    }
    return CommunicationResource(**(values | members))


def counting_guids() -> Callable[[], uuid.UUID]:
    """GUIDs that tell how many came before."""
    numbers = itertools.count(1)
    return lambda: uuid.UUID(int=next(numbers))


@dataclass
class SmsWorld:
    """What a test holds."""

    store: Store
    clock: VirtualClock
    directory: CommunicationDirectory
    resource: CommunicationResource
    engine: SmsEngine

    async def send(self, *to: str, **members: Any) -> list[SendResult]:
        """Send to these recipients, with delivery reports unless told otherwise."""
        recipients: list[dict[str, Any]] = [{"to": number} for number in to]
        body = {
            "from": TOLL_FREE,
            "smsRecipients": recipients,
            "message": "hello",
            "smsSendOptions": {"enableDeliveryReport": True},
        } | members
        return await self.engine.send(self.resource, parse_send(json.dumps(body).encode()))

    async def receive(self, message: str, to: str = TOLL_FREE, from_: str = PHONE) -> str:
        """Send as a phone."""
        return await self.engine.receive(self.resource, from_, to, message)

    async def advance(self, **span: float) -> None:
        """Move time, and let happen what becomes due."""
        await self.clock.advance(timedelta(**span))

    async def events(self) -> list[dict[str, Any]]:
        """Every event of the log."""
        return await events_in(self.store)

    async def reports(self) -> list[dict[str, Any]]:
        """The data of every delivery report."""
        return [
            event["data"]
            for event in await self.events()
            if event["eventType"].endswith("DeliveryReportReceived")
        ]

    async def restart(self) -> "SmsWorld":
        """The same store after the process died: nothing of the old engine lives on."""
        await self.engine.due_work.close()
        world = a_world(store=self.store, clock=self.clock, resource=self.resource)
        await world.engine.due_work.resume()
        return world

    def configure(self, **settings: Any) -> None:
        """Change how the resource's events look."""
        self.resource = msgspec.structs.replace(self.resource, events=EventSettings(**settings))
        self.directory.put(self.resource)


def a_world(
    *,
    store: Store | None = None,
    clock: VirtualClock | None = None,
    resource: CommunicationResource | None = None,
    commit: CommitEvents | None = None,
    new_guid: Callable[[], uuid.UUID] = uuid.uuid4,
) -> SmsWorld:
    """An engine that has not been resumed."""
    the_store: Store = store or MemoryStore()
    the_clock = clock or VirtualClock()
    the_resource = resource or a_resource()
    directory = CommunicationDirectory()
    directory.put(the_resource)

    engine = SmsEngine(
        store=the_store,
        commit=commit or commits_to(the_store),
        clock=the_clock,
        carrier=Simulator(),
        new_guid=new_guid,
        directory=directory,
    )
    the_clock.wait_for(engine.due_work.quiet)
    return SmsWorld(
        store=the_store,
        clock=the_clock,
        directory=directory,
        resource=the_resource,
        engine=engine,
    )
