"""In which order does a server start, and when does it end?"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from switchhook import tls
from switchhook.app import build_app
from switchhook.assemble import (
    Parts,
    Stores,
    loops,
    open_access,
    open_grid,
    open_management,
    open_stores,
)
from switchhook.clock import VirtualClock
from switchhook.communication.resources import CommunicationResource
from switchhook.config_file import apply_tables, first_answers
from switchhook.config_tables import ConfigTables, read_tables
from switchhook.default_resources import (
    COMMUNICATION_ID,
    TOPIC_ID,
    ensure_defaults,
    refuse_public_keys,
    remove_resources,
)
from switchhook.endpoints import (
    CommunicationEndpoint,
    Endpoints,
    Origins,
    communication_endpoint,
    default_endpoints,
    origins,
)
from switchhook.errors import StoreError, SwitchhookError
from switchhook.grace import Grace
from switchhook.grid.resources.records import SubscriptionRecord
from switchhook.grid.shared_values import SharedValues
from switchhook.http import observability_api
from switchhook.http.arm_api.control import Control
from switchhook.http.listener import listening
from switchhook.quiescence import Quiescence
from switchhook.settings import Settings
from switchhook.sockets import bind, loopback_twin


async def serve(settings: Settings, ready: Callable[[Endpoints], None]) -> None:
    """Run a server until SIGINT or SIGTERM, or until its store fails; `ready` is called once, if it
    comes to that.

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
            async with _running(settings, fail, stop) as endpoints:
                if not stop.is_set():
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


@contextlib.asynccontextmanager
async def _running(
    settings: Settings, fail: Callable[[BaseException], None], stop: asyncio.Event
) -> AsyncIterator[Endpoints]:
    tables = read_tables(settings.resources)
    certificates = tls.prepare(settings, os.environ, datetime.now(UTC))
    context = tls.server_context(certificates)
    grace = Grace(settings.shutdown_grace)
    async with contextlib.AsyncExitStack() as stack:
        listeners = _bind(settings, stack)
        addresses = origins(settings, *listeners.origins)
        stores = await open_stores(settings, stack, fail)
        parts = await _open(settings, addresses, stores, stack, grace)
        await ensure_defaults(settings, parts.resources)
        refuse_public_keys(settings, parts.resources)
        readiness = observability_api.Readiness(stores.store.trouble)
        app = build_app(parts, readiness, _control(parts, tables))
        await stack.enter_async_context(listening(app, listeners.http, None, grace))
        await stack.enter_async_context(listening(app, listeners.https, context, grace))
        _end_before_the_doors_close(parts, stack)
        await _begin(parts, tables, stop)
        readiness.pause = None
        try:
            yield _endpoints(parts, certificates)
        finally:
            readiness.pause = observability_api.STOPPING


async def _open(
    settings: Settings,
    addresses: Origins,
    stores: Stores,
    stack: contextlib.AsyncExitStack,
    grace: Grace,
) -> Parts:
    """What is behind the doors, with all that is stored of it; deliveries go on from here."""
    access = open_access(settings, addresses)
    shared = SharedValues()
    grid = await open_grid(settings, stack, stores, access.authority, shared)
    run = await stack.enter_async_context(loops(grid, grace))
    resources, services = await open_management(
        settings, stores, grid, access.authority, addresses, shared
    )
    shared.forget()
    for work in services.later_work:
        stack.push_async_callback(work.close)
    # Only now are the delivery settings known: nothing is sent to who is paused.
    run(grid.engine.run())
    return Parts(
        settings=settings,
        addresses=addresses,
        stores=stores,
        access=access,
        grid=grid,
        resources=resources,
        services=services,
    )


def _end_before_the_doors_close(parts: Parts, stack: contextlib.AsyncExitStack) -> None:
    """Closing doors wait for answers and connections, and some of them never end by themselves."""
    stack.callback(parts.grid.tails.close)
    stack.push_async_callback(parts.services.sessions.close)
    stack.callback(parts.resources.life.stop)


async def _begin(parts: Parts, tables: ConfigTables, stop: asyncio.Event) -> None:
    """The server listens: take up what an earlier run left, and do what the file asks for. A stop
    waits for no webhook."""
    parts.resources.life.start()
    for work in parts.services.later_work:
        await work.resume()
    parts.grid.background.spawn(parts.services.forget_orphans())
    asked = await _apply(parts, tables)
    await _unless_stopped(first_answers(asked, parts.resources.subscriptions), stop)


async def _unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Return when it is done, or when a stop is asked for."""
    done, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((done, stopping), return_when=asyncio.FIRST_COMPLETED)
        if done.done():
            await done
    finally:
        done.cancel()
        stopping.cancel()


async def _apply(parts: Parts, tables: ConfigTables) -> list[SubscriptionRecord]:
    return await apply_tables(
        tables,
        resources=parts.resources,
        clock=parts.grid.clock,
        spawn=parts.grid.background.spawn,
        rest=parts.grid.background.rest,
    )


def _control(parts: Parts, tables: ConfigTables) -> Control:
    """What tests may do with the server."""
    grid = parts.grid
    # The router comes last: whether it has something to do it must look up in its store.
    quiescence = Quiescence(
        (grid.background, *parts.services.later_work, grid.transport, grid.engine)
    )
    if isinstance(grid.clock, VirtualClock):
        grid.clock.wait_for(quiescence.reached)
    return Control(
        clock=grid.clock,
        idle=quiescence.reached,
        requests_sent=lambda: grid.transport.sent,
        replays=grid.engine.replays.reading,
        reset=lambda everything: _reset(parts, tables, everything=everything),
    )


async def _reset(parts: Parts, tables: ConfigTables, *, everything: bool) -> None:
    """Forget what has happened, and, when asked to, all that was not there at the first start."""
    resources, services = parts.resources, parts.services
    forget = services.forget if everything else services.forget_what_happened
    for record in list(resources.communication.all()):
        await forget(record.resource.topic)
    if everything:
        await remove_resources(resources)
    await parts.grid.engine.forget()
    if everything:
        await ensure_defaults(parts.settings, resources)
        await first_answers(await _apply(parts, tables), resources.subscriptions)


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


def _endpoints(parts: Parts, certificates: tls.Certificates) -> Endpoints:
    resources = parts.resources
    mine = resources.communication.get(COMMUNICATION_ID).resource
    every = [record.resource for record in resources.communication.all()]
    origin = parts.addresses.https
    return default_endpoints(
        parts.addresses,
        data=parts.settings.data,
        ca=certificates.ca,
        bundle=certificates.bundle,
        communication_key=mine.keys[0],
        topic_key=resources.topics.keys(TOPIC_ID)[0],
        client_secret=parts.access.client_secret,
        numbers=_numbers(mine),
        others=tuple(
            _endpoint(origin, each) for each in every if each.resource_id != mine.resource_id
        ),
    )


def _endpoint(origin: str, resource: CommunicationResource) -> CommunicationEndpoint:
    return communication_endpoint(
        origin, resource.name, resource.resource_id, resource.keys[0], _numbers(resource)
    )


def _numbers(resource: CommunicationResource) -> tuple[str, ...]:
    return tuple(number.value for number in resource.numbers)
