"""The routes of SMS."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from switchhook.clock import to_text
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.resources import CommunicationResource
from switchhook.communication.sms.engine import SmsEngine
from switchhook.communication.sms.events import attempt_values
from switchhook.communication.sms.opt_outs import OptOutAction
from switchhook.communication.sms.requests import parse_opt_out, parse_send
from switchhook.communication.sms.statuses import delivery_status, with_code
from switchhook.communication.sms.store import DeliveryReport, SmsMessage
from switchhook.errors import RequestError
from switchhook.http.communication_api.authentication import Authenticator
from switchhook.http.communication_api.signed_endpoint import Handler, signed_endpoint
from switchhook.http.errors import json_response

VERSIONS = (
    "2021-03-07",
    "2024-12-10-preview",
    "2025-05-29-preview",
    "2025-08-01-preview",
    "2026-01-23",
)


def routes(
    *,
    sms: SmsEngine,
    directory: CommunicationDirectory,
    host_aliases: Sequence[str] = (),
    now: Callable[[], int] = time.time_ns,
) -> list[Route]:
    """`POST /sms`, the opt-out routes and `GET /deliveryReports/{id}`.

    `host_aliases` are names with which clients may have been configured other than the one of their
    requests; `now` is real time, by which credentials age.
    """
    authenticator = Authenticator(directory=directory, host_aliases=host_aliases, now=now)

    def route(path: str, method: str, handler: Handler) -> Route:
        endpoint = signed_endpoint(handler, authenticator=authenticator, versions=VERSIONS)
        return Route(path, endpoint, methods=[method])

    return [
        route("/sms", "POST", _send(sms)),
        *(
            route(f"/sms/optouts:{action}", "POST", _change_opt_outs(sms, action))
            for action in OptOutAction
        ),
        route("/deliveryReports/{message_id}", "GET", _delivery_report(sms)),
    ]


def _send(sms: SmsEngine) -> Handler:
    async def send(_: Request, resource: CommunicationResource, body: bytes) -> Response:
        return json_response({"value": await sms.send(resource, parse_send(body))}, 202)

    return send


def _change_opt_outs(sms: SmsEngine, action: OptOutAction) -> Handler:
    async def change(_: Request, resource: CommunicationResource, body: bytes) -> Response:
        results = await sms.change_opt_outs(resource, action, parse_opt_out(body))
        return json_response({"value": results})

    return change


def _delivery_report(sms: SmsEngine) -> Handler:
    async def read(request: Request, resource: CommunicationResource, _: bytes) -> Response:
        message = await sms.message(resource, request.path_params["message_id"])
        if message is None or message.report is None:
            raise RequestError(404, "NotFound", "There is no delivery report for this message.")
        return json_response(_report_body(message, message.report))

    return read


def _report_body(message: SmsMessage, report: DeliveryReport) -> dict[str, Any]:
    """The report as the OpenAPI's example has it: with the number of the status, unlike events."""
    body: dict[str, Any] = {
        "deliveryStatus": delivery_status(report.code),
        "deliveryStatusDetails": with_code(report.code, report.details),
        "deliveryAttempts": [attempt_values(attempt) for attempt in report.attempts],
        "receivedTimestamp": to_text(report.received_at),
        "messageId": message.message_id,
        "from": message.from_,
        "to": message.to,
    }
    if message.tag is not None:
        body["tag"] = message.tag
    return body
