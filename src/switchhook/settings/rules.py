"""Which settings contradict each other, or would be unsafe?"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from switchhook import defaults
from switchhook.errors import StartError
from switchhook.loopback import is_loopback_host
from switchhook.settings.model import Settings

_DEVELOPMENT_KEYS = frozenset((*defaults.COMMUNICATION_KEYS, *defaults.TOPIC_KEYS))


def check(settings: Settings, given: Collection[str]) -> None:
    """Refuse what cannot run together; `given` names the options that have not their default.

    Raises:
        StartError: names the options, and what to do.
    """
    if settings.ephemeral and "data" in given:
        raise StartError("--ephemeral and --data contradict each other: give one of them")
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise StartError("--tls-cert and --tls-key belong together: give both or neither")
    if settings.http_port == settings.https_port != 0:
        raise StartError(
            f"--http-port and --https-port are both {settings.http_port}: give two ports, "
            "or 0 for free ones"
        )
    _refuse_public_keys(settings)


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_exposed(settings: Settings) -> bool:
    """Whether other machines can reach the server: by its address, or through a proxy."""
    return bool(exposed_by(settings))


def exposed_by(settings: Settings) -> str:
    """The option, with its value, by which other machines can reach the server; "" for none."""
    if not is_loopback(settings.host):
        return f"--host {settings.host}"
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    if public is not None and not is_loopback_host(public):
        return f"--public-url {settings.public_url}"
    return ""


def is_development_key(key: str) -> bool:
    """Whether a key is one of those that everybody knows."""
    return key in _DEVELOPMENT_KEYS


def _refuse_public_keys(settings: Settings) -> None:
    """The secret opens the management routes, which a proxy passes on as well."""
    option = exposed_by(settings)
    if not option:
        return
    public = [
        variable
        for variable, keys in (
            ("SWITCHHOOK_COMMUNICATION_KEY", settings.communication_keys),
            ("SWITCHHOOK_TOPIC_KEY", settings.topic_keys),
        )
        if any(map(is_development_key, keys))
    ]
    if settings.client_secret == defaults.CLIENT_SECRET:
        public.append("SWITCHHOOK_CLIENT_SECRET")
    if public:
        raise StartError(
            f"{option} is open to other machines, but the development keys are "
            f"public: set {' and '.join(public)} (`switchhook new-key` makes a key)"
        )
