"""What carries a connection: a WebSocket, or one poll after the other where none gets through."""

import asyncio
import contextlib
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from switchhook.errors import RequestError
from switchhook.http.communication_api.authentication import read_body
from switchhook.http.realtime_api.channel import Channel
from switchhook.http.realtime_api.packets import DISCONNECT, NOOP, join, split
from switchhook.http.realtime_api.requests import MAX_BODY_SIZE
from switchhook.http.realtime_api.sessions import Session, Sessions

# Seconds in which the last words must be out.
CLOSE_WITHIN = 1.0
NORMAL_CLOSURE = 1000


async def carry_websocket(websocket: WebSocket, session: Session, sessions: Sessions) -> None:
    """Carry a session's connection over a WebSocket until either side ends it."""
    await websocket.accept()
    channel = sessions.connect(session)
    try:
        await _first_of(_read(websocket, channel), _write(websocket, channel), channel.over())
    finally:
        channel.end()
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        await asyncio.wait_for(_say_goodbye(websocket, channel), CLOSE_WITHIN)


async def _first_of(*jobs: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
            raise outcome


async def _read(websocket: WebSocket, channel: Channel) -> None:
    while not channel.is_over:
        received = await websocket.receive()
        if received["type"] != "websocket.receive":
            return
        channel.receive(received.get("text") or "")


async def _write(websocket: WebSocket, channel: Channel) -> None:
    while not channel.is_over:
        for packet in await channel.take():
            await websocket.send_text(packet)


async def _say_goodbye(websocket: WebSocket, channel: Channel) -> None:
    if websocket.client_state != WebSocketState.CONNECTED:
        return
    for packet in [*await channel.take(), DISCONNECT]:
        await websocket.send_text(packet)
    await websocket.close(NORMAL_CLOSURE)


async def carry_poll(request: Request, session: Session, sessions: Sessions) -> Response:
    """Answer a poll: with what waits, or with nothing after a while.

    A client that goes away while it waits has ended the connection.
    """
    channel = session.channel or sessions.connect(session)
    channel.heard()
    take = asyncio.create_task(channel.take())
    gone_away = asyncio.create_task(_gone_away(request))
    try:
        await asyncio.wait(
            [take, gone_away],
            timeout=sessions.timing.poll,
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        take.cancel()
        gone_away.cancel()
    if gone_away.done():
        channel.end()
    packets = take.result() if take.done() else [NOOP]
    return _text(join([*packets, DISCONNECT] if channel.is_over else packets))


async def _gone_away(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def carry_post(request: Request, session: Session) -> Response:
    """Take packets from a client that polls.

    Raises:
        RequestError: 404, it has no connection; 413, it sends too much.
    """
    channel = session.channel
    body = await read_body(request, MAX_BODY_SIZE)
    if channel is None or channel.is_over:
        raise gone()
    for packet in split(body.decode("utf-8", "replace")):
        channel.receive(packet)
    return _text("1")


def gone() -> RequestError:
    """There is no such connection, or no more."""
    return RequestError(404, "NotFound", "There is no such real-time connection.")


def _text(body: str) -> Response:
    headers = {"cache-control": "no-store"}
    return PlainTextResponse(body, HTTPStatus.OK, headers)
