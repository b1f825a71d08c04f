"""Do the proxy variables of the environment ask for a proxy on the way to a webhook?

Switchhook connects directly. Where the environment asks for a proxy it says so and sends nothing,
rather than going round the proxy in silence. Loopback addresses never need one.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

import msgspec

_VARIABLES = {"http": ("http_proxy", "all_proxy"), "https": ("https_proxy", "all_proxy")}


class ProxyEnvironment(msgspec.Struct, frozen=True):
    """The proxy variables that are set: name by scheme, and the entries of `NO_PROXY`."""

    variables: dict[str, str]
    exempt: tuple[str, ...] = ()

    def refusal(self, scheme: str, host: str, port: int) -> str | None:
        """Why there is no direct way to this host; None when no proxy is asked for."""
        variable = self.variables.get(scheme)
        if variable is None or any(_exempts(entry, host, port) for entry in self.exempt):
            return None
        return (
            f"{variable} asks for a proxy on the way to {host}, and webhooks are only called "
            f"directly: add {host} to NO_PROXY, or unset {variable}"
        )


def read_proxy_environment(environ: Mapping[str, str]) -> ProxyEnvironment:
    """What the proxy variables say; lower-case names win over upper-case ones, as in curl."""
    variables = {}
    for scheme, names in _VARIABLES.items():
        found = [name for lower in names if (name := _set_name(environ, lower))]
        if found:
            variables[scheme] = found[0]
    no_proxy = environ.get(_set_name(environ, "no_proxy") or "", "")
    return ProxyEnvironment(variables, tuple(no_proxy.lower().replace(",", " ").split()))


def check_proxy_environment(environ: Mapping[str, str]) -> str | None:
    """A warning for the start when the environment asks for a proxy; None when it does not."""
    proxies = read_proxy_environment(environ)
    if not proxies.variables or "*" in proxies.exempt:
        return None
    names = " and ".join(sorted(set(proxies.variables.values())))
    return (
        f"{names} set: webhooks are only called directly, so that deliveries to other machines "
        "fail unless NO_PROXY lists them. Webhooks on this machine are not affected."
    )


def _set_name(environ: Mapping[str, str], lower: str) -> str | None:
    return next((name for name in (lower, lower.upper()) if environ.get(name)), None)


def _exempts(entry: str, host: str, port: int) -> bool:
    """Whether an entry of `NO_PROXY` covers a host: `*`, a network, a host or its domain."""
    if entry == "*":
        return True
    if "/" in entry:
        return _is_in_network(host, entry)
    name, colon, given_port = entry.partition(":")
    if colon and ":" not in given_port:
        if given_port != str(port):
            return False
        entry = name
    domain = entry.removeprefix("*").lstrip(".").strip("[]")
    return bool(domain) and (host == domain or host.endswith("." + domain))


def _is_in_network(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
