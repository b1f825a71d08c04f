"""Publishes an event of any type on request, through the real path: for rehearsals and tests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from switchhook.clock import Clock, to_text
from switchhook.communication import catalogue
from switchhook.communication.resources import CommunicationResource
from switchhook.grid.publish import CommitEvents, batch_of


class EmitRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to emit: a type's name, in full or its last segment.

    `data` replaces the example values as a whole, `set` changes members of them, each as
    `data.member=value`, `subject=...`, `subject.variable=...`, `id=...` or `eventTime=...`.
    """

    eventType: str  # noqa: N815  the wire's name
    subject: str | None = None
    data: dict[str, Any] | None = None
    set: tuple[str, ...] = ()


class Emitter:
    """Emits events of a resource under its event settings.

    A type that the resource's profile does not have is emitted as its own documents show it.
    """

    def __init__(self, *, commit: CommitEvents, clock: Clock, new_guid: Callable[[], UUID]) -> None:
        self._commit = commit
        self._clock = clock
        self._new_guid = new_guid

    async def emit(self, resource: CommunicationResource, request: EmitRequest) -> dict[str, Any]:
        """Publish one event; answers it as it was published, once it is durable.

        Raises:
            RequestError: no such type, or a wrong value; the message names it.
        """
        event = self._render(resource, request)
        text = msgspec.json.encode(event)
        await self._commit((), (batch_of(resource.topic, [text], self._clock.now()),))
        return event

    def _render(self, resource: CommunicationResource, request: EmitRequest) -> dict[str, Any]:
        profile = resource.events.profile
        name = catalogue.find(request.eventType).name
        values = self._values(name, profile, request.data)
        changed = catalogue.apply_assignments(name, values, _assignments(request))
        catalogue.validate(name, changed.values, profile)
        return catalogue.render_event(
            name,
            resource_id=resource.resource_id,
            settings=resource.events,
            values=changed.values,
            subject_values={**catalogue.sample_subject_values(name), **changed.subject_values},
            subject=changed.subject,
            event_id=changed.event_id or str(self._new_guid()),
            event_time=changed.event_time or to_text(self._clock.now()),
        )

    def _values(self, name: str, profile: str, data: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The given data, or an example's of this moment."""
        if data is not None:
            return data
        guid = str(self._new_guid())
        return catalogue.sample_values(name, profile, now=self._clock.now(), guid=guid)


def _assignments(request: EmitRequest) -> Sequence[str]:
    subject = [] if request.subject is None else [f"subject={request.subject}"]
    return [*subject, *request.set]
