"""Which options describe a topic or a domain, and which body do they make?"""

import argparse
from collections.abc import Iterator, Sequence

from switchhook.cli.arm_client import Body
from switchhook.errors import StartError


def add_topic_options(parser: argparse.ArgumentParser) -> None:
    """Add what topics and domains can be created with."""
    parser.add_argument("--location", help="where it says to be")
    parser.add_argument(
        "--input-schema",
        metavar="SCHEMA",
        help="EventGridSchema (the default), CloudEventSchemaV1_0 or CustomEventSchema",
    )
    parser.add_argument(
        "--input-mapping",
        action="append",
        metavar="FIELD=SOURCE",
        help="where a custom event has id, topic, eventTime, eventType, subject or dataVersion; "
        "repeat for more",
    )
    parser.add_argument(
        "--input-default",
        action="append",
        metavar="FIELD=VALUE",
        help="what eventType, subject or dataVersion is where an event has none; repeat for more",
    )
    parser.add_argument(
        "--disable-local-auth",
        action="store_true",
        help="accept neither access keys nor shared access signatures",
    )
    parser.add_argument(
        "--public-network-access", metavar="ACCESS", help="Enabled (the default) or Disabled"
    )
    parser.add_argument(
        "--inbound-ip-rule",
        action="append",
        metavar="CIDR",
        help="addresses that may publish, such as 10.0.0.0/8; repeat for more",
    )


def body_of(arguments: argparse.Namespace) -> Body:
    """The body of a PUT."""
    given = {
        "inputSchema": arguments.input_schema,
        "inputSchemaMapping": _mapping(arguments),
        "disableLocalAuth": arguments.disable_local_auth or None,
        "publicNetworkAccess": arguments.public_network_access,
        "inboundIpRules": [
            {"ipMask": mask, "action": "Allow"} for mask in arguments.inbound_ip_rule or ()
        ],
    }
    body: Body = {"properties": {name: value for name, value in given.items() if value}}
    return {**body, "location": arguments.location} if arguments.location else body


def _mapping(arguments: argparse.Namespace) -> Body | None:
    fields: dict[str, dict[str, str]] = {}
    for member, option, texts in (
        ("sourceField", "--input-mapping", arguments.input_mapping),
        ("defaultValue", "--input-default", arguments.input_default),
    ):
        for field, value in _pairs(option, texts or ()):
            fields.setdefault(field, {})[member] = value
    return {"inputSchemaMappingType": "Json", "properties": fields} if fields else None


def _pairs(option: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        field, equals, value = text.partition("=")
        if not equals or not field or not value:
            raise StartError(f"{option} {text}: it must be FIELD=VALUE, such as subject=id")
        yield field, value
