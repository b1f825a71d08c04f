"""How is a JSON request body read? Bounded in size and depth, and strictly."""

from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request

from switchhook.errors import RequestError

MAX_MANAGEMENT_BODY = 4 << 20  # Resource Manager takes requests of at most 4 MB
MAX_DEPTH = 64


async def read_body(request: Request, limit: int) -> bytes:
    """The body, not read further than `limit` bytes.

    Raises:
        RequestError: it is longer, or the client went away.
    """
    chunks = bytearray()
    try:
        async for chunk in request.stream():
            chunks += chunk
            if len(chunks) > limit:
                raise RequestError(
                    413,
                    "RequestEntityTooLarge",
                    f"The request content is larger than the maximum of {limit} bytes.",
                )
    except ClientDisconnect:
        raise RequestError(400, "InvalidRequestContent", "The request ended early.") from None
    return bytes(chunks)


def parse_json(body: bytes) -> Any:
    """The JSON value of `body`; None when it is empty.

    Raises:
        RequestError: it is not JSON in UTF-8, or nested deeper than `MAX_DEPTH`.
    """
    if not body.strip():
        return None
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _invalid(str(error)) from None
    except RecursionError:
        raise _invalid("it is nested too deeply") from None
    _check_depth(value)
    return value


async def read_object(request: Request, limit: int = MAX_MANAGEMENT_BODY) -> dict[str, Any]:
    """The body as a JSON object; an absent body counts as an empty one.

    Raises:
        RequestError: it is anything else.
    """
    value = parse_json(await read_body(request, limit))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _invalid("it must be a JSON object")
    return value


def _check_depth(value: Any) -> None:
    # Level by level, not by recursion: the input decides how deep it goes.
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise _invalid(f"it is nested deeper than {MAX_DEPTH} levels")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _invalid(reason: str) -> RequestError:
    return RequestError(
        400,
        "InvalidRequestContent",
        f"The request content was invalid and could not be deserialized: '{reason}'.",
    )
