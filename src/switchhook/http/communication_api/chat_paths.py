"""Where in Chat is a request, and where does its next page stand?"""

from urllib.parse import quote, urlencode

from starlette.requests import Request

THREADS = "/chat/threads"
THREAD = "/chat/threads/{thread_id}"
MESSAGES = f"{THREAD}/messages"
MESSAGE = f"{MESSAGES}/{{message_id}}"
PARTICIPANTS = f"{THREAD}/participants"
ADD = f"{PARTICIPANTS}/:add"
REMOVE = f"{PARTICIPANTS}/:remove"
TYPING = f"{THREAD}/typing"
READ_RECEIPTS = f"{THREAD}/readReceipts"

# Milliseconds since the epoch have 13 digits until 2286.
_MAX_ID_DIGITS = 18
NO_MESSAGE = 0


def thread_id_of(request: Request) -> str:
    """The thread that a request names."""
    thread_id: str = request.path_params["thread_id"]
    return thread_id


def message_id_of(request: Request) -> int:
    """The message that a request names; `NO_MESSAGE`, which no message has, where it is no id.

    Whether the caller may know that there is no such message is for the engine to say.
    """
    text: str = request.path_params["message_id"]
    is_id = text.isascii() and text.isdecimal() and len(text) <= _MAX_ID_DIGITS
    return int(text) if is_id else NO_MESSAGE


def location_of(*segments: str) -> str:
    """The root-relative address of a thread, or of a message in it."""
    return "/".join((THREADS, *(quote(segment, safe="") for segment in segments)))


def next_link(request: Request, **changed: str) -> str:
    """The root-relative address of the next page: this request's own, with the given parameters.

    Root-relative, so that it holds behind proxies and for whichever scheme the client uses.
    """
    path: str = request.scope["path"]
    segments = [quote(segment, safe="") for segment in path.split("/")]
    query = dict(request.query_params) | changed
    return f"{'/'.join(segments)}?{urlencode(query)}"
