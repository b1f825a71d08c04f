"""How are the engines of Communication Services put together?"""

import secrets
import uuid
from dataclasses import dataclass

from switchhook.authority import Authority
from switchhook.clock import SECOND, Clock, SystemClock
from switchhook.communication.carriers.simulator import Simulator
from switchhook.communication.chat.engine import ChatEngine
from switchhook.communication.chat.rate_limits import RateLimits
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.due_work import LaterWork
from switchhook.communication.identity.engine import IdentityEngine
from switchhook.communication.orphans import orphaned_topics
from switchhook.communication.presence import Presence
from switchhook.communication.readings import CommunicationReadings
from switchhook.communication.realtime.hub import Hub
from switchhook.communication.sms.engine import SmsEngine
from switchhook.grid.ports import Store
from switchhook.grid.publish import CommitEvents
from switchhook.guids import Guids, TimedGuids
from switchhook.http.realtime_api.sessions import Sessions
from switchhook.settings import ChatRateLimits, Settings


@dataclass(frozen=True, kw_only=True)
class Services:
    """The engines behind the data plane; the directory tells them which resources there are."""

    store: Store
    directory: CommunicationDirectory
    sms: SmsEngine
    identity: IdentityEngine
    chat: ChatEngine
    presence: Presence
    hub: Hub
    sessions: Sessions

    @property
    def later_work(self) -> tuple[LaterWork, ...]:
        """What each engine does as time passes."""
        return (self.sms.due_work, self.chat.due_work, self.presence)

    def readings(self) -> CommunicationReadings:
        """What metrics tell of the engines, now."""
        return CommunicationReadings(
            connections=self.hub.connections, users=self.hub.users, throttled=self.chat.throttled
        )

    async def forget(self, topic: str) -> None:
        """Delete what the engines keep of a resource; `topic` is that of its events."""
        # Tokens first, so that nobody connects again; presence last, when nobody is connected.
        for part in (self.sms, self.identity, self.sessions, self.chat, self.presence):
            await part.forget(topic)

    async def forget_orphans(self) -> None:
        """Delete what an earlier run did not get to; the directory must be complete."""
        for topic in await orphaned_topics(self.store, self.directory):
            await self.forget(topic)

    async def forget_what_happened(self, topic: str) -> None:
        """Delete a resource's messages, threads and who was connected; its users, their tokens and
        connections stay."""
        for engine in (self.sms, self.chat, self.presence):
            await engine.forget(topic)


def open_services(
    settings: Settings,
    *,
    store: Store,
    commit: CommitEvents,
    clock: Clock,
    authority: Authority,
    directory: CommunicationDirectory,
) -> Services:
    """The engines; their later work is resumed once the directory is complete."""
    ground = _Ground(store=store, commit=commit, clock=clock, directory=directory)
    hub = Hub()
    identity, chat = _identity_and_chat(settings, ground, authority, hub)
    presence = Presence(
        store=store,
        commit=commit,
        clock=clock,
        directory=directory,
        new_guid=uuid.uuid4,
        grace=int(settings.presence_grace * SECOND),
    )
    hub.listen(presence)
    sms = SmsEngine(
        store=store,
        commit=commit,
        clock=clock,
        carrier=Simulator(),
        new_guid=TimedGuids().new,
        directory=directory,
    )
    sessions = Sessions(hub=hub, caller_of=identity.caller_of)
    return Services(
        store=store,
        directory=directory,
        sms=sms,
        identity=identity,
        chat=chat,
        presence=presence,
        hub=hub,
        sessions=sessions,
    )


@dataclass(frozen=True, kw_only=True)
class _Ground:
    """What every engine stands on."""

    store: Store
    commit: CommitEvents
    clock: Clock
    directory: CommunicationDirectory


def _identity_and_chat(
    settings: Settings, ground: _Ground, authority: Authority, hub: Hub
) -> tuple[IdentityEngine, ChatEngine]:
    """Chat knows Identity's users; a user who is deleted leaves chat's threads."""
    identity = IdentityEngine(
        store=ground.store,
        commit=ground.commit,
        clock=ground.clock,
        directory=ground.directory,
        signing=lambda: authority.signing,
        verify=authority.verify,
        new_guid=uuid.uuid4,
        random_bytes=secrets.token_bytes,
        on_delete=lambda *deleted: chat.user_deleted_changes(*deleted),
        deleted=lambda due_at: chat.due_work.expect(due_at),
    )
    chat = ChatEngine(
        store=ground.store,
        commit=ground.commit,
        clock=ground.clock,
        directory=ground.directory,
        users=identity,
        new_guid=Guids().new,
        random_bytes=secrets.token_bytes,
        push=hub.push,
        limits=_rate_limits(settings),
    )
    return identity, chat


def _rate_limits(settings: Settings) -> RateLimits:
    if settings.chat_rate_limits is ChatRateLimits.OFF:
        return RateLimits.off()
    # A client that is told to wait does so in real time, also where the server's stands still.
    return RateLimits(SystemClock())
