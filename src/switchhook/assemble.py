"""The one place that picks adapters and puts the parts of a server together."""

import asyncio
import contextlib
import logging
import os
import random
import secrets
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from switchhook import defaults
from switchhook.authority import Applications, Authority, application_secret, open_signing
from switchhook.authority.claims import MANAGEMENT_AUDIENCES
from switchhook.background import Background
from switchhook.clock import HOUR, Clock, SystemClock, VirtualClock
from switchhook.communication import catalogue
from switchhook.communication.arm_resources import EventRules
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.management import Chance, Resources, open_resources
from switchhook.dead_letter_stores.accounts import open_dead_letter_store
from switchhook.endpoints import Origins
from switchhook.grace import Grace
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.given_up import Keep
from switchhook.grid.limits import Limits
from switchhook.grid.metrics import Metrics
from switchhook.grid.observation import Observation
from switchhook.grid.ports import AttemptHistory, DeadLetterStore
from switchhook.grid.resources.subscription_life import HandshakeTools
from switchhook.grid.shared_values import SharedValues
from switchhook.grid.subscriptions import TimeProfile, WebHookDestination
from switchhook.grid.tail import Tails
from switchhook.http.management_guard import ManagementGuard
from switchhook.management_token import load_or_create_token
from switchhook.services import Services, open_services
from switchhook.settings import LogFullAction, Settings
from switchhook.stores.attempts import SqliteAttemptHistory
from switchhook.stores.sqlite import SqliteStore
from switchhook.tracing import Tracing, open_tracing
from switchhook.webhook.proxies import check_proxy_environment
from switchhook.webhook.transport import HttpTransport

log = logging.getLogger(__name__)

# Two runs of a test wait alike.
_DEFAULT_SEED = 1

# Begins a loop of the server.
Run = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Everything that outlives the process; `history` is None where none is wanted."""

    store: SqliteStore
    history: AttemptHistory | None
    dead_letters: DeadLetterStore


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may do what."""

    authority: Authority
    guard: ManagementGuard
    client_secret: str


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The router, with what it is told by and tells."""

    engine: Engine
    clock: Clock
    transport: HttpTransport
    metrics: Metrics
    tracing: Tracing
    background: Background
    tails: Tails


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A server, but for its routes."""

    settings: Settings
    addresses: Origins
    stores: Stores
    access: Access
    grid: Grid
    resources: Resources
    services: Services


async def open_stores(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    fail: Callable[[BaseException], None],
) -> Stores:
    """Open what is kept, as long as `stack` is open; `fail` is told when it cannot be kept."""
    store = await stack.enter_async_context(
        SqliteStore.open(settings.data, max_bytes=settings.max_log_bytes, on_failure=fail)
    )
    history = await _open_history(settings, stack)
    dead_letters = open_dead_letter_store(
        settings.dead_letter_folder or settings.data / "dead-letters",
        settings.storage_accounts,
    )
    stack.push_async_callback(dead_letters.close)
    return Stores(store=store, history=history, dead_letters=dead_letters)


async def _open_history(
    settings: Settings, stack: contextlib.AsyncExitStack
) -> AttemptHistory | None:
    limit = settings.attempt_history_bytes
    if not limit:
        return None
    return await stack.enter_async_context(
        SqliteAttemptHistory.open(settings.data, max_bytes=limit)
    )


def open_access(settings: Settings, addresses: Origins) -> Access:
    """The authority and the guard, with keys and secrets of the data folder and the settings."""
    token = load_or_create_token(settings.data)
    client_secret = application_secret(settings)
    authority = Authority(
        signing=open_signing(settings.data),
        origins=(addresses.https, addresses.http),
        applications=Applications({defaults.CLIENT_ID: client_secret}),
    )
    guard = ManagementGuard(
        token,
        _own_names(settings),
        verify=authority.verify,
        audiences=(*MANAGEMENT_AUDIENCES, addresses.https, addresses.http),
        authorization_uri=authority.issuer(),
    )
    return Access(authority=authority, guard=guard, client_secret=client_secret)


async def open_grid(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    stores: Stores,
    authority: Authority,
    shared: SharedValues | None = None,
) -> Grid:
    """The router, which knows what is stored; it delivers when its loops run."""
    warning = check_proxy_environment(os.environ)
    if warning:
        log.warning("proxy.not_used", extra={"reason": warning})
    clock = VirtualClock(datetime.now(UTC)) if settings.virtual_clock else SystemClock()
    transport = HttpTransport(allow_http=settings.allow_http_webhooks, ca_file=settings.webhook_ca)
    tracing = open_tracing(settings.otlp_endpoint, os.environ)
    stack.push_async_callback(tracing.close)
    metrics = Metrics()
    engine = Engine(
        store=stores.store,
        transport=transport,
        clock=clock,
        random=_jitter(settings),
        dead_lettering=DeadLettering(stores.dead_letters, clock),
        tokens=authority,
        observation=Observation(history=stores.history, metrics=metrics, tracing=tracing),
        limits=limits_of(settings),
    )
    await engine.start(shared)
    return Grid(
        engine=engine,
        clock=clock,
        transport=transport,
        metrics=metrics,
        tracing=tracing,
        background=Background(),
        tails=Tails(log=stores.store, router=engine.router),
    )


@contextlib.asynccontextmanager
async def loops(grid: Grid, grace: Grace) -> AsyncIterator[Run]:
    """What runs beside the routes; at the end running attempts may finish.

    A loop, begun by the yielded function, ends the server when it fails.
    """
    async with asyncio.TaskGroup() as group:
        running: list[asyncio.Task[None]] = []
        try:
            yield lambda loop: running.append(group.create_task(loop))
        finally:
            for each in running:
                each.cancel()
            await grid.background.close()
    await grid.engine.stop(grace.left())


async def open_management(
    settings: Settings,
    stores: Stores,
    grid: Grid,
    authority: Authority,
    addresses: Origins,
    shared: SharedValues | None = None,
) -> tuple[Resources, Services]:
    """Resources and the engines behind them, with all that is stored of them."""
    spawn = grid.background.spawn
    directory = CommunicationDirectory(lambda gone: spawn(services.forget(gone.topic)))
    services = open_services(
        settings,
        store=stores.store,
        commit=grid.engine.publisher.commit,
        clock=grid.clock,
        authority=authority,
        directory=directory,
    )
    resources = await open_resources(
        store=stores.store,
        routing=grid.engine.router,
        directory=directory,
        event_rules=EventRules(
            types=frozenset(each.name for each in catalogue.all_types()),
            profiles=frozenset(each.name for each in catalogue.profiles()),
        ),
        tools=HandshakeTools(
            transport=grid.transport,
            public_url=lambda: addresses.https,
            spawn=spawn,
            rest=grid.background.rest,
            deletion_notices=settings.deletion_notices,
            token=lambda webhook: _token(authority, webhook),
        ),
        clock=grid.clock,
        chance=Chance(new_id=lambda: str(uuid.uuid4()), random_bytes=secrets.token_bytes),
        allow_http_webhooks=settings.allow_http_webhooks,
        shared=shared,
    )
    return resources, services


def limits_of(settings: Settings) -> Limits:
    """The bounds of the router."""
    return Limits(
        max_age=int(settings.retention_hours * HOUR),
        max_bytes=settings.max_log_bytes,
        drops_unfinished=settings.log_full_action is LogFullAction.DROP_OLDEST_UNFINISHED,
        in_flight=settings.deliveries_in_flight,
        queue_length=settings.queue_length,
        checkpoint_interval=settings.checkpoint_interval,
        given_up=Keep(
            newest=settings.kept_dead_letters,
            size=settings.kept_dead_letter_bytes,
            age=int(settings.kept_dead_letter_hours * HOUR),
        ),
        profile=TimeProfile(settings.profile),
    )


def _jitter(settings: Settings) -> Callable[[], float]:
    seed = settings.jitter_seed
    if seed is None and settings.virtual_clock:
        seed = _DEFAULT_SEED
    return random.Random(seed).random  # noqa: S311 - nothing secret: it spreads retries


def _token(authority: Authority, webhook: WebHookDestination) -> str | None:
    if not webhook.application_id_or_uri:
        return None
    return authority.token_for(webhook.tenant_id, webhook.application_id_or_uri)


def _own_names(settings: Settings) -> list[str]:
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    return [name for name in (settings.host, public, *settings.tls_san) if name]
