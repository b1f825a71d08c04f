"""Which routes are answered without the framework's own way to them?

That way asks the routes of the whole server in turn, inside layers that catch errors. Endpoints
that word their own errors, and of which there are few at each first segment, need none of it.
"""

from collections import defaultdict
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from switchhook.http.asgi import App, Receive, Scope, Send
from switchhook.http.errors import bug_response


class DirectRoutes:
    """Answers what these routes serve; all the rest goes to `others`, refusals among it."""

    def __init__(self, routes: Sequence[Route], others: App) -> None:
        self._others = others
        self._routes: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            self._routes[_first_segment(route.path)].append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http":
            for route in self._routes.get(_first_segment(scope["path"]), ()):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    response = await _answer(route, Request(scope, receive, send))
                    await response(scope, receive, send)
                    return
        await self._others(scope, receive, send)


def _first_segment(path: str) -> str:
    return path[1:].partition("/")[0]


async def _answer(route: Route, request: Request) -> Response:
    try:
        response: Response = await route.endpoint(request)
    except Exception as error:  # noqa: BLE001 - the framework's outermost layer does the same
        return bug_response(error)
    return response
