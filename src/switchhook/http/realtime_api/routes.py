"""The routes of real time.

The client chooses some paths itself: it speaks socket.io at the root of the host that it was told,
and asks for the next session at `/v4/a` of that host (TrouterConnection.ts in the package's source
map: `reconnectUrl`; socket.io.js: `resource`).
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from switchhook.communication.identity.tokens import unauthorized
from switchhook.http.communication_api.authentication import read_body
from switchhook.http.errors import json_response
from switchhook.http.realtime_api.carriers import carry_poll, carry_post, carry_websocket, gone
from switchhook.http.realtime_api.requests import (
    MAX_BODY_SIZE,
    authenticate,
    id_in_query,
    origin_of,
    parse_registration,
)
from switchhook.http.realtime_api.sessions import LIFETIME, CallerOf, Session, Sessions, user_of

# The paths of this module that pages of other origins call.
BROWSER_PREFIXES = ("/chat", "/realtime", "/v4/a", "/socket.io")

_TRANSPORTS = "websocket,xhr-polling"

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(
    *, sessions: Sessions, caller_of: CallerOf, public_url: Callable[[], str] = str
) -> list[BaseRoute]:
    """Configuration, sessions, registrations and socket.io.

    `caller_of` answers whose token it is. `public_url` is where clients reach the server if that is
    not what they address, as behind a proxy; "" means that it is.
    """
    api = _Routes(sessions, caller_of, public_url)
    registrations = "/realtime/registrar/v3/registrations"
    sockets = "/socket.io/1"
    return [
        _route("/chat/config/realTimeNotifications", "GET", api.configuration),
        _route("/realtime/trouter/v4/a", "POST", api.session),
        _route("/v4/a", "POST", api.session),
        _route(registrations, "POST", api.register),
        _route(registrations + "/{registration}", "DELETE", api.unregister),
        _route(f"{sockets}/", "GET", api.handshake),
        WebSocketRoute(sockets + "/websocket/{socket_id}", api.websocket),
        _route(sockets + "/xhr-polling/{socket_id}", "GET", api.poll),
        _route(sockets + "/xhr-polling/{socket_id}", "POST", api.post),
    ]


def _route(path: str, method: str, endpoint: Endpoint) -> Route:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it

    return Route(path, answer, methods=[method])


class _Routes:
    def __init__(
        self, sessions: Sessions, caller_of: CallerOf, public_url: Callable[[], str]
    ) -> None:
        self._sessions = sessions
        self._caller_of = caller_of
        self._public_url = public_url

    def _origin(self, request: Request) -> str:
        return self._public_url().rstrip("/") or origin_of(request)

    async def configuration(self, request: Request) -> Response:
        await authenticate(request, self._caller_of)
        realtime = f"{self._origin(request)}/realtime"
        return json_response(
            {
                "trouterServiceUrl": f"{realtime}/trouter",
                "registrarServiceUrl": f"{realtime}/registrar",
                "cloudType": "Public",
            }
        )

    async def session(self, request: Request) -> Response:
        caller, token = await authenticate(request, self._caller_of)
        endpoint = id_in_query(request, "epid")
        proof = request.query_params.get("sr", "")
        session = self._sessions.open(caller, token, endpoint, proof)
        origin = self._origin(request)
        return json_response(
            {
                "id": session.id,
                "ccid": session.id,
                "url": origin + session.path,
                "surl": origin + session.path,
                "curlb": origin,
                "socketio": f"{origin}/",
                "connectparams": {"sr": f"{session.id}.{session.secret}"},
                "ttl": str(LIFETIME),
            }
        )

    async def register(self, request: Request) -> Response:
        caller, _ = await authenticate(request, self._caller_of)
        registration = parse_registration(await read_body(request, MAX_BODY_SIZE))
        session = self._sessions.at(registration.path)
        if session is None or session.user != user_of(caller):
            raise gone()
        self._sessions.register(session, registration.id, registration.ttl)
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def unregister(self, request: Request) -> Response:
        caller, _ = await authenticate(request, self._caller_of)
        registration = request.path_params["registration"]
        for session in self._sessions.of(caller):
            if session.registration == registration:
                self._sessions.unregister(session)
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def handshake(self, request: Request) -> Response:
        caller, token = await authenticate(request, self._caller_of)
        session = self._sessions.find(request.query_params.get("sr", ""))
        if session is None or session.user != user_of(caller):
            raise gone()
        session.token = token
        silence = round(self._sessions.timing.silence)
        socket_id = self._sessions.allow_socket(session)
        text = f"{socket_id}:{silence}:{silence}:{_TRANSPORTS}"
        return PlainTextResponse(text, HTTPStatus.OK, {"cache-control": "no-store"})

    async def websocket(self, websocket: WebSocket) -> None:
        session = self._sessions.for_socket(websocket.path_params["socket_id"])
        if session is None:
            await websocket.close()  # before it is accepted: 403
            return
        await carry_websocket(websocket, session, self._sessions)

    async def poll(self, request: Request) -> Response:
        return await carry_poll(request, self._polling(request), self._sessions)

    async def post(self, request: Request) -> Response:
        return await carry_post(request, self._polling(request))

    def _polling(self, request: Request) -> Session:
        session = self._sessions.for_socket(request.path_params["socket_id"])
        if session is None:
            raise unauthorized()  # the id is the credential
        return session
