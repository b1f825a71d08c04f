"""Which function answers which management route? One table.

A key is the method and the path after its scope, in lower case, with `*` for each name.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from switchhook.communication.management import Resources
from switchhook.errors import RequestError, StoreError
from switchhook.grid.resources.ids import ResourcePath, collapse, parse_path
from switchhook.grid.resources.topic_rules import K
from switchhook.http.arm_api.communication import Action, CommunicationRoutes
from switchhook.http.arm_api.control import Control, ControlRoutes
from switchhook.http.arm_api.deliveries import DeliveryTools, delivery_table
from switchhook.http.arm_api.domains import DomainRoutes
from switchhook.http.arm_api.events import EventRoutes
from switchhook.http.arm_api.exchange import ArmRequest, base_url_of, with_usual_headers
from switchhook.http.arm_api.keyed import KeyedRoutes
from switchhook.http.arm_api.subscriptions import SubscriptionRoutes
from switchhook.http.arm_api.topics import TopicRoutes
from switchhook.http.arm_api.users import UserRoutes, Users
from switchhook.http.errors import arm_error, from_store_error
from switchhook.http.management_guard import ManagementGuard

Handler = Callable[[ArmRequest], Awaitable[Response]]

_GRID = "microsoft.eventgrid"
_ACS = "microsoft.communication/communicationservices"
_OWN_GRID = "switchhook.eventgrid"
_OWN_ACS = "switchhook.communication"

# Reported by name, so that nobody looks for a typing error.
_LATER = {
    _GRID: frozenset(
        {
            "namespaces",
            "topictypes",
            "extensiontopics",
            "eventtypes",
        }
    ),
    "microsoft.communication": frozenset({"emailservices"}),
}

# A partner publishes to other people's Azure subscriptions: a server of one's own has none.
_PARTNER = frozenset(
    {
        "partnernamespaces",
        "partnerregistrations",
        "partnerconfigurations",
        "partnertopics",
        "partnerdestinations",
        "verifiedpartners",
    }
)


def routes(
    *,
    resources: Resources,
    guard: ManagementGuard,
    public_url: Callable[[], str],
    actions: Mapping[str, Action],
    deliveries: DeliveryTools | None = None,
    events: EventRoutes | None = None,
    control: Control | None = None,
    users: Users | None = None,
) -> list[BaseRoute]:
    """The management routes; `actions` are `receivesms` and `emitevent`."""
    topics = TopicRoutes(resources.topics, resources.operations, public_url)
    domains = DomainRoutes(resources.domains, resources.operations, public_url)
    subscriptions = SubscriptionRoutes(resources.subscriptions, resources.topics, resources.sources)
    communication = CommunicationRoutes(resources.communication, public_url, actions)
    table = {
        **_topic_table(topics),
        **_keyed_table("topics", topics),
        **_keyed_table("domains", domains),
        **_domain_topic_table(domains),
        **_subscription_table(subscriptions),
        **_communication_table(communication),
        **{f"POST {_OWN_ACS}/{name}": communication.act for name in actions},
        **(_event_table(events) if events is not None else {}),
        **(_control_table(ControlRoutes(control)) if control is not None else {}),
    }
    if deliveries is not None:
        table |= delivery_table(deliveries, resources.subscriptions, subscriptions)
    if users is not None:
        table[f"GET {_OWN_ACS}/users"] = UserRoutes(resources.communication, users).list
    return [ArmRoute(table, guard, public_url)]


class ArmRoute(BaseRoute):
    """Matches every path that names a provider's resource, whatever its case and slashes."""

    def __init__(
        self, table: Mapping[str, Handler], guard: ManagementGuard, public_url: Callable[[], str]
    ) -> None:
        self._table = table
        self._guard = guard
        self._public_url = public_url

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See `BaseRoute`."""
        if scope["type"] != "http":
            return Match.NONE, {}
        path = collapse(scope["path"]).lower()
        is_ours = path.startswith(("/subscriptions/", "/providers/")) and "/providers/" in path
        return (Match.FULL if is_ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `BaseRoute`."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except RequestError as error:
            response = arm_error(error)
        except StoreError as error:
            response = arm_error(from_store_error(error))
        await with_usual_headers(request, response)(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        self._guard.check(request.headers)
        if not request.scope["path"].isprintable():  # ids stand in headers, logs and terminals
            raise RequestError(
                400, "InvalidRequest", "The path must not contain control characters."
            )
        path = parse_path(request.scope["path"])
        if path is None:
            raise RequestError(404, "ResourceNotFound", "The path names no provider's resource.")
        handler = self._table.get(f"{request.method} {path.pattern}")
        if handler is None:
            raise self._unknown(request.method, path)
        query = {name.lower(): value for name, value in request.query_params.items()}
        return await handler(
            ArmRequest(
                method=request.method,
                path=path,
                query=query,
                base_url=base_url_of(request, self._public_url()),
                request=request,
            )
        )

    def _unknown(self, method: str, path: ResourcePath) -> RequestError:
        methods = [key.split(" ")[0] for key in self._table if key.endswith(f" {path.pattern}")]
        if methods:
            return RequestError(
                405,
                "MethodNotAllowed",
                f"'{method}' is not one of {', '.join(methods)}, which '{path.text()}' has.",
            )
        namespace, kind = path.namespace.lower(), path.types[0].lower() if path.types else ""
        if namespace == _GRID and kind in _PARTNER:
            return RequestError(
                404,
                "InvalidResourceType",
                f"Partner events are not supported: there is no resource type '{path.types[0]}' "
                f"in the namespace '{path.namespace}' here. Use a topic or a domain.",
            )
        if kind in _LATER.get(namespace, ()):
            return RequestError(
                404,
                "InvalidResourceType",
                f"The resource type '{path.types[0]}' of the namespace '{path.namespace}' is not "
                "supported in this release.",
            )
        return RequestError(
            404,
            "InvalidResourceType",
            f"The resource type '{'/'.join(path.types)}' could not be found in the namespace "
            f"'{path.namespace}'.",
        )


def _keyed_table(kind: str, routes: KeyedRoutes[K]) -> dict[str, Handler]:
    return {
        f"PUT {_GRID}/{kind}/*": routes.put,
        f"GET {_GRID}/{kind}/*": routes.get,
        f"PATCH {_GRID}/{kind}/*": routes.patch,
        f"DELETE {_GRID}/{kind}/*": routes.delete,
        f"GET {_GRID}/{kind}": routes.list,
        f"POST {_GRID}/{kind}/*/listkeys": routes.list_keys,
        f"POST {_GRID}/{kind}/*/regeneratekey": routes.regenerate_key,
    }


def _domain_topic_table(routes: DomainRoutes) -> dict[str, Handler]:
    return {
        f"PUT {_GRID}/domains/*/topics/*": routes.put_topic,
        f"GET {_GRID}/domains/*/topics/*": routes.get_topic,
        f"DELETE {_GRID}/domains/*/topics/*": routes.delete_topic,
        f"GET {_GRID}/domains/*/topics": routes.list_topics,
    }


def _topic_table(routes: TopicRoutes) -> dict[str, Handler]:
    return {
        f"PUT {_GRID}/systemtopics/*": routes.put_system_topic,
        f"GET {_GRID}/systemtopics/*": routes.get_system_topic,
        f"PATCH {_GRID}/systemtopics/*": routes.patch_system_topic,
        f"DELETE {_GRID}/systemtopics/*": routes.delete_system_topic,
        f"GET {_GRID}/systemtopics": routes.list_system_topics,
        f"GET {_GRID}/locations/*/operationsstatus/*": routes.operation_status,
        f"GET {_GRID}/locations/*/operationresults/*": routes.operation_status,
    }


def _subscription_table(routes: SubscriptionRoutes) -> dict[str, Handler]:
    table: dict[str, Handler] = {}
    for parent in ("", "/topics/*", "/systemtopics/*", "/domains/*", "/domains/*/topics/*"):
        collection = f"{_GRID}{parent}/eventsubscriptions"
        table |= {
            f"PUT {collection}/*": routes.put,
            f"GET {collection}/*": routes.get,
            f"PATCH {collection}/*": routes.patch,
            f"DELETE {collection}/*": routes.delete,
            f"POST {collection}/*/getfullurl": routes.get_full_url,
            f"POST {collection}/*/getdeliveryattributes": routes.get_delivery_attributes,
            f"GET {collection}": routes.list if parent else routes.list_in_scope,
        }
    for narrowed in ("/topictypes/*", "/locations/*", "/locations/*/topictypes/*"):
        table[f"GET {_GRID}{narrowed}/eventsubscriptions"] = routes.list_in_scope
    table[f"GET {_OWN_GRID}/deliverysettings/*"] = routes.get_settings
    table[f"PUT {_OWN_GRID}/deliverysettings/*"] = routes.put_settings
    return table


def _event_table(routes: EventRoutes) -> dict[str, Handler]:
    return {
        f"POST {_OWN_GRID}/explainevent": routes.explain,
        f"GET {_OWN_GRID}/events": routes.tail,
    }


def _control_table(routes: ControlRoutes) -> dict[str, Handler]:
    return {
        f"GET {_OWN_GRID}/clocks/*": routes.get_clock,
        f"POST {_OWN_GRID}/clocks/*/advance": routes.advance,
        f"POST {_OWN_GRID}/waitidle": routes.wait_idle,
        f"POST {_OWN_GRID}/reset": routes.reset,
    }


def _communication_table(routes: CommunicationRoutes) -> dict[str, Handler]:
    return {
        f"PUT {_ACS}/*": routes.put,
        f"GET {_ACS}/*": routes.get,
        f"PATCH {_ACS}/*": routes.patch,
        f"DELETE {_ACS}/*": routes.delete,
        f"GET {_ACS}": routes.list,
        f"POST {_ACS}/*/listkeys": routes.list_keys,
        f"POST {_ACS}/*/regeneratekey": routes.regenerate_key,
        "POST microsoft.communication/checknameavailability": routes.check_name,
        f"PUT {_OWN_ACS}/phonenumbers/*": routes.put_number,
        f"GET {_OWN_ACS}/phonenumbers/*": routes.get_number,
        f"DELETE {_OWN_ACS}/phonenumbers/*": routes.delete_number,
        f"GET {_OWN_ACS}/phonenumbers": routes.list_numbers,
        f"PUT {_OWN_ACS}/eventsettings/*": routes.put_event_settings,
        f"GET {_OWN_ACS}/eventsettings/*": routes.get_event_settings,
    }
