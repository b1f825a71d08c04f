"""Is a name or an address this machine itself, which no other machine can mean by it?"""

from ipaddress import IPv6Address, ip_address


def is_loopback_address(text: str) -> bool:
    """Whether an IP address is in 127.0.0.0/8, also as mapped into IPv6, or ::1."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def is_loopback_host(name: str) -> bool:
    """Whether the host of a URL, without its port, is `localhost`, a name below it, or an address
    of this machine."""
    name = name.lower().rstrip(".").strip("[]")
    return name == "localhost" or name.endswith(".localhost") or is_loopback_address(name)
