"""What goes over one live connection, whatever carries it?

The client answers every push with a message and every heartbeat with another; its `ping` and its
`user.activity` must be acknowledged within seconds, or it connects anew.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import msgspec

from switchhook.http.realtime_api.packets import (
    CONNECT,
    HEARTBEAT,
    Kind,
    Packet,
    ack,
    event,
    event_name,
    message,
    parse_packet,
)

# How much may wait for a slow reader before it is cut off, in characters (assumed).
MAX_WAITING = 1 << 20
# What a packet takes beside its text.
_OVERHEAD = 64


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How a connection is kept alive, in seconds of real time (all of them assumed).

    `heartbeat`: how often the server sends one, and looks whether the token is still in force.
    `silence`: after how long without a packet either side gives up. `poll`: how long a poll without
    news waits. `idle`: how long a session waits for a connection.
    """

    heartbeat: float = 25.0
    silence: float = 60.0
    poll: float = 20.0
    idle: float = 60.0


class Channel:
    """One live connection: packets in, and packets that wait to go out."""

    def __init__(
        self,
        *,
        path: str,
        lifetime: int,
        is_listening: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._is_listening = is_listening
        self._monotonic = monotonic
        self._outgoing: deque[str] = deque()
        self._waiting = 0
        self._pushes = 0
        self._news = asyncio.Event()
        self._over = asyncio.Event()
        self._heard_at = monotonic()
        self.send(CONNECT)
        self.send(event("trouter.connected", {"ttl": lifetime, "dur": "0"}))

    @property
    def is_over(self) -> bool:
        """Whether the connection has ended or is about to."""
        return self._over.is_set()

    @property
    def silence(self) -> float:
        """Seconds since the client was last heard."""
        return self._monotonic() - self._heard_at

    def push(self, body: str) -> None:
        """Send a push: a request that the client is to answer."""
        if not self._is_listening():
            return
        self._pushes += 1
        request = {
            "id": self._pushes,
            "method": "POST",
            "url": self._path,
            "headers": {"Content-Type": "application/json; charset=utf-8"},
            "body": body,
        }
        self.send(message(msgspec.json.encode(request).decode()))

    def beat(self) -> None:
        """Send a heartbeat."""
        self.send(HEARTBEAT)

    def send(self, packet: str) -> None:
        """Let a packet wait for its turn; whoever reads too slowly is cut off."""
        if self.is_over:
            return
        self._outgoing.append(packet)
        self._waiting += len(packet) + _OVERHEAD
        self._news.set()
        if self._waiting > MAX_WAITING:
            self._outgoing.clear()
            self.end()

    def end(self) -> None:
        """End the connection; what waits is still sent if its carrier can."""
        self._over.set()
        self._news.set()

    async def over(self) -> None:
        """Return when the connection has ended."""
        await self._over.wait()

    async def take(self) -> list[str]:
        """Wait for packets and take all; nothing where the connection has ended."""
        await self._news.wait()
        self._news.clear()
        packets = list(self._outgoing)
        self._outgoing.clear()
        self._waiting = 0
        if self.is_over:
            self._news.set()
        return packets

    def heard(self) -> None:
        """The client is there."""
        self._heard_at = self._monotonic()

    def receive(self, text: str) -> None:
        """A packet has come; what is none ends the connection."""
        self.heard()
        packet = parse_packet(text)
        if packet is None or packet.kind == Kind.DISCONNECT:
            self.end()
        elif packet.id:
            self.send(_acknowledge(packet))


def _acknowledge(packet: Packet) -> str:
    is_ping = packet.kind == Kind.EVENT and event_name(packet) == "ping"
    return ack(packet, "pong") if is_ping else ack(packet)
