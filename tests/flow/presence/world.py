"""Presence over a store, with a clock that the test moves."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from switchhook.clock import VirtualClock
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.presence import DEFAULT_GRACE, Presence
from switchhook.communication.resources import CommunicationResource
from switchhook.grid.ports import Batch, Change, Store
from switchhook.grid.publish import CommitEvents
from switchhook.stores.memory import MemoryStore
from tests.flow.stores import events_in
from tests.rules.chat.scenes import a_resource

COLLECTIONS = ("presence-users", "presence-due")


@dataclass
class PresenceWorld:
    """What a test holds. `commits` counts the changes of each commit."""

    store: Store
    clock: VirtualClock
    directory: CommunicationDirectory
    resource: CommunicationResource
    presence: Presence
    commits: list[int] = field(default_factory=list)

    def connect(self, *raw_ids: str) -> None:
        """Open a connection for each."""
        for raw_id in raw_ids:
            self.presence.connected(self.resource, raw_id)

    def disconnect(self, *raw_ids: str) -> None:
        """Close a connection of each."""
        for raw_id in raw_ids:
            self.presence.disconnected(self.resource, raw_id)

    async def advance(self, **span: float) -> None:
        """Move time, and let happen what becomes due."""
        await self.clock.advance(timedelta(**span))

    async def events(self) -> list[dict[str, Any]]:
        """Every event of the log."""
        return await events_in(self.store)

    async def gone(self) -> list[str]:
        """Of whom it was published that they are gone, in that order."""
        events = await self.events()
        return [event["data"]["userCommunicationIdentifier"]["rawId"] for event in events]

    async def kept(self) -> list[str]:
        """The keys of all that presence keeps."""
        return [
            record.key for collection in COLLECTIONS for record in await self.store.scan(collection)
        ]

    async def restart(self) -> "PresenceWorld":
        """The same store after the process died: connections are gone, and nobody was told."""
        await self.presence.close()
        world = a_world(
            store=self.store, clock=self.clock, directory=self.directory, resource=self.resource
        )
        await world.presence.resume()
        return world


def a_world(
    *,
    store: Store | None = None,
    clock: VirtualClock | None = None,
    directory: CommunicationDirectory | None = None,
    resource: CommunicationResource | None = None,
    commit: CommitEvents | None = None,
    grace: int = DEFAULT_GRACE,
    new_guid: Callable[[], uuid.UUID] = uuid.uuid4,
) -> PresenceWorld:
    """Presence that has not been resumed."""
    the_store: Store = store or MemoryStore()
    the_clock = clock or VirtualClock()
    the_resource = resource or a_resource()
    the_directory = directory or CommunicationDirectory()
    if directory is None:
        the_directory.put(the_resource)
    commits: list[int] = []

    async def commit_to_store(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        commits.append(len(changes))
        return await the_store.commit(changes, batches)

    presence = Presence(
        store=the_store,
        commit=commit or commit_to_store,
        clock=the_clock,
        directory=the_directory,
        new_guid=new_guid,
        grace=grace,
    )
    the_clock.wait_for(presence.quiet)
    return PresenceWorld(
        store=the_store,
        clock=the_clock,
        directory=the_directory,
        resource=the_resource,
        presence=presence,
        commits=commits,
    )
