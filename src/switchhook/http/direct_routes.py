"""Which routes are answered without the framework's own way to them?

That way asks the routes of the whole server in turn, inside layers that catch errors. Endpoints
that word their own errors, and of which there are few at each first segment, need none of it.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from switchhook.http.asgi import App, Receive, Scope, Send
from switchhook.http.errors import bug_response

Endpoint = Callable[[Request], Awaitable[Response]]


class DirectRoutes:
    """Answers what these routes serve; all the rest goes to `others`, refusals among it."""

    def __init__(self, routes: Sequence[Route], others: App) -> None:
        self._others = others
        self._routes: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            self._routes[_first_segment(route.path)].append(route)
        # Nearly all requests are for few paths without parameters: who answers those is known.
        self._known: dict[tuple[str, str], Scope | None] = {}
        for route in routes:
            if not route.param_convertors:
                for method in route.methods or ():
                    self._known[method, route.path] = self._match(_scope_of(method, route.path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        endpoint = self.find(scope) if scope["type"] == "http" else None
        if endpoint is None:
            await self._others(scope, receive, send)
            return
        try:
            response = await endpoint(Request(scope, receive, send))
        except Exception as error:  # noqa: BLE001 - the framework's outermost layer does the same
            response = bug_response(error)
        await response(scope, receive, send)

    def find(self, scope: Scope) -> Endpoint | None:
        """Who answers a request, if one of these routes serves it; its scope learns of the route
        what endpoints may ask."""
        found = self._known.get((scope["method"], scope["path"])) or self._match(scope)
        if found is None:
            return None
        scope.update(found)
        endpoint: Endpoint = found["endpoint"]
        return endpoint

    def _match(self, scope: Scope) -> Scope | None:
        for route in self._routes.get(_first_segment(scope["path"]), ()):
            match, found = route.matches(scope)
            if match is Match.FULL:
                return found
        return None


def _scope_of(method: str, path: str) -> Scope:
    return {"type": "http", "method": method, "path": path}


def _first_segment(path: str) -> str:
    return path[1:].partition("/")[0]
