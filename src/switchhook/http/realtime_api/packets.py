"""What is a packet of socket.io's protocol 1, as its clients of version 0.9 speak it?

`{type}:{id}{+}:{endpoint}[:{data}]`; several packets in one poll are framed each by its length.
"""

import re
from enum import IntEnum
from typing import Any

import msgspec

_PACKET = re.compile(r"([0-8]):([0-9]{1,9})?(\+)?:([^:]{1,200})?:?(.*)", re.DOTALL | re.ASCII)
_FRAME = "\ufffd"
_HEAD = re.compile(f"{_FRAME}([0-9]{{1,7}}){_FRAME}", re.ASCII)
_LONGEST_HEAD = 9
# Lengths count as JavaScript does.
_UNITS = "utf-16-le"


class Kind(IntEnum):
    """What a packet is for."""

    DISCONNECT = 0
    CONNECT = 1
    HEARTBEAT = 2
    MESSAGE = 3
    JSON = 4
    EVENT = 5
    ACK = 6
    ERROR = 7
    NOOP = 8


class Packet(msgspec.Struct, frozen=True):
    """A packet from a client. `wants_data`: its id is to be acknowledged with arguments."""

    kind: Kind
    id: str = ""
    wants_data: bool = False
    data: str = ""


class _Event(msgspec.Struct):
    name: str


HEARTBEAT = f"{Kind.HEARTBEAT.value}::"
CONNECT = f"{Kind.CONNECT.value}::"
DISCONNECT = f"{Kind.DISCONNECT.value}::"
NOOP = f"{Kind.NOOP.value}::"


def parse_packet(text: str) -> Packet | None:
    """A packet, or None where the text is none."""
    found = _PACKET.fullmatch(text)
    if not found:
        return None
    return Packet(Kind(int(found[1])), found[2] or "", bool(found[3]), found[5])


def event_name(packet: Packet) -> str | None:
    """The name of the event that a packet carries, or None where it carries none."""
    try:
        return msgspec.json.decode(packet.data, type=_Event).name
    except (msgspec.DecodeError, RecursionError):
        return None


def event(name: str, *arguments: Any) -> str:
    """A packet that raises an event."""
    data = msgspec.json.encode({"name": name, "args": arguments}).decode()
    return f"{Kind.EVENT.value}:::{data}"


def message(text: str) -> str:
    """A packet that carries a message."""
    return f"{Kind.MESSAGE.value}:::{text}"


def ack(packet: Packet, *arguments: Any) -> str:
    """The acknowledgement that a packet asks for."""
    data = "+" + msgspec.json.encode(arguments).decode() if packet.wants_data else ""
    return f"{Kind.ACK.value}:::{packet.id}{data}"


def join(packets: list[str]) -> str:
    """Packets as the body of one poll's answer."""
    if len(packets) == 1:
        return packets[0]
    return "".join(f"{_FRAME}{_length(each)}{_FRAME}{each}" for each in packets)


def split(body: str) -> list[str]:
    """The packets in the body that a polling client posts; what is not framed well is left out."""
    if not body.startswith(_FRAME):
        return [body] if body else []
    units = body.encode(_UNITS, "surrogatepass")
    packets: list[str] = []
    at = 0
    while (found := _frame_at(units, at)) is not None:
        start, length = found
        at = start + length
        packets.append(units[start:at].decode(_UNITS, "replace"))
    return packets


def _frame_at(units: bytes, at: int) -> tuple[int, int] | None:
    """Where the packet of the frame at `at` starts, and how long it is, in bytes."""
    head = units[at : at + 2 * _LONGEST_HEAD].decode(_UNITS, "surrogatepass")
    found = _HEAD.match(head)
    return (at + 2 * found.end(), 2 * int(found[1])) if found else None


def _length(text: str) -> int:
    return len(text.encode(_UNITS)) // 2
