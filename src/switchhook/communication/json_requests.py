"""What does a JSON request body say? Refusals are worded as Communication Services words them."""

from typing import TypeVar

import msgspec

from switchhook.errors import RequestError

T = TypeVar("T")


def bad_request(message: str) -> RequestError:
    """The refusal of a request that breaks a rule."""
    return RequestError(400, "BadRequest", message)


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The request in `body`; members that the type does not know are ignored, as Azure does.

    Raises:
        RequestError: 400; the message names the member that is wrong.
    """
    try:
        # The decoder does not look into the text of members that it skips.
        body.decode("utf-8")
        return decoder.decode(body)
    except UnicodeDecodeError as error:
        raise bad_request("The request body is not valid UTF-8.") from error
    except msgspec.ValidationError as error:
        raise bad_request(f"The request body is invalid: {error}.") from error
    except msgspec.DecodeError as error:
        raise bad_request(f"The request body is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise bad_request("The request body is nested too deeply.") from error
