"""Does a request come from a program on the server's own machine?"""

import ipaddress

from starlette.requests import Request

from switchhook.errors import RequestError
from switchhook.http.management_guard import is_loopback_name


def check_is_local(request: Request, message: str) -> None:
    """Let only programs of this machine through, and nobody whom a proxy on it lets in.

    Raises:
        RequestError: it is somebody else.
    """
    client = request.client
    headers = request.headers
    is_forwarded = "x-forwarded-for" in headers or "forwarded" in headers or "via" in headers
    if (
        client is None
        or not _is_loopback(client.host)
        or is_forwarded
        or not is_loopback_name(headers.get("host", ""))
    ):
        raise RequestError(403, "Forbidden", message)


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
