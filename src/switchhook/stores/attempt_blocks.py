"""How do attempts share a row of the attempt history?

A row holds the attempts of about a second: successes as columns of numbers, two dozen bytes each;
failures with their texts, one after the other. Their positions lie apart from the rest, so that
SQLite can tell whether a row holds an event without Python's help.
"""

import struct
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple, replace

from switchhook.grid.ports import DETAIL_LENGTH, EXCERPT_LENGTH, Attempt

# position, run, subscription, number, started_at, duration, status, early
Success = tuple[int, int, str, int, int, int, int | None, bool]

# What a row costs besides its content, roughly.
_ROW_BYTES = 64


class Block(msgspec.Struct, frozen=True):
    """A row: `positions` are eight bytes each, `attempts` what `unpack` understands."""

    is_failure: bool
    first_position: int
    last_position: int
    positions: bytes
    attempts: bytes

    @property
    def size(self) -> int:
        """What it takes of the budget."""
        return len(self.positions) + len(self.attempts) + _ROW_BYTES


class _Successes(msgspec.Struct, frozen=True, array_like=True):
    """Columns. The order is the format: append fields, with defaults, and keep the rest.

    `subscription` is an index of `subscriptions`, `started` counts from `since`.
    """

    subscriptions: list[str]
    since: int
    subscription: list[int]
    run: Sequence[int]
    number: Sequence[int]
    started: list[int]
    duration: Sequence[int]
    status: Sequence[int | None]
    early: Sequence[bool]


_encoder = msgspec.msgpack.Encoder()
_decode_successes = msgspec.msgpack.Decoder(_Successes).decode
_decode_failures = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode


def as_bytes(positions: Sequence[int]) -> bytes:
    """Positions as a block has them."""
    return struct.pack(f"<{len(positions)}q", *positions)


def pack_successes(successes: Sequence[Success]) -> Block:
    """At least one success as a block."""
    positions, run, subscription, number, started, duration, status, early = zip(
        *successes, strict=True
    )
    since = min(started)
    indexes = {name: index for index, name in enumerate(dict.fromkeys(subscription))}
    columns = _Successes(
        subscriptions=list(indexes),
        since=since,
        subscription=[indexes[name] for name in subscription],
        run=run,
        number=number,
        started=[instant - since for instant in started],
        duration=duration,
        status=status,
        early=early,
    )
    return _block(False, positions, _encoder.encode(columns))


def pack_failures(failures: Sequence[Attempt]) -> Block:
    """At least one failure as a block."""
    try:
        packed = _encoder.encode([astuple(attempt) for attempt in failures])
    except UnicodeEncodeError:  # half of a surrogate pair: one strange text must not cost the rest
        packed = _encoder.encode([astuple(_encodable(attempt)) for attempt in failures])
    return _block(True, [attempt.position for attempt in failures], packed)


def unpack(wanted: int, is_failure: bool, positions: bytes, attempts: bytes) -> list[Attempt]:
    """The attempts of a block that are about one position."""
    if is_failure:
        return [Attempt(*row) for row in _decode_failures(attempts) if row[0] == wanted]
    columns = _decode_successes(attempts)
    return [
        _success(columns, index, wanted)
        for index, (position,) in enumerate(struct.iter_unpack("<q", positions))
        if position == wanted
    ]


def bounded(attempt: Attempt) -> Attempt:
    """The attempt with texts of the length that is kept."""
    if len(attempt.detail) <= DETAIL_LENGTH and len(attempt.excerpt) <= EXCERPT_LENGTH:
        return attempt
    detail, excerpt = attempt.detail[:DETAIL_LENGTH], attempt.excerpt[:EXCERPT_LENGTH]
    return replace(attempt, detail=detail, excerpt=excerpt)


def to_success(attempt: Attempt) -> Success:
    """What is kept of a success."""
    return (
        attempt.position,
        attempt.run,
        attempt.subscription,
        attempt.number,
        attempt.started_at,
        attempt.duration,
        attempt.status,
        attempt.early,
    )


def _block(is_failure: bool, positions: Sequence[int], attempts: bytes) -> Block:
    return Block(is_failure, min(positions), max(positions), as_bytes(positions), attempts)


def _success(columns: _Successes, index: int, position: int) -> Attempt:
    return Attempt(
        position=position,
        run=columns.run[index],
        subscription=columns.subscriptions[columns.subscription[index]],
        number=columns.number[index],
        started_at=columns.since + columns.started[index],
        duration=columns.duration[index],
        status=columns.status[index],
        early=columns.early[index],
    )


def _encodable(attempt: Attempt) -> Attempt:
    return replace(
        attempt,
        **{
            name: text.encode("utf-8", "replace").decode()
            for name, text in msgspec.structs.asdict(attempt).items()
            if isinstance(text, str)
        },
    )
