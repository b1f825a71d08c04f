"""Where may the events go that are given up?

Source: manage-event-delivery.md; azure-mgmt-eventgrid 10.4.0, `StorageBlobDeadLetterDestination`.
Names follow the rules of Azure Storage: they become parts of paths.
"""

import re
from typing import Any

from switchhook.grid.resources.body_rules import Body, as_object, as_text, check_members, refuse
from switchhook.grid.resources.identity_rules import read_identity, render_identity
from switchhook.grid.resources.ids import parse_path, parse_scope
from switchhook.grid.resources.records import ResourceIdentity, SubscriptionDefinition
from switchhook.grid.subscriptions import DeadLetterDestination

PLAIN = "deadLetterDestination"
WITH_IDENTITY = "deadLetterWithResourceIdentity"

_KIND = "StorageBlob"
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")


def read_dead_letter(
    properties: Body,
) -> tuple[DeadLetterDestination | None, ResourceIdentity | None]:
    """The dead-letter destination that a body asks for, and the identity for it; None is off."""
    plain, wrapped = properties.get(PLAIN), properties.get(WITH_IDENTITY)
    if plain is not None and wrapped is not None:
        refuse(f"'{PLAIN}' and '{WITH_IDENTITY}' cannot both be set.")
    if plain is not None:
        return _read_destination(plain, PLAIN), None
    if wrapped is None:
        return None, None
    body = as_object(wrapped, WITH_IDENTITY)
    check_members(body, {"identity", PLAIN}, WITH_IDENTITY)
    return (
        _read_destination(body.get(PLAIN), f"{WITH_IDENTITY}.{PLAIN}"),
        read_identity(body.get("identity"), f"{WITH_IDENTITY}.identity"),
    )


def render_dead_letter(definition: SubscriptionDefinition) -> dict[str, Any]:
    """Both members of an event subscription; the one that is not used is null."""
    destination = definition.dead_letter_destination
    if destination is None:
        return {PLAIN: None, WITH_IDENTITY: None}
    rendered = {
        "endpointType": _KIND,
        "properties": {
            "resourceId": destination.resource_id,
            "blobContainerName": destination.container,
        },
    }
    identity = definition.dead_letter_identity
    if identity is None:
        return {PLAIN: rendered, WITH_IDENTITY: None}
    return {PLAIN: None, WITH_IDENTITY: {"identity": render_identity(identity), PLAIN: rendered}}


def _read_destination(value: object, where: str) -> DeadLetterDestination:
    body = as_object(value, where)
    check_members(body, {"endpointType", "properties"}, where)
    kind = as_text(body.get("endpointType"), f"{where}.endpointType")
    if kind.lower() != _KIND.lower():
        refuse(f"The endpointType '{kind}' of '{where}' is not supported: use {_KIND}.")
    properties = as_object(body.get("properties"), f"{where}.properties")
    check_members(properties, {"resourceId", "blobContainerName"}, f"{where}.properties")
    account = as_text(properties.get("resourceId"), f"{where}.properties.resourceId")
    container = as_text(
        properties.get("blobContainerName"), f"{where}.properties.blobContainerName"
    )
    _check_account(account, f"{where}.properties.resourceId")
    if not _CONTAINER.fullmatch(container):
        refuse(
            f"The value of '{where}.properties.blobContainerName' must be the name of a blob "
            "container: 3 to 63 lower-case letters, digits and single hyphens between them."
        )
    return DeadLetterDestination(resource_id=account, container=container)


def _check_account(resource_id: str, where: str) -> None:
    path = parse_path(resource_id)
    right = (
        path is not None
        and path.pattern == "microsoft.storage/storageaccounts/*"
        and path.scope.count("/") == 4
        and parse_scope(resource_id).group != ""
        and _ACCOUNT.fullmatch(path.name) is not None
    )
    if not right:
        refuse(
            f"The value of '{where}' must be the id of a storage account: /subscriptions/{{id}}"
            "/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/{name}."
        )
