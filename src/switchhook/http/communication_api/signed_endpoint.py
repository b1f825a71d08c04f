"""What do all routes of Communication Services have in common?"""

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Protocol, TypeVar

from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError, StoreError
from switchhook.guids import Guids
from switchhook.http.asgi import Scope, fields, header
from switchhook.http.errors import from_store_error, json_response

# Clients repeat a request after a 503 by themselves. On a final error this header must not stand:
# its mere presence makes azure-core repeat even a 400.
STORE_RETRY_AFTER = 1

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-[a-z0-9.-]{1,32})?")

Subject = TypeVar("Subject")
Who = TypeVar("Who", covariant=True)

Handler = Callable[[Request, CommunicationResource, bytes], Awaitable[Response]]


class Authenticates(Protocol[Who]):
    """Finds out whom a request comes from."""

    async def authenticate(self, request: Request) -> tuple[Who, bytes]:
        """Who that is, and the request's body.

        Raises:
            RequestError: 401, or 413 for a body over the limit.
        """


def signed_endpoint(
    handler: Callable[[Request, Subject, bytes], Awaitable[Response]],
    *,
    authenticator: Authenticates[Subject],
    versions: Sequence[str],
) -> Callable[[Request], Awaitable[Response]]:
    """A route's endpoint: authenticates, calls `handler`, words errors, adds the usual headers.

    `authenticator` says what the handler gets: the resource whose key signed the request, the user
    whose token it carries, or whatever else it finds. `versions` are the API versions that answers
    name as supported. A write must have a version; one that is not listed is served like the
    newest, because clients move faster than this list.
    """
    supported = ", ".join(versions)
    new_request_id = Guids().new
    supported_header = (b"api-supported-versions", supported.encode())

    async def endpoint(request: Request) -> Response:
        scope = request.scope
        try:
            subject, body = await authenticator.authenticate(request)
            if scope["method"] not in ("GET", "HEAD"):
                _check_version(scope["query_string"], supported)
            response = await handler(request, subject, body)
        except RequestError as error:
            response = _error(error)
        except StoreError as error:
            response = _error(from_store_error(error))
            response.headers["retry-after"] = str(STORE_RETRY_AFTER)
        except ClientDisconnect:
            response = Response(status_code=400)  # nobody is there to read it
        request_id = (b"x-ms-request-id", new_request_id().encode())
        response.raw_headers += (supported_header, request_id)
        if b"x-ms-client-request-id" in fields(scope):
            _echo_id(scope, response)
        return response

    return endpoint


def _echo_id(scope: Scope, response: Response) -> None:
    """Answer the client's own id of the request, where the client wants it."""
    client_id = header(scope, b"x-ms-client-request-id")
    wish = header(scope, b"x-ms-return-client-request-id")
    if client_id and wish is not None and wish.lower() == "true":
        response.headers["x-ms-client-request-id"] = client_id


# A client's queries are few: most say nothing but the version. Only what holds is remembered.
@lru_cache(maxsize=64)
def _check_version(query: bytes, supported: str) -> None:
    version: str = QueryParams(query).get("api-version", "")
    if not version:
        message = "The query parameter 'api-version' is missing."
        raise RequestError(400, "MissingApiVersion", message)
    if not _VERSION.fullmatch(version):
        message = f"The api-version '{version[:40]}' is not supported; supported are {supported}."
        raise RequestError(400, "UnsupportedApiVersion", message)


def _error(error: RequestError) -> Response:
    body = {"code": error.code, "message": error.message}
    if error.target:
        body["target"] = error.target
    response = json_response({"error": body}, error.status)
    if error.retry_after is not None:
        response.headers["retry-after"] = str(error.retry_after)
    return response
