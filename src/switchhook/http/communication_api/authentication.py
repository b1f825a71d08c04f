"""Which resource does a request address, and may it?"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from starlette.requests import ClientDisconnect, Request

from switchhook.communication.access import SignedRequest, denied, read_signature
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError
from switchhook.http import asgi
from switchhook.http.asgi import WHOLE_BODY, ClientGoneError, Scope, fields
from switchhook.http.web_pages import check_page

# A hundred recipients and the longest message, escaped, are a fifth of it. Azure names no limit.
MAX_BODY_SIZE = 256 * 1024
MAX_CONNECTIONS_REMEMBERED = 4096


class Authenticator:
    """Finds the resource whose access key signed a request.

    `host_aliases` may grow after construction: the ports of a server are not known before it
    listens. `now` is real time.
    """

    def __init__(
        self,
        *,
        directory: CommunicationDirectory,
        host_aliases: Sequence[str] = (),
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._directory = directory
        self._host_aliases = host_aliases
        self._now = now
        self._last: OrderedDict[tuple[str, int], CommunicationResource] = OrderedDict()

    async def authenticate(self, request: Request) -> tuple[CommunicationResource, bytes]:
        """The resource that a request addresses, and the request's body.

        Raises:
            RequestError: 401 `Denied`, 403 for a web page with a public key, or 413 for a body over
                the limit.
        """
        scope = request.scope
        headers = {str(n, "latin-1"): str(v, "latin-1") for n, v in fields(scope).items()}
        if "authorization" not in headers:
            raise denied()
        body = await read_body(request)
        signed = SignedRequest(
            method=scope["method"],
            target=_target(scope),
            headers=headers,
            body=body,
            scheme=scope["scheme"],
        )
        signature = read_signature(signed, now=self._now(), host_aliases=self._host_aliases)
        connection = scope.get("client")
        last = self._last.get(connection) if connection else None
        resource = self._directory.find_signer(signature, headers["host"], last)
        if "origin" in headers:
            check_page(headers["origin"], resource.keys)
        if connection and resource is not last:
            self._remember(connection, resource)
        return resource, body

    def _remember(self, connection: tuple[str, int], resource: CommunicationResource) -> None:
        self._last[connection] = resource
        self._last.move_to_end(connection)
        if len(self._last) > MAX_CONNECTIONS_REMEMBERED:
            self._last.popitem(last=False)


def _target(scope: Scope) -> str:
    """The path and query as they came on the wire."""
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return str(path + b"?" + query if query else path, "latin-1")


async def read_body(request: Request, limit: int = MAX_BODY_SIZE) -> bytes:
    """The request's body, not read further than `limit` bytes.

    Raises:
        RequestError: 413 for one over the limit.
    """
    whole: bytes | None = request.scope.get(WHOLE_BODY)
    if whole is not None and len(whole) <= limit:
        return whole
    try:
        body = await asgi.read_body(request.scope, request.receive, limit)
    except ClientGoneError as gone:
        raise ClientDisconnect from gone
    if body is None:
        message = f"The request body has over {limit} bytes."
        raise RequestError(413, "RequestEntityTooLarge", message)
    return body
