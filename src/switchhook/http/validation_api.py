"""The URL that completes a handshake by hand. Its token is the permission: no guard stands before.

A webhook for CloudEvents may grant permission here too, by GET or POST and at a rate that is
ignored, as Azure ignores it (`WebHook-Allowed-Rate`). What Azure answers is not documented.
"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from switchhook.errors import RequestError
from switchhook.grid.resources.subscriptions import SubscriptionResources

DONE = "Webhook successfully validated as a subscription endpoint.\n"


def routes(subscriptions: SubscriptionResources) -> list[BaseRoute]:
    """`GET` and `POST /eventsubscriptions/{name}/validate`."""

    async def validate(request: Request) -> Response:
        query = request.query_params
        name = str(request.path_params["name"])
        if not await subscriptions.complete(name, query.get("id", ""), query.get("token", "")):
            raise RequestError(
                404,
                "ResourceNotFound",
                "The validation URL is not, or no longer, valid: "
                "create or update the event subscription again.",
            )
        return PlainTextResponse(DONE)

    return [Route("/eventsubscriptions/{name}/validate", validate, methods=["GET", "POST"])]
