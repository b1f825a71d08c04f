"""Every management route is behind the guard: the route table itself is walked."""

from starlette.routing import BaseRoute, Route

from switchhook.http.arm_api.routes import ArmRoute
from tests.flow.arm.requests import send
from tests.flow.arm.scene import GROUP, Scene

# What needs no token, each with the reason. Nothing else may.
OPEN = {
    "/eventsubscriptions/{name}/validate": "its token is the permission",
}


def addresses(route: BaseRoute) -> list[tuple[str, str]]:
    """Method and path of everything that a route serves."""
    if isinstance(route, ArmRoute):
        keys = [key.split(" ", 1) for key in route._table]
        return [(method, f"{GROUP}/providers/{path.replace('*', 'name')}") for method, path in keys]
    assert isinstance(route, Route), f"{route} needs a line of its own here"
    return [(method, route.path) for method in route.methods or ()]


async def test_every_route_wants_a_token(scene: Scene) -> None:
    """Without one, or with a wrong one, the answer is 401 and a challenge, and nothing happens."""
    found = [address for route in scene.app().routes for address in addresses(route)]
    guarded = [(method, path) for method, path in found if path not in OPEN]

    assert len(guarded) > 40
    for method, path in guarded:
        for authorization in ("", "Bearer wrong", "Bearer a.b.c"):
            answer = await send(scene, method, path, {}, {"authorization": authorization})
            assert (answer.status, path) == (401, path)
            assert answer.headers["www-authenticate"].startswith("Bearer ")
            assert answer.json()["error"].keys() == {"code", "message"}
    assert scene.store.extent().end == 0
    assert list(scene.resources.topics.all()) == []


async def test_every_route_refuses_web_pages(scene: Scene) -> None:
    """Even with the token."""
    found = [address for route in scene.app().routes for address in addresses(route)]

    for method, path in found:
        if path not in OPEN:
            answer = await send(scene, method, path, {}, {"origin": "https://example.com"})
            assert (answer.status, path) == (403, path)


async def test_unknown_routes_want_a_token_first(scene: Scene) -> None:
    """Nobody learns which routes there are."""
    path = f"{GROUP}/providers/Contoso.Things/things/thing"

    assert (await send(scene, "GET", path, None, {"authorization": ""})).status == 401
    assert (await send(scene, "GET", path)).status == 404
