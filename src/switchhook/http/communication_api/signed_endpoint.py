"""What do all routes of Communication Services have in common?"""

import re
import uuid
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError, StoreError
from switchhook.http.communication_api.authentication import Authenticator
from switchhook.http.errors import from_store_error, json_response

# Clients repeat a request after a 503 by themselves. On any other error this header must not stand:
# its mere presence makes azure-core repeat even a 400.
STORE_RETRY_AFTER = 1

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-[a-z0-9.-]{1,32})?")

Handler = Callable[[Request, CommunicationResource, bytes], Awaitable[Response]]


def signed_endpoint(
    handler: Handler, *, authenticator: Authenticator, versions: Sequence[str]
) -> Callable[[Request], Awaitable[Response]]:
    """A route's endpoint: authenticates, calls `handler`, words errors, adds the usual headers.

    `versions` are the API versions that answers name as supported. A write must have a version; one
    that is not listed is served like the newest, because clients move faster than this list.
    """
    supported = ", ".join(versions)

    async def endpoint(request: Request) -> Response:
        response = await _answer(request)
        response.headers["api-supported-versions"] = supported
        response.headers["x-ms-request-id"] = str(uuid.uuid4())
        client_id = request.headers.get("x-ms-client-request-id")
        wants_id = request.headers.get("x-ms-return-client-request-id", "").lower() == "true"
        if client_id and wants_id:
            response.headers["x-ms-client-request-id"] = client_id
        return response

    async def _answer(request: Request) -> Response:
        try:
            resource, body = await authenticator.authenticate(request)
            if request.method not in ("GET", "HEAD"):
                _check_version(request.query_params.get("api-version", ""), supported)
            return await handler(request, resource, body)
        except RequestError as error:
            return _error(error)
        except StoreError as error:
            response = _error(from_store_error(error))
            response.headers["retry-after"] = str(STORE_RETRY_AFTER)
            return response
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it

    return endpoint


def _check_version(version: str, supported: str) -> None:
    if not version:
        message = "The query parameter 'api-version' is missing."
        raise RequestError(400, "MissingApiVersion", message)
    if not _VERSION.fullmatch(version):
        message = f"The api-version '{version[:40]}' is not supported; supported are {supported}."
        raise RequestError(400, "UnsupportedApiVersion", message)


def _error(error: RequestError) -> Response:
    return json_response({"error": {"code": error.code, "message": error.message}}, error.status)
