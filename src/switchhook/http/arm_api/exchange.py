"""What is a request to a management route, and how are its answers formed?"""

import base64
import binascii
import itertools
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from switchhook.errors import RequestError
from switchhook.grid.resources.ids import EVENT_GRID, ResourcePath, parse_scope
from switchhook.http.arm_api.odata import parse_filter
from switchhook.http.errors import json_response
from switchhook.http.json_body import read_object

DEFAULT_API_VERSION = "2025-02-15"
EVENT_GRID_PAGE = 20  # azure-mgmt-eventgrid 10.4.0: `$top` is 1 to 100, 20 by default
MAX_PAGE = 100

Body = dict[str, Any]


class ArmRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose path names a provider's resource, collection or action."""

    method: str
    path: ResourcePath
    query: Mapping[str, str]
    base_url: str
    request: Request

    async def body(self) -> Body:
        """The JSON object that was sent, an empty one for no body."""
        return await read_object(self.request)

    def operation_url(self, operation: str, location: str) -> str:
        """Where an operation can be asked for."""
        subscription = parse_scope(self.path.scope).subscription
        version = self.query.get("api-version", DEFAULT_API_VERSION)
        return (
            f"{self.base_url}/subscriptions/{quote(subscription)}/providers/{EVENT_GRID}/locations/"
            f"{quote(location)}/operationsStatus/{operation}?{urlencode({'api-version': version})}"
        )


def base_url_of(request: Request, public_url: str) -> str:
    """What stands in front of the links of an answer.

    The public URL when the client used its name, so that links survive a proxy; otherwise what the
    client used: a client that came over http need not trust our certificate. The guard has checked
    the name before.
    """
    host = request.headers.get("host", "")
    if host.lower() == urlsplit(public_url).netloc.lower():
        return public_url
    return f"{request.scope['scheme']}://{host}"


def created(
    body: Body, request: ArmRequest, *, operation: str, location: str, state: str = "Creating"
) -> Response:
    """The first answer to a PUT: 201 in state Creating, and where to ask how it ends.

    Clients other than the JavaScript one accept only 201 here, for a replacement too.
    """
    properties = {**body["properties"], "provisioningState": state}
    headers = {"azure-asyncoperation": request.operation_url(operation, location)}
    return json_response({**body, "properties": properties}, 201, headers)


def no_content() -> Response:
    """204, which every client accepts for a DELETE."""
    return Response(status_code=204)


def page(
    request: ArmRequest, items: Iterable[Body], *, default_size: int = EVENT_GRID_PAGE
) -> Response:
    """A list in the order of the ids, cut at `$top`, with the absolute link to the rest."""
    items = sorted(items, key=_order)

    def after(last: str) -> Iterable[Body]:
        return (item for item in items if _order(item) > last)

    return ordered_page(request, after, default_size=default_size)


def ordered_page(
    request: ArmRequest,
    after: Callable[[str], Iterable[Body]],
    *,
    default_size: int = EVENT_GRID_PAGE,
) -> Response:
    """The same for a list of which only a page is made: `after` an id, in the order of the ids."""
    wanted = _name_filter(request)
    size = page_size(request, default_size)
    found = after(_read_token(request.query.get("$skiptoken", "")))
    some = list(itertools.islice((item for item in found if wanted(item["name"])), size + 1))
    body: Body = {"value": some[:size]}
    if len(some) > size:
        body["nextLink"] = _next_link(request, _order(some[size - 1]))
    return json_response(body)


def with_usual_headers(request: Request, response: Response) -> Response:
    """Add what every answer of Resource Manager carries."""
    response.headers.setdefault("x-ms-request-id", str(uuid.uuid4()))
    correlation = request.headers.get("x-ms-correlation-request-id", "")
    response.headers.setdefault(
        "x-ms-correlation-request-id", correlation or response.headers["x-ms-request-id"]
    )
    response.headers.setdefault("cache-control", "no-cache")
    client_id = request.headers.get("x-ms-client-request-id")
    if client_id and request.headers.get("x-ms-return-client-request-id") == "true":
        response.headers["x-ms-client-request-id"] = client_id
    return response


def _order(item: Body) -> str:
    return str(item["id"]).lower()


def _name_filter(request: ArmRequest) -> Callable[[str], bool]:
    text = request.query.get("$filter", "")
    return parse_filter(text) if text.strip() else lambda _: True


def page_size(request: ArmRequest, default: int = EVENT_GRID_PAGE) -> int:
    """How many items the page is to have at most."""
    text = request.query.get("$top", "")
    if not text:
        return default
    size = int(text[:9]) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= size <= MAX_PAGE:
        raise RequestError(
            400, "InvalidRequest", f"The value of '$top' must be between 1 and {MAX_PAGE}."
        )
    return size


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode("ascii")


def continued_page(request: ArmRequest, items: Iterable[Body], following: str | None) -> Response:
    """A page of a list in an order of its own; `following` is the place where the rest begins."""
    body: Body = {"value": list(items)}
    if following is not None:
        body["nextLink"] = _next_link(request, following)
    return json_response(body)


def place_in_list(request: ArmRequest) -> str:
    """The place that the link to this page named, "" for the first page."""
    return _read_token(request.query.get("$skiptoken", ""))


def _next_link(request: ArmRequest, last: str) -> str:
    query = {**request.query, "$skiptoken": _token(last)}
    path = quote(request.request.scope["path"])
    return f"{request.base_url}{path}?{urlencode(query)}"


def _read_token(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text.encode("ascii")).decode()
    except (ValueError, binascii.Error):
        raise RequestError(400, "InvalidRequest", "The '$skiptoken' is not valid.") from None
