"""The routes of Chat."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from switchhook.communication.chat import requests
from switchhook.communication.chat.engine import ChatEngine
from switchhook.communication.identity.caller import Caller
from switchhook.http.communication_api import chat_paths as paths
from switchhook.http.communication_api import chat_replies as replies
from switchhook.http.communication_api.signed_endpoint import Authenticates, signed_endpoint
from switchhook.http.errors import json_response

VERSIONS = ("2021-03-07", "2021-09-07", "2023-11-07", "2024-03-07", "2025-03-15")

# 200 participants, each with the longest name and metadata, all escaped, are a little less.
MAX_BODY_SIZE = 2 << 20

Handler = Callable[[Request, Caller, bytes], Awaitable[Response]]


def routes(*, chat: ChatEngine, authenticator: Authenticates[Caller]) -> list[Route]:
    """Every operation under `/chat/threads`; `authenticator` reads up to `MAX_BODY_SIZE`."""

    def route(path: str, handlers: Mapping[str, Handler]) -> Route:
        async def handle(request: Request, caller: Caller, body: bytes) -> Response:
            method = "GET" if request.method == "HEAD" else request.method
            return await handlers[method](request, caller, body)

        endpoint = signed_endpoint(handle, authenticator=authenticator, versions=VERSIONS)
        return Route(path, endpoint, methods=list(handlers))

    return [route(path, each) for path, each in _operations(_Chat(chat)).items()]


class _Chat:
    """What each operation reads from a request and writes into a reply."""

    def __init__(self, engine: ChatEngine) -> None:
        self._engine = engine

    async def create_thread(self, request: Request, caller: Caller, body: bytes) -> Response:
        thread, rejected = await self._engine.create_thread(
            caller,
            requests.parse_create_thread(body),
            request.headers.get("repeatability-request-id"),
        )
        reply = replies.created_reply(thread, rejected, caller.resource)
        return json_response(reply, 201, {"location": paths.location_of(thread.id)})

    async def list_threads(self, request: Request, caller: Caller, _: bytes) -> Response:
        page = requests.parse_page(request.query_params)
        items, token = await self._engine.threads(caller, page)
        found = [replies.thread_item_reply(item.thread, item.last_message_at) for item in items]
        return json_response(replies.page_reply(found, _after(request, token)))

    async def get_thread(self, request: Request, caller: Caller, _: bytes) -> Response:
        thread = await self._engine.thread(caller, paths.thread_id_of(request))
        return json_response(replies.thread_reply(thread))

    async def update_thread(self, request: Request, caller: Caller, body: bytes) -> Response:
        changes = requests.parse_update_thread(body)
        await self._engine.update_thread(caller, paths.thread_id_of(request), changes)
        return Response(status_code=204)

    async def delete_thread(self, request: Request, caller: Caller, _: bytes) -> Response:
        await self._engine.delete_thread(caller, paths.thread_id_of(request))
        return Response(status_code=204)

    async def list_participants(self, request: Request, caller: Caller, _: bytes) -> Response:
        page = requests.parse_skip(request.query_params)
        found, more = await self._engine.participants(caller, paths.thread_id_of(request), page)
        items = [replies.participant_reply(each) for each in found]
        return json_response(replies.page_reply(items, _behind(request, page, len(items), more)))

    async def add_participants(self, request: Request, caller: Caller, body: bytes) -> Response:
        added = requests.parse_participants(body)
        thread_id = paths.thread_id_of(request)
        rejected = await self._engine.add_participants(caller, thread_id, added)
        return json_response(replies.added_reply(rejected, caller.resource), 201)

    async def remove_participant(self, request: Request, caller: Caller, body: bytes) -> Response:
        raw_id = requests.parse_identifier(body)
        await self._engine.remove_participant(caller, paths.thread_id_of(request), raw_id)
        return Response(status_code=204)

    async def send_message(self, request: Request, caller: Caller, body: bytes) -> Response:
        thread_id = paths.thread_id_of(request)
        asked = requests.parse_send_message(body)
        message = await self._engine.send_message(caller, thread_id, asked)
        location = paths.location_of(thread_id, "messages", str(message.id))
        return json_response({"id": str(message.id)}, 201, {"location": location})

    async def list_messages(self, request: Request, caller: Caller, _: bytes) -> Response:
        page = requests.parse_page(request.query_params)
        found, token = await self._engine.messages(caller, paths.thread_id_of(request), page)
        items = [replies.message_reply(each) for each in found]
        return json_response(replies.page_reply(items, _after(request, token)))

    async def get_message(self, request: Request, caller: Caller, _: bytes) -> Response:
        message = await self._engine.message(caller, *_message_in(request))
        return json_response(replies.message_reply(message))

    async def update_message(self, request: Request, caller: Caller, body: bytes) -> Response:
        changes = requests.parse_update_message(body)
        await self._engine.update_message(caller, *_message_in(request), changes)
        return Response(status_code=204)

    async def delete_message(self, request: Request, caller: Caller, _: bytes) -> Response:
        await self._engine.delete_message(caller, *_message_in(request))
        return Response(status_code=204)

    async def send_typing(self, request: Request, caller: Caller, body: bytes) -> Response:
        display_name = requests.parse_typing(body)
        await self._engine.send_typing(caller, paths.thread_id_of(request), display_name)
        return Response(status_code=200)

    async def send_read_receipt(self, request: Request, caller: Caller, body: bytes) -> Response:
        message_id = requests.parse_read_receipt(body)
        await self._engine.send_read_receipt(caller, paths.thread_id_of(request), message_id)
        return Response(status_code=200)

    async def list_read_receipts(self, request: Request, caller: Caller, _: bytes) -> Response:
        page = requests.parse_skip(request.query_params)
        found, more = await self._engine.read_receipts(caller, paths.thread_id_of(request), page)
        items = [replies.receipt_reply(each) for each in found]
        return json_response(replies.page_reply(items, _behind(request, page, len(items), more)))


def _operations(chat: _Chat) -> Mapping[str, Mapping[str, Handler]]:
    """Which operation is behind each path and method."""
    return {
        paths.THREADS: {"POST": chat.create_thread, "GET": chat.list_threads},
        paths.THREAD: {
            "GET": chat.get_thread,
            "PATCH": chat.update_thread,
            "DELETE": chat.delete_thread,
        },
        paths.ADD: {"POST": chat.add_participants},
        paths.REMOVE: {"POST": chat.remove_participant},
        paths.PARTICIPANTS: {"GET": chat.list_participants},
        paths.MESSAGES: {"POST": chat.send_message, "GET": chat.list_messages},
        paths.MESSAGE: {
            "GET": chat.get_message,
            "PATCH": chat.update_message,
            "DELETE": chat.delete_message,
        },
        paths.TYPING: {"POST": chat.send_typing},
        paths.READ_RECEIPTS: {
            "POST": chat.send_read_receipt,
            "GET": chat.list_read_receipts,
        },
    }


def _after(request: Request, token: str) -> str:
    return paths.next_link(request, **{requests.TOKEN_PARAMETER: token}) if token else ""


def _behind(request: Request, page: requests.SkipRequest, shown: int, more: bool) -> str:
    return paths.next_link(request, skip=str(page.skip + shown)) if more else ""


def _message_in(request: Request) -> tuple[str, int]:
    return paths.thread_id_of(request), paths.message_id_of(request)
