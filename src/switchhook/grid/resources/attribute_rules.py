"""Which headers of its own choice may an event subscription ask for?

Source: delivery-properties.md; azure-mgmt-eventgrid 10.4.0, `DeliveryAttributeMapping`.
"""

import re
from typing import Any

from switchhook.grid.delivery_attributes import MAX_DELIVERY_ATTRIBUTES, MAX_VALUE_BYTES
from switchhook.grid.resources.body_rules import (
    Body,
    as_flag,
    as_object,
    as_text,
    check_members,
    refuse,
)
from switchhook.grid.subscriptions import DeliveryAttribute

# `getDeliveryAttributes` answers secret values: azure-cli shows them with the answer when it is
# asked for `--include-static-delivery-attribute-secret`. No article says so.
ACTION_SHOWS_SECRETS = True

_MAPPINGS = "deliveryAttributeMappings"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")  # a token (RFC 9110, section 5.6.2)
_MAX_SOURCE = 512  # assumed, as for filters
# The service or the connection sets these; twice in one request they would mean anything.
_RESERVED = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "proxy-authorization",
        "switchhook-replay",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_RESERVED_PREFIX = "aeg-"


def read_attributes(
    value: object, before: tuple[DeliveryAttribute, ...], *, has_token: bool
) -> tuple[DeliveryAttribute, ...]:
    """The delivery attributes of a destination; a secret that is sent back hidden stays."""
    if value is None:
        return ()
    if not isinstance(value, list):
        refuse(f"The value of '{_MAPPINGS}' must be an array of objects.")
    if len(value) > MAX_DELIVERY_ATTRIBUTES:
        refuse(f"'{_MAPPINGS}' can have at most {MAX_DELIVERY_ATTRIBUTES} entries.")
    secrets = {each.name.lower(): each.value for each in before if each.is_secret}
    found = tuple(
        _read_one(as_object(each, f"{_MAPPINGS}[{at}]"), f"{_MAPPINGS}[{at}]", secrets)
        for at, each in enumerate(value)
    )
    _check_names(found, has_token=has_token)
    return found


def render_attributes(
    attributes: tuple[DeliveryAttribute, ...], *, with_secrets: bool = False
) -> list[dict[str, Any]]:
    """Delivery attributes as reads show them."""
    return [_render_one(each, with_secrets=with_secrets) for each in attributes]


def _read_one(body: Body, where: str, secrets: dict[str, str]) -> DeliveryAttribute:
    check_members(body, {"name", "type", "properties"}, where)
    name = as_text(body.get("name"), f"{where}.name")
    if not _NAME.fullmatch(name):
        refuse(f"The value of '{where}.name' must be the name of a header, not '{name[:128]}'.")
    kind = as_text(body.get("type"), f"{where}.type").lower()
    properties = as_object(body.get("properties"), f"{where}.properties")
    if kind not in ("static", "dynamic"):
        refuse(f"The value of '{where}.type' must be 'Static' or 'Dynamic'.")
    if kind == "static":
        return _read_static(name, properties, f"{where}.properties", secrets)
    return _read_dynamic(name, properties, f"{where}.properties")


def _read_static(
    name: str, properties: Body, where: str, secrets: dict[str, str]
) -> DeliveryAttribute:
    check_members(properties, {"value", "isSecret"}, where)
    is_secret = as_flag(properties.get("isSecret"), f"{where}.isSecret")
    value = as_text(properties.get("value"), f"{where}.value", 1 << 16)
    if is_secret and not value:
        value = secrets.get(name.lower(), "")
    if not value:
        refuse(f"The value of '{where}.value' must not be empty.")
    if not (value.isascii() and value.isprintable()):
        refuse(f"The value of '{where}.value' must be printable ASCII characters.")
    if len(value) > MAX_VALUE_BYTES:
        refuse(f"The value of '{where}.value' must not be longer than {MAX_VALUE_BYTES} bytes.")
    return DeliveryAttribute(name=name, value=value, is_secret=is_secret)


def _read_dynamic(name: str, properties: Body, where: str) -> DeliveryAttribute:
    check_members(properties, {"sourceField"}, where)
    source = as_text(properties.get("sourceField"), f"{where}.sourceField", _MAX_SOURCE)
    if not source or "" in source.removeprefix("$.").split("."):
        refuse(f"The value of '{where}.sourceField' must be a path such as 'data.system'.")
    return DeliveryAttribute(name=name, source_field=source)


def _check_names(attributes: tuple[DeliveryAttribute, ...], *, has_token: bool) -> None:
    seen = set()
    for each in attributes:
        name = each.name.lower()
        if name in seen:
            refuse(f"'{_MAPPINGS}' has the name '{each.name}' twice.")
        if name in _RESERVED or name.startswith(_RESERVED_PREFIX):
            refuse(f"The name '{each.name}' in '{_MAPPINGS}' is reserved for Event Grid.")
        if name == "authorization" and (has_token or each.source_field is not None):
            refuse(
                f"The name '{each.name}' in '{_MAPPINGS}' can only be static, and only on a "
                "webhook that is not protected with Microsoft Entra."
            )
        seen.add(name)


def _render_one(attribute: DeliveryAttribute, *, with_secrets: bool) -> dict[str, Any]:
    if attribute.source_field is not None:
        return {
            "name": attribute.name,
            "type": "Dynamic",
            "properties": {"sourceField": attribute.source_field},
        }
    hidden = attribute.is_secret and not with_secrets
    return {
        "name": attribute.name,
        "type": "Static",
        "properties": {
            "value": None if hidden else attribute.value,
            "isSecret": attribute.is_secret,
        },
    }
