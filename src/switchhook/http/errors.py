"""How does an error look on the wire?

Everything but the publish route, which words its own, answers `{"error": {"code", "message"}}`.
"""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from switchhook.errors import RequestError, StoreError, StoreFullError

_log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode

UNAVAILABLE_RETRY_AFTER = 5  # seconds: clients repeat a request only if they are told to


class JsonResponse(Response):
    """A JSON answer; it is made with less ado than others."""

    media_type = "application/json"

    def __init__(self, content: bytes, status: int) -> None:
        self.status_code = status
        self.background = None
        self.body = content
        length = (b"content-length", str(len(content)).encode())
        self.raw_headers = [length, _JSON]


_JSON = (b"content-type", b"application/json")


def json_response(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON answer."""
    response = JsonResponse(_encode(body), status)
    if headers:
        response.headers.update(headers)
    return response


def arm_error(error: RequestError) -> Response:
    """An error as Resource Manager and Communication Services word it."""
    detail = [{"code": error.details_code, "message": error.message}]
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details_code:
        body["details"] = detail
    headers = {"www-authenticate": error.challenge} if error.challenge else {}
    return json_response({"error": body}, error.status, headers)


def exception_handlers() -> dict[Any, ExceptionHandler]:
    """What Starlette calls when a route raises."""
    return {
        RequestError: _handle(lambda error: error),
        HTTPException: _handle(_from_http_exception),
        StoreError: _handle(from_store_error),
        Exception: _handle(_from_bug),
    }


def bug_response(error: Exception) -> Response:
    """The answer to a request that met an error of our own, which is logged."""
    return arm_error(_from_bug(error))


def from_store_error(error: Exception) -> RequestError:
    """503: the request may be sent again."""
    full = isinstance(error, StoreFullError)
    reason = "its storage is full" if full else "its storage cannot take a write now"
    return RequestError(503, "ServiceUnavailable", f"The server is unavailable: {reason}.")


def _handle(translate: Callable[[Any], RequestError]) -> ExceptionHandler:
    def handler(_: Request, error: Exception) -> Response:
        translated = translate(error)
        response = arm_error(translated)
        if translated.status == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["retry-after"] = str(UNAVAILABLE_RETRY_AFTER)
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    return handler


def _from_http_exception(error: HTTPException) -> RequestError:
    status = error.status_code
    if status == HTTPStatus.NOT_FOUND:
        return RequestError(
            status, "ResourceNotFound", "No HTTP resource was found that matches the request URI."
        )
    return RequestError(status, _status_name(status), error.detail)


def _from_bug(error: Exception) -> RequestError:
    _log.error("request.failed", exc_info=error)
    return RequestError(500, "InternalServerError", "The server met an error of its own.")


def _status_name(status: int) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        return str(status)
    return "".join(character for character in phrase if character.isalnum())
