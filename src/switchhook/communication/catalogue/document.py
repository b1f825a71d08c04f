"""The reference page of the event types.

`python -m switchhook.communication.catalogue.document > docs/reference/events.md`
"""

import sys
from collections.abc import Iterator

from switchhook.communication.catalogue.lookup import all_types, profiles, profiles_of
from switchhook.communication.catalogue.model import EventType, Field, Kind, Required

_WORDS = {
    Required.YES: "required by the specification",
    Required.ALWAYS: "not required there, yet part of every published event",
    Required.NO: "optional",
    Required.LEGACY: "published, but gone from the specification; older readers want it",
    Required.NEW: "only in the specification of 2026-04 or the article of 2026",
    Required.OBSERVED: "seen in public captures only",
}


def render_page() -> str:
    """The page as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "# Event types"
    yield ""
    yield "<!-- Generated: python -m switchhook.communication.catalogue.document -->"
    yield ""
    yield f"The {len(all_types())} event types of Communication Services, public and announced."
    yield "`switchhook events emit TYPE` emits any of them, by full name or last segment."
    yield ""
    yield from _profile_table()
    yield from _type_table()
    yield "## Data fields"
    yield ""
    yield "Names are those of the profile `GA`, in the order of the event. Column *Required*:"
    yield ""
    for word, meaning in _WORDS.items():
        yield f"- **{word}**: {meaning}"
    yield ""
    for event_type in all_types():
        yield from _type_section(event_type)


def _profile_table() -> Iterator[str]:
    yield "## Profiles"
    yield ""
    yield "A Communication resource emits its events as the documents of its profile show them."
    yield "What those documents do not describe looks as in `GA`."
    yield ""
    yield "| profile | documents | types |"
    yield "| --- | --- | --- |"
    for profile in profiles():
        yield f"| `{profile.name}` | {profile.documents} | {len(profile.types)} |"
    yield ""


def _type_table() -> Iterator[str]:
    yield "## Types"
    yield ""
    yield "| type | family | published when | subject | profiles |"
    yield "| --- | --- | --- | --- | --- |"
    for event_type in all_types():
        described = ", ".join(f"`{name}`" for name in profiles_of(event_type))
        yield (
            f"| `{event_type.name}` | {event_type.family} | {event_type.when} "
            f"| `{event_type.subject}` | {described} |"
        )
    yield ""


def _type_section(event_type: EventType) -> Iterator[str]:
    yield f"### {event_type.name}"
    yield ""
    if event_type.note:
        yield event_type.note
        yield ""
    yield "| field | JSON type | required | values and notes |"
    yield "| --- | --- | --- | --- |"
    for path, field in _flatten(event_type.fields, ""):
        yield f"| `{path}` | {_kind(field)} | {field.required} | {_remarks(field)} |"
    yield ""


def _flatten(fields: tuple[Field, ...], prefix: str) -> Iterator[tuple[str, Field]]:
    for field in fields:
        path = f"{prefix}{field.name}{'[]' if field.kind is Kind.ARRAY else ''}"
        yield path, field
        if not field.is_identifier:
            yield from _flatten(field.fields, f"{path}.")


def _kind(field: Field) -> str:
    kind = str(field.kind)
    if field.is_identifier:
        kind = "CommunicationIdentifier"
    elif field.kind is Kind.ARRAY:
        kind = f"array of {field.item}"
    elif field.kind is Kind.MAP:
        kind = f"map to {field.item}"
    return f"{kind} or null" if field.nullable else kind


def _remarks(field: Field) -> str:
    remarks = []
    if field.allowed:
        remarks.append(", ".join(f"`{value}`" for value in field.allowed))
    if field.time is not None:
        remarks.append(f"instant (`{field.time}`)")
    if field.note:
        remarks.append(field.note)
    return "; ".join(remarks)


if __name__ == "__main__":
    sys.stdout.write(render_page())
