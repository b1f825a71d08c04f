"""How do the bodies and queries of replays and re-drives become what they select, and back?"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from switchhook.clock import to_text
from switchhook.grid.given_up import GivenUpState
from switchhook.grid.replay import DEFAULT_RATE, MAX_KEYS, RATE, Replay, Selection
from switchhook.grid.resources.body_rules import (
    Body,
    as_choice,
    as_count,
    as_object,
    as_text,
    as_texts,
    check_members,
    refuse,
)
from switchhook.grid.resources.settings_rules import as_moment
from switchhook.grid.retry import GiveUpReason
from switchhook.grid.subscriptions import Filter

MAX_TYPES = 100

_TIMES = {"startTime", "endTime"}
_SUBJECT_LENGTH = 2048
_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_READ_ONLY = {"run", "source", "state", "eventSubscriptionId", "endedTime", "startedTime"}
_COUNTS = {"queued", "skipped", "outstanding"}
_DIGITS = re.compile(r"\d{1,20}", re.ASCII)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay is to deliver, and how fast."""

    selection: Selection
    rate: int


def check_replay_name(name: str) -> None:
    """Refuse a name that is no name of a replay."""
    if not _NAME.fullmatch(name):
        refuse("The name of a replay must have 1 to 64 letters, digits and hyphens.")


def read_replay_order(body: Body, now: int) -> Order:
    """What the body of a PUT asks for: events of the log."""
    check_members(body, {"id", "name", "type", "properties"}, "replay")
    properties = as_object(body.get("properties"), "properties")
    known = {"subjectBeginsWith", "subjectEndsWith", "includedEventTypes", "eventsPerSecond"}
    check_members(properties, known | _TIMES | _READ_ONLY | _COUNTS, "replay.properties")
    types = as_texts(properties.get("includedEventTypes"), "includedEventTypes")
    if types and len(types) > MAX_TYPES:
        refuse(f"The property 'includedEventTypes' can have at most {MAX_TYPES} values.")
    selection = msgspec.structs.replace(
        _times(properties, now),
        filter=Filter(
            subject_begins_with=_subject(properties, "subjectBeginsWith"),
            subject_ends_with=_subject(properties, "subjectEndsWith"),
            included_event_types=types or None,
        ),
    )
    return Order(selection=selection, rate=_rate(properties))


def read_redrive_order(body: Body, now: int) -> Order:
    """What the body of a POST asks for: events that were given up."""
    check_members(body, _TIMES | {"names", "reason", "state", "eventsPerSecond"}, "redrive")
    names = as_texts(body.get("names"), "names") or ()
    if len(names) > MAX_KEYS:
        refuse(f"The property 'names' can have at most {MAX_KEYS} values.")
    criteria = [name for name in (*_TIMES, "reason", "state") if body.get(name)]
    if names and criteria:
        refuse(f"The properties 'names' and '{min(criteria)}' exclude each other.")
    selection = select_dead_letters(body, now)
    if selection.state is GivenUpState.WAITING:
        refuse("The value of 'state' must be 'written' or 'dropped': the others still wait.")
    keys = tuple(map(read_dead_letter_name, names))
    selection = msgspec.structs.replace(selection, keys=keys)
    return Order(selection=selection, rate=_rate(body))


def select_dead_letters(members: Mapping[str, Any], now: int) -> Selection:
    """Time of giving up, reason and state, as a body or a query names them."""
    states = (GivenUpState.WRITTEN, GivenUpState.DROPPED, GivenUpState.WAITING)
    state = as_choice(members.get("state"), "state", states)
    return msgspec.structs.replace(
        _times(members, now),
        reason=as_choice(members.get("reason"), "reason", [str(each) for each in GiveUpReason]),
        state=GivenUpState(state) if state else None,
    )


def render_replay(replay: Replay, *, subscription_id: str | None, outstanding: int) -> Body:
    """The properties of a replay."""
    selection = replay.selection
    return {
        "run": replay.run,
        "source": str(replay.source),
        "state": str(replay.state),
        "eventSubscriptionId": subscription_id,
        "startTime": to_text(selection.since) if selection.since else None,
        "endTime": None if selection.until is None else to_text(selection.until),
        "subjectBeginsWith": selection.filter.subject_begins_with,
        "subjectEndsWith": selection.filter.subject_ends_with,
        "includedEventTypes": selection.filter.included_event_types,
        "reason": selection.reason or None,
        "eventsPerSecond": replay.rate,
        "queued": replay.queued,
        "skipped": replay.skipped,
        "outstanding": outstanding,
        "startedTime": to_text(replay.started_at),
        "endedTime": None if replay.ended_at is None else to_text(replay.ended_at),
    }


def dead_letter_name(key: str) -> str:
    """The key of what was given up as one segment of a path, without its padding."""
    at, position, subscription, run = key.split("/")
    return f"{int(at)}-{int(position)}-{int(run)}-{subscription}"


def read_dead_letter_name(name: str) -> str:
    """The key that a name stands for."""
    parts = name.split("-", 3)
    if len(parts) < 4 or not all(map(_DIGITS.fullmatch, parts[:3])) or "/" in name:
        refuse(f"'{name[:100]}' is not the name of a dead letter.")
    at, position, run = map(int, parts[:3])
    return f"{at:020}/{position:020}/{parts[3]}/{run:020}"


def _times(members: Mapping[str, Any], now: int) -> Selection:
    since = as_moment(members.get("startTime"), "startTime", now)
    until = as_moment(members.get("endTime"), "endTime", now)
    if since is not None and until is not None and until <= since:
        refuse("The value of 'endTime' must be later than that of 'startTime'.")
    return Selection(since=max(since or 0, 0), until=until)


def _subject(properties: Body, member: str) -> str:
    return as_text(properties.get(member), member, _SUBJECT_LENGTH)


def _rate(members: Body) -> int:
    return as_count(members.get("eventsPerSecond"), "eventsPerSecond", RATE, DEFAULT_RATE)
