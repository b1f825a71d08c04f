"""May a web page ask, with a key that everybody knows?

A page that somebody opens on this machine can send requests to loopback, and could sign them with
the development keys. Pages that are served by this machine may; every other one needs a key that
somebody has given it.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from switchhook.errors import RequestError
from switchhook.loopback import is_loopback_host
from switchhook.settings import is_development_key


def check_page(origin: str | None, keys: Iterable[str]) -> None:
    """Let a request through that one of these keys has opened; `origin` is the header, if any.

    Raises:
        RequestError: 403, the key is public and the page is not of this machine.
    """
    if origin is None or _is_of_this_machine(origin):
        return
    if any(map(is_development_key, keys)):
        raise RequestError(
            403,
            "Forbidden",
            "The development keys are public: web pages from elsewhere (see the header 'Origin') "
            "must not use them.",
        )


def _is_of_this_machine(origin: str) -> bool:
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        return False
    return host is not None and is_loopback_host(host)
