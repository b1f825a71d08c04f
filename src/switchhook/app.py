"""Which routes does a server have, and what is behind each?"""

import uuid
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from switchhook.assemble import Grid, Parts, limits_of
from switchhook.communication.emit import EmitRequest, Emitter
from switchhook.communication.resources import CommunicationResource
from switchhook.communication.sms.engine import SmsEngine
from switchhook.communication.sms.inbound import parse_receive
from switchhook.endpoints import Origins
from switchhook.errors import RequestError
from switchhook.grid.explain import Explainer
from switchhook.grid.readings import read_now
from switchhook.http import authority_api, observability_api, validation_api
from switchhook.http.arm_api import routes as arm_api
from switchhook.http.arm_api.control import Control
from switchhook.http.arm_api.deliveries import DeliveryTools
from switchhook.http.arm_api.events import EventRoutes
from switchhook.http.communication_api import chat_api, identity_api, sms_api
from switchhook.http.communication_api.bearer_authentication import BearerAuthenticator
from switchhook.http.cors import DATA_PLANE, Cors
from switchhook.http.direct_routes import DirectRoutes
from switchhook.http.errors import exception_handlers
from switchhook.http.listener import Door
from switchhook.http.publish_api import PublishApi
from switchhook.http.realtime_api import routes as realtime_api
from switchhook.settings import is_exposed


def build_app(parts: Parts, readiness: observability_api.Readiness, control: Control) -> ASGIApp:
    """Both ways into the server: publishing, and all the rest."""
    access, grid = parts.access, parts.grid
    publishing = PublishApi(
        publisher=grid.engine.publisher,
        topics=grid.engine.router.topics,
        verify_token=access.authority.verify,
        tracing=grid.tracing,
    )
    data_plane = _data_plane(parts)
    routes = [
        *_management(parts, control),
        *authority_api.routes(access.authority, access.guard),
        *validation_api.routes(parts.resources.subscriptions),
        *observability_api.routes(
            scrapes=_scrapes(parts),
            readiness=readiness,
            guard=access.guard,
            needs_token=is_exposed(parts.settings) and not parts.settings.open_metrics,
        ),
        *data_plane,
        *_realtime(parts),
    ]
    others = Starlette(routes=routes, exception_handlers=exception_handlers())
    # Azure does not either, and whoever asks has not been asked for a credential then.
    others.router.redirect_slashes = False
    direct = DirectRoutes(data_plane, others)
    cors = Cors(direct, (*DATA_PLANE, *realtime_api.BROWSER_PREFIXES))
    return Door(publishing, cors, direct=direct, own_lines=cors.lines)


def _management(parts: Parts, control: Control) -> list[BaseRoute]:
    """What manages the server: Azure Resource Manager's routes, and those of our own."""
    grid = parts.grid
    return arm_api.routes(
        resources=parts.resources,
        guard=parts.access.guard,
        public_url=lambda: parts.addresses.https,
        actions=_actions(parts.services.sms, grid),
        deliveries=DeliveryTools(
            replays=grid.engine.replays,
            faults=grid.engine.deliverer.faults,
            records=parts.stores.store,
            clock=grid.clock,
        ),
        events=_event_routes(parts),
        control=control,
        users=parts.services.identity,
    )


def _data_plane(parts: Parts) -> list[Route]:
    """What the SDKs of Communication Services call."""
    services = parts.services
    chat_users = BearerAuthenticator(services.identity, max_body_size=chat_api.MAX_BODY_SIZE)
    return [
        *sms_api.routes(
            sms=services.sms,
            directory=services.directory,
            host_aliases=_authorities(parts.addresses),
        ),
        *identity_api.routes(
            identity=services.identity,
            directory=services.directory,
            host_aliases=_authorities(parts.addresses),
        ),
        *chat_api.routes(chat=services.chat, authenticator=chat_users),
    ]


def _realtime(parts: Parts) -> list[BaseRoute]:
    """What they call to hear of events as they happen."""
    services = parts.services
    return realtime_api.routes(
        sessions=services.sessions,
        caller_of=services.identity.caller_of,
        public_url=lambda: parts.settings.public_url or "",
    )


def _event_routes(parts: Parts) -> EventRoutes:
    grid, resources = parts.grid, parts.resources
    engine = grid.engine
    explainer = Explainer(
        store=parts.stores.store,
        router=engine.router,
        checkpoint=engine.checkpoint,
        history=parts.stores.history,
        clock=grid.clock,
        keep=limits_of(parts.settings).given_up,
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


def _scrapes(parts: Parts) -> observability_api.Scrapes:
    grid, store = parts.grid, parts.stores.store
    router, clock = grid.engine.router, grid.clock
    return observability_api.Scrapes(
        metrics=grid.metrics,
        read=lambda: read_now(store=store, router=router, clock=clock),
        communication=parts.services.readings,
        started_at=clock.now(),
    )


def _actions(sms: SmsEngine, grid: Grid) -> dict[str, Any]:
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


def _authorities(addresses: Origins) -> list[str]:
    return [urlsplit(origin).netloc for origin in addresses]
