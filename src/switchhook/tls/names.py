"""Which names must the certificate have, and which authority may certify them?"""

import hashlib
import ipaddress
from urllib.parse import urlsplit

from switchhook.settings import Settings

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Every leaf has these. `*.localhost` would match nothing: Python and Node refuse a wildcard
# directly under a top-level name.
STANDARD_NAMES = (
    "localhost",
    "*.communication.localhost",
    "*.eventgrid.localhost",
    "127.0.0.1",
    "::1",
)
_WILDCARD_HOSTS = ("0.0.0.0", "::")  # noqa: S104 - not bound to here, but told apart


def certificate_names(settings: Settings) -> tuple[str, ...]:
    """The standard names, then those that the settings ask for, each once."""
    asked = list(settings.tls_san)
    if settings.public_url:
        asked.append(urlsplit(settings.public_url).hostname or "")
    if settings.host not in _WILDCARD_HOSTS:
        asked.append(settings.host)
    return tuple(dict.fromkeys((*STANDARD_NAMES, *filter(None, asked))))


def to_address(name: str) -> IpAddress | None:
    """The IP address that a name is, if it is one."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def is_local(name: str) -> bool:
    """Whether the standard authority may certify a name: only what never leaves this machine."""
    address = to_address(name)
    if address is not None:
        return address.is_loopback
    return name == "localhost" or name.endswith(".localhost")


def fingerprint(names: tuple[str, ...]) -> str:
    """A short name for a set of names, the same in any order."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:12]
