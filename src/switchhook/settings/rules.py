"""Which settings contradict each other, or would be unsafe?"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from switchhook import defaults
from switchhook.errors import StartError
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
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    return not is_loopback(settings.host) or (public is not None and not is_loopback(public))


def is_development_key(key: str) -> bool:
    """Whether a key is one of those that everybody knows."""
    return key in _DEVELOPMENT_KEYS


def _refuse_public_keys(settings: Settings) -> None:
    if is_loopback(settings.host):
        _refuse_public_secret(settings)
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
            f"--host {settings.host} is open to other machines, but the development keys are "
            f"public: set {' and '.join(public)} (`switchhook new-key` makes a key)"
        )


def _refuse_public_secret(settings: Settings) -> None:
    # It opens the management routes, which the proxy behind a public URL passes on.
    if is_exposed(settings) and settings.client_secret == defaults.CLIENT_SECRET:
        raise StartError(
            f"--public-url {settings.public_url} is open to other machines, but the development "
            "client secret is public: set another SWITCHHOOK_CLIENT_SECRET, or none"
        )
