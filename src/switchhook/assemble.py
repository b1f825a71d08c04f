"""The one place that picks adapters and wires the application."""

import asyncio
import contextlib
import logging
import os
import random
import secrets
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.types import ASGIApp

from switchhook import defaults, tls
from switchhook.authority import Applications, Authority, application_secret, open_signing
from switchhook.authority.claims import MANAGEMENT_AUDIENCES
from switchhook.background import Background
from switchhook.clock import HOUR, Clock, SystemClock, VirtualClock
from switchhook.communication import catalogue
from switchhook.communication.arm_resources import EventRules
from switchhook.communication.carriers.simulator import Simulator
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.emit import EmitRequest, Emitter
from switchhook.communication.management import Chance, Resources, open_resources
from switchhook.communication.resources import CommunicationResource
from switchhook.communication.sms.engine import SmsEngine
from switchhook.communication.sms.inbound import parse_receive
from switchhook.config_file import apply_tables
from switchhook.config_tables import ConfigTables, read_tables
from switchhook.dead_letter_stores.accounts import open_dead_letter_store
from switchhook.default_resources import (
    COMMUNICATION_ID,
    TOPIC_ID,
    ensure_defaults,
    refuse_public_keys,
    remove_resources,
)
from switchhook.endpoints import Endpoints, Origins, default_endpoints, origins
from switchhook.errors import RequestError, StoreError, SwitchhookError
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine, Limits
from switchhook.grid.explain import Explainer
from switchhook.grid.given_up import Keep
from switchhook.grid.metrics import Metrics
from switchhook.grid.observation import Observation
from switchhook.grid.ports import AttemptHistory, DeadLetterStore
from switchhook.grid.readings import read_now
from switchhook.grid.resources.subscription_life import HandshakeTools
from switchhook.grid.subscriptions import TimeProfile, WebHookDestination
from switchhook.grid.tail import Tails
from switchhook.http import authority_api, observability_api, validation_api
from switchhook.http.arm_api import routes as arm_api
from switchhook.http.arm_api.deliveries import DeliveryTools
from switchhook.http.arm_api.events import EventRoutes
from switchhook.http.arm_api.test_control import Control
from switchhook.http.communication_api import sms_api
from switchhook.http.errors import exception_handlers
from switchhook.http.listener import Door, listening
from switchhook.http.management_guard import ManagementGuard
from switchhook.http.publish_api import PublishApi
from switchhook.management_token import load_or_create_token
from switchhook.quiescence import Quiescence
from switchhook.settings import LogFullAction, Settings, is_exposed
from switchhook.sockets import bind, loopback_twin
from switchhook.stores.attempts import SqliteAttemptHistory
from switchhook.stores.sqlite import SqliteStore
from switchhook.tracing import Tracing, open_tracing
from switchhook.webhook.counted import CountedTransport
from switchhook.webhook.proxies import check_proxy_environment
from switchhook.webhook.transport import HttpTransport

log = logging.getLogger(__name__)

# Two runs of a test wait alike.
_DEFAULT_SEED = 1

# Begins a loop of the server.
Run = Callable[[Coroutine[Any, Any, None]], None]


async def serve(settings: Settings, ready: Callable[[Endpoints], None]) -> None:
    """Run a server until SIGINT or SIGTERM, or until its store fails; `ready` is called once.

    Raises:
        StartError: it cannot start as it was asked to.
        StoreError: the store failed; what was acknowledged is there at the next start.
    """
    stop = asyncio.Event()
    failures: list[BaseException] = []

    def fail(error: BaseException) -> None:
        failures.append(error)
        stop.set()

    try:
        with _stop_signals(stop):
            async with _running(settings, fail) as endpoints:
                ready(endpoints)
                await stop.wait()
    except BaseExceptionGroup as group:
        own, others = group.split(SwitchhookError)
        if own is None or others is not None:
            raise
        raise _first(own) from None  # one clear line, not a group of one
    if failures:
        raise StoreError(f"the store in {settings.data} failed: {failures[0]}") from failures[0]


def _first(group: BaseExceptionGroup[SwitchhookError]) -> SwitchhookError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


@contextlib.contextmanager
def _stop_signals(stop: asyncio.Event) -> Any:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def ask() -> None:
        for number in numbers:  # a second signal ends the process at once
            loop.remove_signal_handler(number)
        stop.set()

    for number in numbers:
        loop.add_signal_handler(number, ask)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@dataclass(frozen=True, kw_only=True)
class _Listeners:
    """The bound sockets of both doors; loopback has two addresses."""

    http: list[socket.socket]
    https: list[socket.socket]

    @property
    def origins(self) -> tuple[int, int]:
        return self.http[0].getsockname()[1], self.https[0].getsockname()[1]


@dataclass(frozen=True, kw_only=True)
class _Stores:
    """Everything that outlives the process; `history` is None where none is wanted."""

    store: SqliteStore
    history: AttemptHistory | None
    dead_letters: DeadLetterStore


@dataclass(frozen=True, kw_only=True)
class _Access:
    """Who may do what."""

    authority: Authority
    guard: ManagementGuard
    client_secret: str


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """The router, with what it is told by and tells."""

    engine: Engine
    clock: Clock
    transport: CountedTransport
    metrics: Metrics
    tracing: Tracing
    background: Background
    tails: Tails


@dataclass(frozen=True, kw_only=True)
class _Services:
    """What the routes are the edge of."""

    resources: Resources
    sms: SmsEngine
    directory: CommunicationDirectory


@contextlib.asynccontextmanager
async def _running(
    settings: Settings, fail: Callable[[BaseException], None]
) -> AsyncIterator[Endpoints]:
    tables = read_tables(settings.resources)
    warning = check_proxy_environment(os.environ)
    if warning:
        log.warning("proxy.not_used", extra={"reason": warning})
    certificates = tls.prepare(settings, os.environ, datetime.now(UTC))
    context = tls.server_context(certificates)
    async with contextlib.AsyncExitStack() as stack:
        listeners = _bind(settings, stack)
        addresses = origins(settings, *listeners.origins)
        stores = await _open_stores(settings, stack, fail)
        access = _open_access(settings, addresses)
        grid = await _open_grid(settings, stack, stores, access.authority)
        run = await stack.enter_async_context(_background(grid, settings.shutdown_grace))
        services = await _open_services(settings, stores, grid, access.authority, addresses)
        stack.push_async_callback(services.sms.close)
        # Only now are the delivery settings known: nothing is sent to who is paused.
        run(grid.engine.run())
        await ensure_defaults(settings, services.resources)
        refuse_public_keys(settings, services.resources)
        readiness = observability_api.Readiness(stores.store.trouble)
        control = _control(settings, tables, grid, services)
        app = _app(settings, stores, access, grid, services, addresses, readiness, control)
        grace = settings.shutdown_grace
        await stack.enter_async_context(listening(app, listeners.http, None, grace))
        await stack.enter_async_context(listening(app, listeners.https, context, grace))
        stack.callback(grid.tails.close)  # before the doors close: they wait for answers to end
        stack.callback(services.resources.life.stop)
        await _begin(tables, grid, services)
        readiness.pause = None
        try:
            data, client_secret = settings.data, access.client_secret
            yield _endpoints(addresses, data, certificates, services.resources, client_secret)
        finally:
            readiness.pause = observability_api.STOPPING


# --- opening -------------------------------------------------------------------------------------


async def _open_stores(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    fail: Callable[[BaseException], None],
) -> _Stores:
    store = await stack.enter_async_context(
        SqliteStore.open(settings.data, max_bytes=settings.max_log_bytes, on_failure=fail)
    )
    history = await _open_history(settings, stack)
    dead_letters = open_dead_letter_store(
        settings.dead_letter_folder or settings.data / "dead-letters",
        settings.storage_accounts,
    )
    stack.push_async_callback(dead_letters.close)
    return _Stores(store=store, history=history, dead_letters=dead_letters)


async def _open_history(
    settings: Settings, stack: contextlib.AsyncExitStack
) -> AttemptHistory | None:
    limit = settings.attempt_history_bytes
    if not limit:
        return None
    return await stack.enter_async_context(
        SqliteAttemptHistory.open(settings.data, max_bytes=limit)
    )


def _open_access(settings: Settings, addresses: Origins) -> _Access:
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
    return _Access(authority=authority, guard=guard, client_secret=client_secret)


async def _open_grid(
    settings: Settings, stack: contextlib.AsyncExitStack, stores: _Stores, authority: Authority
) -> _Grid:
    clock = VirtualClock(datetime.now(UTC)) if settings.virtual_clock else SystemClock()
    transport = CountedTransport(
        HttpTransport(allow_http=settings.allow_http_webhooks, ca_file=settings.webhook_ca)
    )
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
        limits=_limits(settings),
    )
    await engine.start()
    return _Grid(
        engine=engine,
        clock=clock,
        transport=transport,
        metrics=metrics,
        tracing=tracing,
        background=Background(),
        tails=Tails(log=stores.store, router=engine.router),
    )


@contextlib.asynccontextmanager
async def _background(grid: _Grid, grace_seconds: float) -> AsyncIterator[Run]:
    """What runs beside the routes; at the end running attempts may finish.

    A loop, begun by the yielded function, ends the server when it fails.
    """
    async with asyncio.TaskGroup() as group:
        loops: list[asyncio.Task[None]] = []
        try:
            yield lambda loop: loops.append(group.create_task(loop))
        finally:
            for each in loops:
                each.cancel()
            await grid.background.close()
    await grid.engine.stop(grace_seconds)


async def _open_services(
    settings: Settings, stores: _Stores, grid: _Grid, authority: Authority, addresses: Origins
) -> _Services:
    spawn = grid.background.spawn
    directory = CommunicationDirectory(lambda gone: spawn(sms.forget(gone.topic)))
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
    )
    sms = SmsEngine(
        store=stores.store,
        commit=grid.engine.publisher.commit,
        clock=grid.clock,
        carrier=Simulator(),
        new_guid=uuid.uuid4,
        directory=directory,
    )
    return _Services(resources=resources, sms=sms, directory=directory)


def _app(
    settings: Settings,
    stores: _Stores,
    access: _Access,
    grid: _Grid,
    services: _Services,
    addresses: Origins,
    readiness: observability_api.Readiness,
    control: Control,
) -> ASGIApp:
    """Both ways into the server: publishing, and all the rest."""
    publishing = PublishApi(
        publisher=grid.engine.publisher,
        topics=grid.engine.router.topics,
        verify_token=access.authority.verify,
        tracing=grid.tracing,
    )
    routes = [
        *arm_api.routes(
            resources=services.resources,
            guard=access.guard,
            public_url=lambda: addresses.https,
            actions=_actions(services.sms, grid),
            deliveries=DeliveryTools(
                replays=grid.engine.replays,
                faults=grid.engine.deliverer.faults,
                records=stores.store,
                clock=grid.clock,
            ),
            events=_event_routes(settings, stores, grid, services.resources),
            control=control,
        ),
        *authority_api.routes(access.authority, access.guard),
        *validation_api.routes(services.resources.subscriptions),
        *observability_api.routes(
            scrapes=_scrapes(stores, grid),
            readiness=readiness,
            guard=access.guard,
            needs_token=is_exposed(settings) and not settings.open_metrics,
        ),
        *sms_api.routes(
            sms=services.sms, directory=services.directory, host_aliases=_authorities(addresses)
        ),
    ]
    return Door(publishing, Starlette(routes=routes, exception_handlers=exception_handlers()))


def _event_routes(
    settings: Settings, stores: _Stores, grid: _Grid, resources: Resources
) -> EventRoutes:
    engine = grid.engine
    explainer = Explainer(
        store=stores.store,
        router=engine.router,
        checkpoint=engine.checkpoint,
        history=stores.history,
        clock=grid.clock,
        keep=_limits(settings).given_up,
    )
    return EventRoutes(
        explainer=explainer,
        tails=grid.tails,
        directory=engine.router.topics,
        sources=resources.sources,
        topics=resources.topics,
        subscriptions=resources.subscriptions,
        clock=grid.clock,
    )


def _scrapes(stores: _Stores, grid: _Grid) -> observability_api.Scrapes:
    router, clock = grid.engine.router, grid.clock
    return observability_api.Scrapes(
        metrics=grid.metrics,
        read=lambda: read_now(store=stores.store, router=router, clock=clock),
        started_at=clock.now(),
    )


async def _reset(
    settings: Settings,
    tables: ConfigTables,
    grid: _Grid,
    services: _Services,
    *,
    everything: bool,
) -> None:
    """Forget what has happened, and, when asked to, all that was not there at the first start."""
    resources = services.resources
    for record in list(resources.communication.all()):
        await services.sms.forget(record.resource.topic)
    if everything:
        await remove_resources(resources)
    await grid.engine.forget()
    if everything:
        await ensure_defaults(settings, resources)
        await _apply(tables, grid, services)


async def _begin(tables: ConfigTables, grid: _Grid, services: _Services) -> None:
    """The server listens: take up what an earlier run left, and do what the file asks for."""
    services.resources.life.start()
    await services.sms.resume()
    await _apply(tables, grid, services)


async def _apply(tables: ConfigTables, grid: _Grid, services: _Services) -> None:
    await apply_tables(
        tables,
        resources=services.resources,
        clock=grid.clock,
        spawn=grid.background.spawn,
        rest=grid.background.rest,
    )


# --- parts ---------------------------------------------------------------------------------------


def _bind(settings: Settings, stack: contextlib.AsyncExitStack) -> _Listeners:
    def both(port: int, flag: str) -> list[socket.socket]:
        bound = [bind(settings.host, port, flag)]
        twin = loopback_twin(bound[0])
        bound += [twin] if twin is not None else []
        for each in bound:
            stack.callback(each.close)
        return bound

    return _Listeners(
        http=both(settings.http_port, "--http-port"),
        https=both(settings.https_port, "--https-port"),
    )


def _token(authority: Authority, webhook: WebHookDestination) -> str | None:
    if not webhook.application_id_or_uri:
        return None
    return authority.token_for(webhook.tenant_id, webhook.application_id_or_uri)


def _limits(settings: Settings) -> Limits:
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


def _control(settings: Settings, tables: ConfigTables, grid: _Grid, services: _Services) -> Control:
    """What tests may do with the server."""
    # The router comes last: whether it has something to do it must look up in its store.
    quiescence = Quiescence((grid.background, services.sms, grid.transport, grid.engine))
    if isinstance(grid.clock, VirtualClock):
        grid.clock.wait_for(quiescence.reached)
    return Control(
        clock=grid.clock,
        idle=quiescence.reached,
        requests_sent=lambda: grid.transport.sent,
        reset=lambda everything: _reset(settings, tables, grid, services, everything=everything),
    )


def _actions(sms: SmsEngine, grid: _Grid) -> dict[str, Any]:
    """The management actions that act as something outside: a phone, any source of events."""
    emitter = Emitter(commit=grid.engine.publisher.commit, clock=grid.clock, new_guid=uuid.uuid4)

    async def receive_sms(resource: CommunicationResource, body: dict[str, Any]) -> Any:
        asked = parse_receive(msgspec.json.encode(body))
        return {"messageId": await sms.receive(resource, asked.from_, asked.to, asked.message)}

    async def emit_event(resource: CommunicationResource, body: dict[str, Any]) -> Any:
        try:
            request = msgspec.convert(body, EmitRequest)
        except msgspec.ValidationError as error:
            raise RequestError(400, "InvalidRequest", str(error)) from error
        return await emitter.emit(resource, request)

    return {"receivesms": receive_sms, "emitevent": emit_event}


# --- names ---------------------------------------------------------------------------------------


def _own_names(settings: Settings) -> list[str]:
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    return [name for name in (settings.host, public, *settings.tls_san) if name]


def _authorities(addresses: Origins) -> list[str]:
    return [urlsplit(origin).netloc for origin in addresses]


def _endpoints(
    addresses: Origins,
    data: Path,
    certificates: tls.Certificates,
    resources: Resources,
    client_secret: str,
) -> Endpoints:
    resource = resources.communication.get(COMMUNICATION_ID).resource
    return default_endpoints(
        addresses,
        data=data,
        ca=certificates.ca,
        bundle=certificates.bundle,
        communication_key=resource.keys[0],
        topic_key=resources.topics.keys(TOPIC_ID)[0],
        client_secret=client_secret,
        numbers=tuple(number.value for number in resource.numbers),
    )
