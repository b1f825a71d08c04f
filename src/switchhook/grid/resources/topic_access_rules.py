"""Who may publish to a topic or domain, as its body says?

Source: configure-firewall.md; azure-mgmt-eventgrid 10.4.0, `Topic`, `InboundIpRule`.
"""

import ipaddress
from typing import Any

from switchhook.grid.resources.body_rules import (
    Body,
    as_choice,
    as_flag,
    as_object,
    as_text,
    check_members,
    refuse,
)
from switchhook.grid.topics import Access

MAX_INBOUND_IP_RULES = 128  # quotas-limits.md

LOCAL_AUTH = "disableLocalAuth"
NETWORK = "publicNetworkAccess"
IP_RULES = "inboundIpRules"
TLS_VERSION = "minimumTlsVersionAllowed"

ACCESS_MEMBERS = (LOCAL_AUTH, NETWORK, IP_RULES, TLS_VERSION)
_NETWORK_ACCESS = ("Enabled", "Disabled")
_TLS_VERSIONS = ("1.0", "1.1", "1.2")
_ACTIONS = ("Allow",)
_MASK_LENGTH = 64


def read_access(properties: Body) -> dict[str, Any]:
    """What a body says of access, in the spelling that reads show."""
    read: dict[str, Any] = {
        NETWORK: as_choice(properties.get(NETWORK), NETWORK, _NETWORK_ACCESS) or None,
        TLS_VERSION: as_choice(properties.get(TLS_VERSION), TLS_VERSION, _TLS_VERSIONS) or None,
        IP_RULES: _read_ip_rules(properties.get(IP_RULES)),
    }
    if properties.get(LOCAL_AUTH) is not None:
        read[LOCAL_AUTH] = as_flag(properties[LOCAL_AUTH], LOCAL_AUTH)
    return {name: value for name, value in read.items() if value is not None}


def access_of(properties: Body) -> Access:
    """Who may publish, as the publish route asks."""
    return Access(
        allows_access_keys=not properties.get(LOCAL_AUTH, False),
        allows_public_network=properties.get(NETWORK) != "Disabled",
        inbound_ip_rules=tuple(
            str(ipaddress.ip_network(rule["ipMask"], strict=False))
            for rule in properties.get(IP_RULES, [])
        ),
    )


def _read_ip_rules(value: object) -> list[dict[str, str]] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        refuse(f"The value of '{IP_RULES}' must be an array of rules.")
    if len(value) > MAX_INBOUND_IP_RULES:
        refuse(f"'{IP_RULES}' can have at most {MAX_INBOUND_IP_RULES} rules.")
    return [_read_ip_rule(rule, f"{IP_RULES}[{at}]") for at, rule in enumerate(value)]


def _read_ip_rule(value: object, where: str) -> dict[str, str]:
    rule = as_object(value, where)
    check_members(rule, {"ipMask", "action"}, where)
    mask = as_text(rule.get("ipMask"), f"{where}.ipMask", _MASK_LENGTH)
    if not _is_network(mask):
        refuse(
            f"The value '{mask}' of '{where}.ipMask' is not an address range in CIDR notation, "
            "such as 10.0.0.0/8."
        )
    return {
        "ipMask": mask,
        "action": as_choice(rule.get("action"), f"{where}.action", _ACTIONS) or "Allow",
    }


def _is_network(mask: str) -> bool:
    # Azure knows IPv4 only; here a machine may publish to itself over IPv6.
    try:
        ipaddress.ip_network(mask, strict=False)
    except ValueError:
        return False
    return "%" not in mask
