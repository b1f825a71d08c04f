"""Does a request come from a program on the server's own machine?"""

from starlette.requests import Request

from switchhook.errors import RequestError
from switchhook.http.management_guard import names_loopback
from switchhook.loopback import is_loopback_address


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
        or not is_loopback_address(client.host)
        or is_forwarded
        or not names_loopback(headers.get("host", ""))
    ):
        raise RequestError(403, "Forbidden", message)
