"""`switchhook events`: event types, events on request, and the events that are accepted."""

import argparse
import json
from pathlib import Path
from typing import Any

from switchhook.cli import events_tail
from switchhook.cli.arm_client import ArmClient, Body, add_options
from switchhook.cli.sources import add_communication
from switchhook.cli.tables import print_json, print_pairs, print_table
from switchhook.communication import catalogue
from switchhook.communication.catalogue import EventType, Field
from switchhook.communication.resources import EventSettings
from switchhook.defaults import COMMUNICATION_NAME
from switchhook.errors import StartError

_EXAMPLE_ID = "5a1f0000-0000-4000-8000-00000000e7e7"
_EXAMPLE_TIME = "2026-01-01T12:00:00.1234567Z"
_EXAMPLE_RESOURCE = (
    "/subscriptions/5a1f0000-0000-4000-8000-000000000001/resourceGroups/local/providers"
    f"/Microsoft.Communication/CommunicationServices/{COMMUNICATION_NAME}"
)


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser(
        "events", help="event types, events on request, events as they are accepted"
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add_list_parser(actions)
    _add_show_parser(actions)
    _add_emit_parser(actions)
    events_tail.add_parser(actions)


def _add_list_parser(actions: Any) -> None:
    listing = actions.add_parser("list", help="list the event types")
    listing.add_argument("--profile", metavar="NAME", help="only those of this profile's documents")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=_list)


def _add_show_parser(actions: Any) -> None:
    show = actions.add_parser("show", help="show a type: its fields and an example")
    show.add_argument("type", help="a type's name, in full or its last segment")
    show.add_argument("--profile", default="GA", metavar="NAME", help="(default: %(default)s)")
    show.add_argument("--json", action="store_true", help="print the example event alone")
    show.set_defaults(run=_show)


def _add_emit_parser(actions: Any) -> None:
    emit = actions.add_parser(
        "emit",
        help="publish an event of any type through the running server",
        description="Publish an event. Without more it is an example of the type; --set changes "
        "members of it, --body replaces its data as a whole.",
    )
    emit.add_argument("type", help="a type's name, in full or its last segment")
    emit.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="such as data.from=+15555550123, data.deliveryAttempts[0].segmentsFailed=1 or "
        "id=...; repeatable",
    )
    emit.add_argument("--subject", help="the whole subject, in place of the type's own")
    emit.add_argument("--body", metavar="JSON", help="the event's data, or @FILE to read it from")
    add_communication(emit)
    add_options(emit)
    emit.set_defaults(run=_emit)


def _list(arguments: argparse.Namespace) -> int:
    types = catalogue.types_of(arguments.profile) if arguments.profile else catalogue.all_types()
    if arguments.json:
        print_json([{"name": t.name, "family": t.family, "subject": t.subject} for t in types])
    else:
        print_table(("TYPE", "FAMILY", "SUBJECT"), [(t.name, t.family, t.subject) for t in types])
    return 0


def _show(arguments: argparse.Namespace) -> int:
    found = catalogue.find(arguments.type)
    catalogue.find_profile(arguments.profile)
    if arguments.json:
        print_json(_example(found, arguments.profile))
        return 0
    print_pairs(
        {
            "type": found.name,
            "family": found.family,
            "published": found.when,
            "subject": found.subject,
            "profiles": ", ".join(catalogue.profiles_of(found)),
            "note": found.note,
        }
    )
    print()
    print_table(("FIELD", "JSON TYPE", "REQUIRED", "NOTE"), _field_rows(found.fields, "data."))
    print(f"\nexample ({arguments.profile})")
    print_json(_example(found, arguments.profile))
    return 0


def _field_rows(fields: tuple[Field, ...], prefix: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for field in fields:
        note = field.note or ", ".join(field.allowed)
        rows.append((prefix + field.name, field.kind, field.required, note))
        rows += _field_rows(field.fields, f"{prefix}{field.name}.")
    return rows


def _example(event_type: EventType, profile: str) -> Body:
    return catalogue.render_event(
        event_type.name,
        resource_id=_EXAMPLE_RESOURCE,
        settings=EventSettings(profile=profile),
        values=catalogue.sample_values(event_type.name, profile),
        subject_values=catalogue.sample_subject_values(event_type.name),
        event_id=_EXAMPLE_ID,
        event_time=_EXAMPLE_TIME,
    )


def _emit(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    request: Body = {"eventType": arguments.type, "set": arguments.set}
    if arguments.subject is not None:
        request["subject"] = arguments.subject
    if arguments.body is not None:
        request["data"] = _read_body(arguments.body)
    resource = client.communication_id(arguments.communication)
    event = client.post(f"{resource}/providers/Switchhook.Communication/emitEvent", request)
    if arguments.json:
        print_json(event)
    else:
        print_pairs({name: event.get(name) for name in ("id", "eventType", "subject")})
    return 0


def _read_body(text: str) -> Any:
    try:
        return json.loads(Path(text[1:]).read_text("utf-8") if text.startswith("@") else text)
    except OSError as error:
        raise StartError(f"--body: cannot read {text[1:]}: {error.strerror}") from error
    except ValueError as error:
        raise StartError(f"--body is not JSON: {error}") from error
