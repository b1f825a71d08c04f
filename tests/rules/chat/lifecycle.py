"""The lifecycle table: which events an action of chat has to publish, and which were published.

Made for every test that causes chat events; `lifecycle.toml` is the table.
"""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from switchhook.communication.resources import EventSettings

TABLE: Mapping[str, Any] = tomllib.loads(
    Path(__file__).with_name("lifecycle.toml").read_text(encoding="utf-8")
)
ACTIONS: tuple[str, ...] = tuple(TABLE["actions"])
# Whose documents describe chat in their own way, and two whose chat is that of the specification.
PROFILES = ("GA", "docs-2024", "docs-2022", *TABLE["profiles"])
BOT = "28:"


class Told(NamedTuple):
    """One event: its full type, its subject, and the raw id of the user that the copy is for.

    `recipient` is None at thread level, and where the profile's events do not name him.
    """

    type: str
    subject: str
    recipient: str | None


class Scene(NamedTuple):
    """Where an action happens.

    `participants` are those after the action, in the order of joining, before it for a deletion of
    the thread; `affected` those who were added or removed.
    """

    thread: str
    participants: Sequence[str]
    initiator: str | None
    creator: str = ""
    affected: Sequence[str] = ()
    sender_has_name: bool = True


def expected_events(action: str, scene: Scene, settings: EventSettings) -> list[Told]:
    """Every event that `action` publishes, in published order."""
    rule = TABLE["actions"][action]
    profile = TABLE["profiles"].get(settings.profile)
    is_nameless = rule.get("is_message", False) and not scene.sender_has_name
    if profile is not None and is_nameless and profile.get("needs_sender_name", False):
        return []
    subjects = scene.affected if rule["of"] == "affected" else ("",)
    return [told for affected in subjects for told in _of_one(rule, scene, affected, settings)]


def told(events: Iterable[bytes | Mapping[str, Any]]) -> list[Told]:
    """What events tell of themselves, in their order; each as JSON or decoded."""
    return [
        Told(event["eventType"], event["subject"], _recipient(event))
        for event in map(_load, events)
    ]


def check_envelopes(events: Sequence[bytes | Mapping[str, Any]]) -> None:
    """The events of one action have ids of their own and belong together."""
    loaded = [_load(event) for event in events]
    assert len({event["id"] for event in loaded}) == len(loaded)
    assert len({event["eventTime"] for event in loaded}) <= 1
    # The first draft has no transaction ids.
    all_data = [event["data"] for event in loaded]
    vectors = [data["transactionId"] for data in all_data if "transactionId" in data]
    assert len({vector.split(".")[0] for vector in vectors}) <= 1
    assert len({vector.rpartition(".")[2] for vector in vectors}) == len(vectors)
    assert all(len(vector.split(".")[0]) == 22 for vector in vectors)


def _of_one(
    rule: Mapping[str, Any], scene: Scene, affected: str, settings: EventSettings
) -> Iterator[Told]:
    for name in rule["thread"]:
        yield from _event(name, scene, affected, None, settings)
    everyone = [*scene.participants]
    everyone += [each for each in scene.affected if each not in everyone]
    leaves_out = rule["recipients"] == "others" and not settings.include_initiator
    for recipient in everyone if "users" in rule else ():
        if not (leaves_out and recipient == scene.initiator):
            yield from _event(rule["users"], scene, affected, recipient, settings)


def _event(
    name: str, scene: Scene, affected: str, recipient: str | None, settings: EventSettings
) -> Iterator[Told]:
    type_ = TABLE["types"][name]
    if not getattr(settings, type_.get("switch", ""), True):
        return
    if type_.get("switch") == "bot_events":
        from_bot = (scene.initiator or "").startswith(BOT)
        if from_bot or not any(each.startswith(BOT) for each in scene.participants):
            return
    prefix, own = "Microsoft.Communication.", {}
    if profile := TABLE["profiles"].get(settings.profile):
        if name not in profile["types"]:
            return
        prefix, own = profile["prefix"], profile["types"][name]
    subject = own.get("subject", type_["subject"]).format(
        thread=scene.thread,
        creator=scene.creator,
        initiator=scene.creator if scene.initiator is None else scene.initiator,
        affected=affected,
        recipient=recipient,
    )
    named = None if settings.profile == "draft-2020-03" else recipient
    yield Told(prefix + own.get("name", name), subject, named)


def _recipient(event: Mapping[str, Any]) -> str | None:
    data = event["data"]
    identifier = data.get("recipientCommunicationIdentifier", {})
    found = {identifier.get("rawId"), data.get("recipientId")} - {None}
    assert len(found) <= 1
    return found.pop() if found else None


def _load(event: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = json.loads(event) if isinstance(event, bytes) else event
    return loaded
