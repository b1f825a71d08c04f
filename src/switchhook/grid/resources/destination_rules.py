"""Where may events be delivered?

Source: azure-mgmt-eventgrid 10.4.0, `WebHookEventSubscriptionDestination` and
`DeliveryWithResourceIdentity`; secure-webhook-delivery.md.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from switchhook.errors import RequestError
from switchhook.grid.resources.attribute_rules import read_attributes, render_attributes
from switchhook.grid.resources.body_rules import (
    Body,
    as_count,
    as_object,
    as_text,
    check_members,
    refuse,
)
from switchhook.grid.resources.identity_rules import read_identity, render_identity
from switchhook.grid.resources.records import ResourceIdentity, SubscriptionDefinition
from switchhook.grid.subscriptions import WebHookDestination
from switchhook.loopback import is_loopback_host

PLAIN = "destination"
WITH_IDENTITY = "deliveryWithResourceIdentity"
MAX_EVENTS_PER_BATCH = (1, 5000)
PREFERRED_BATCH_SIZE_IN_KILOBYTES = (1, 1024)
MAX_URL_LENGTH = 2048  # assumed
TLS_VERSIONS = ("1.0", "1.1", "1.2")
INVALID_URL = (
    "Invalid event subscription request: Supplied URL is invalid. It cannot be null or empty and "
    "should be a proper HTTPS URL like https://www.example.com."
)

_KIND = "WebHook"
_TENANT = re.compile(r"[A-Za-z0-9.-]{1,256}")
_APPLICATION = re.compile(r"[!-~]{1,512}")
_MEMBERS = {
    "endpointUrl",
    "endpointBaseUrl",
    "maxEventsPerBatch",
    "preferredBatchSizeInKilobytes",
    "azureActiveDirectoryTenantId",
    "azureActiveDirectoryApplicationIdOrUri",
    "minimumTlsVersionAllowed",
    "deliveryAttributeMappings",
}


def read_delivery(
    properties: Body, before: WebHookDestination | None, *, allow_http: bool
) -> tuple[WebHookDestination, ResourceIdentity | None] | None:
    """The destination that a body asks for and the identity for it; None when it names none.

    Reads hide the URL and secrets, so that a client which sends back what it read has none of them
    to send: they stay as in `before`.
    """
    plain, wrapped = properties.get(PLAIN), properties.get(WITH_IDENTITY)
    if plain is not None and wrapped is not None:
        refuse(f"'{PLAIN}' and '{WITH_IDENTITY}' cannot both be set.")
    if plain is not None:
        return _read_destination(plain, PLAIN, before, allow_http=allow_http), None
    if wrapped is None:
        return None
    body = as_object(wrapped, WITH_IDENTITY)
    check_members(body, {"identity", PLAIN}, WITH_IDENTITY)
    identity = read_identity(body.get("identity"), f"{WITH_IDENTITY}.identity")
    where = f"{WITH_IDENTITY}.{PLAIN}"
    return _read_destination(body.get(PLAIN), where, before, allow_http=allow_http), identity


def render_delivery(definition: SubscriptionDefinition) -> dict[str, Any]:
    """Both members of an event subscription; the one that is not used is null."""
    rendered = _render_destination(definition.destination)
    identity = definition.delivery_identity
    if identity is None:
        return {PLAIN: rendered, WITH_IDENTITY: None}
    return {PLAIN: None, WITH_IDENTITY: {"identity": render_identity(identity), PLAIN: rendered}}


def check_endpoint_url(url: str, *, allow_http: bool) -> None:
    """Refuse what cannot be a webhook; http is for loopback, elsewhere only when it is allowed."""
    invalid = RequestError(400, "InvalidRequest", INVALID_URL)
    if not url or len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable():
        raise invalid
    if " " in url or "#" in url:
        raise invalid
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise invalid from None
    if (
        parts.scheme.lower() not in ("http", "https")
        or not host
        or port == 0
        or "@" in parts.netloc
    ):
        raise invalid
    if parts.scheme.lower() == "http" and not (allow_http or is_loopback_host(host)):
        raise RequestError(
            400,
            "InvalidRequest",
            f"{INVALID_URL} (http to another machine needs the option --allow-http-webhooks.)",
        )


def _read_destination(
    value: object, where: str, before: WebHookDestination | None, *, allow_http: bool
) -> WebHookDestination:
    body = as_object(value, where)
    check_members(body, {"endpointType", "properties"}, where)
    kind = as_text(body.get("endpointType"), f"{where}.endpointType")
    if kind.lower() != _KIND.lower():
        refuse(
            f"The endpointType '{kind}' of '{where}' is not supported in this release: use {_KIND}."
        )
    where = f"{where}.properties"
    properties = as_object(body.get("properties"), where)
    check_members(properties, _MEMBERS, where)
    tenant, application = _read_audience(properties, where)
    return WebHookDestination(
        endpoint_url=_read_url(properties, where, before, allow_http=allow_http),
        max_events_per_batch=as_count(
            properties.get("maxEventsPerBatch"),
            f"{where}.maxEventsPerBatch",
            MAX_EVENTS_PER_BATCH,
            MAX_EVENTS_PER_BATCH[0],
        ),
        preferred_batch_size_in_kilobytes=as_count(
            properties.get("preferredBatchSizeInKilobytes"),
            f"{where}.preferredBatchSizeInKilobytes",
            PREFERRED_BATCH_SIZE_IN_KILOBYTES,
            64,
        ),
        attributes=read_attributes(
            properties.get("deliveryAttributeMappings"),
            before.attributes if before else (),
            has_token=bool(application),
        ),
        tenant_id=tenant,
        application_id_or_uri=application,
        minimum_tls_version=_read_tls_version(properties, where),
    )


def _read_url(
    properties: Body, where: str, before: WebHookDestination | None, *, allow_http: bool
) -> str:
    if properties.get("endpointUrl") is None and before is not None:
        return before.endpoint_url
    url = as_text(properties.get("endpointUrl"), f"{where}.endpointUrl", 1 << 16)
    check_endpoint_url(url, allow_http=allow_http)
    return url


def _read_audience(properties: Body, where: str) -> tuple[str, str]:
    names = ("azureActiveDirectoryTenantId", "azureActiveDirectoryApplicationIdOrUri")
    tenant, application = (as_text(properties.get(name), f"{where}.{name}") for name in names)
    if bool(tenant) != bool(application):
        refuse(f"'{where}.{names[0]}' and '{where}.{names[1]}' can only be set together.")
    if tenant and not _TENANT.fullmatch(tenant):
        refuse(f"The value of '{where}.{names[0]}' must be the id of a Microsoft Entra tenant.")
    if application and not _APPLICATION.fullmatch(application):
        refuse(f"The value of '{where}.{names[1]}' must be the id or URI of an application.")
    return tenant, application


def _read_tls_version(properties: Body, where: str) -> str:
    version = as_text(
        properties.get("minimumTlsVersionAllowed"), f"{where}.minimumTlsVersionAllowed"
    )
    if version and version not in TLS_VERSIONS:
        refuse(
            f"The value of '{where}.minimumTlsVersionAllowed' must be one of "
            f"{', '.join(TLS_VERSIONS)}."
        )
    return version


def _render_destination(webhook: WebHookDestination) -> dict[str, Any]:
    return {
        "endpointType": _KIND,
        "properties": {
            "endpointUrl": None,  # only getFullUrl shows it: the query may hold a secret
            "endpointBaseUrl": webhook.endpoint_base_url,
            "maxEventsPerBatch": webhook.max_events_per_batch,
            "preferredBatchSizeInKilobytes": webhook.preferred_batch_size_in_kilobytes,
            "azureActiveDirectoryTenantId": webhook.tenant_id or None,
            "azureActiveDirectoryApplicationIdOrUri": webhook.application_id_or_uri or None,
            "minimumTlsVersionAllowed": webhook.minimum_tls_version or None,
            "deliveryAttributeMappings": render_attributes(webhook.attributes) or None,
        },
    }
