"""No request to a management route makes the server fail: the whole route table, with any JSON."""

import asyncio
import logging
from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchhook.grid.explain import Explainer
from switchhook.grid.tail import Tails
from switchhook.http.arm_api.events import EventRoutes
from switchhook.http.arm_api.routes import ArmRoute
from switchhook.stores.memory_attempts import MemoryAttemptHistory
from tests.flow.arm.delivering import HOOK, DeliveringScene
from tests.flow.arm.requests import send
from tests.flow.arm.scene import ACS_ID, GROUP, TOPIC_ID, webhook

DOMAIN_ID = f"{GROUP}/providers/Microsoft.EventGrid/domains/shops"
_STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/letters"


class WholeScene(DeliveringScene):
    """A server with all management routes, and some resources that they can be asked about."""

    async def open(self) -> "WholeScene":
        await super().open()
        router = self.engine.router
        self.events = EventRoutes(
            explainer=Explainer(
                store=self.store,
                router=router,
                checkpoint=self.engine.checkpoint,
                history=MemoryAttemptHistory(),
                clock=self.clock,
            ),
            tails=Tails(log=self.store, router=router),
            directory=router.topics,
            sources=self.resources.sources,
            topics=self.resources.topics,
            subscriptions=self.resources.subscriptions,
            clock=self.clock,
        )
        return self

    async def fill(self) -> None:
        """A topic, a domain, a Communication resource, and an event on its way."""
        await self.subscribe()
        await self.communication()
        await self.resources.domains.put(DOMAIN_ID, "shops", {})
        await self.publish("one", data={"a": [1, {"b": None}]})
        self.is_idle.set()  # who asks whether it is does not wait for half a minute

    def keys(self) -> list[str]:
        """The keys of the route table."""
        (table,) = (each._table for each in self.app().routes if isinstance(each, ArmRoute))
        return sorted(table)


# --- what a client might send --------------------------------------------------------------------

# Bodies that are right, by the end of the route's key: parts of them are replaced.
_INPUT = {
    "inputSchema": "CustomEventSchema",
    "inputSchemaMapping": {
        "inputSchemaMappingType": "Json",
        "properties": {
            name: {"sourceField": "a.b", "defaultValue": "c"}
            for name in ("eventType", "subject", "dataVersion")
        }
        | {name: {"sourceField": "d"} for name in ("id", "topic", "eventTime")},
    },
}
_TOPIC = {
    "location": "westus2",
    "tags": {"a": "b"},
    "identity": {"type": "SystemAssigned"},
    "sku": {"name": "Basic"},
    "kind": "Azure",
    "properties": {
        **_INPUT,
        "publicNetworkAccess": "Enabled",
        "inboundIpRules": [{"ipMask": "10.0.0.0/8", "action": "Allow"}],
        "disableLocalAuth": True,
        "minimumTlsVersionAllowed": "1.2",
        "dataResidencyBoundary": "WithinRegion",
        "eventTypeInfo": {
            "kind": "Inline",
            "inlineEventTypes": {"Shop.Order": {"description": "an order"}},
        },
    },
}
_DOMAIN = {
    "location": "westus2",
    "properties": {
        "autoCreateTopicWithFirstSubscription": True,
        "autoDeleteTopicWithLastSubscription": False,
    },
}
_FILTER = {
    "subjectBeginsWith": "a",
    "subjectEndsWith": "b",
    "includedEventTypes": ["Shop.OrderPlaced"],
    "isSubjectCaseSensitive": True,
    "enableAdvancedFilteringOnArrays": True,
    "advancedFilters": [
        {"operatorType": "NumberInRange", "key": "data.a", "values": [[1, 2.5]]},
        {"operatorType": "StringContains", "key": "data.b", "values": ["c"]},
        {"operatorType": "BoolEquals", "key": "data.d", "value": True},
        {"operatorType": "NumberGreaterThan", "key": "data.e", "value": 1},
        {"operatorType": "IsNotNull", "key": "data.f"},
    ],
}
_LETTERS = {
    "endpointType": "StorageBlob",
    "properties": {"resourceId": _STORAGE, "blobContainerName": "letters"},
}
_SUBSCRIPTION = webhook(
    filter=_FILTER,
    labels=["a"],
    eventDeliverySchema="EventGridSchema",
    expirationTimeUtc="2030-01-01T00:00:00Z",
    retryPolicy={"maxDeliveryAttempts": 3, "eventTimeToLiveInMinutes": 5},
    deadLetterWithResourceIdentity={
        "identity": {"type": "SystemAssigned"},
        "deadLetterDestination": _LETTERS,
    },
)
_SUBSCRIPTION["properties"]["destination"]["properties"] |= {
    "maxEventsPerBatch": 2,
    "preferredBatchSizeInKilobytes": 64,
    "azureActiveDirectoryTenantId": "tenant",
    "azureActiveDirectoryApplicationIdOrUri": "api://hook",
    "minimumTlsVersionAllowed": "1.2",
    "deliveryAttributeMappings": [
        {"name": "a", "type": "Static", "properties": {"value": "b", "isSecret": True}},
        {"name": "c", "type": "Dynamic", "properties": {"sourceField": "data.a"}},
    ],
}
_TIMES = {"startTime": "PT1H", "endTime": "2031-01-01T00:00:00Z"}
BODIES: dict[str, Any] = {
    "eventsubscriptions/*": _SUBSCRIPTION,
    "microsoft.eventgrid/topics/*": _TOPIC,
    "domains/*": _DOMAIN,
    "systemtopics/*": {
        "location": "global",
        "tags": {"a": "b"},
        "identity": {},
        "properties": {
            "source": ACS_ID,
            "topicType": "Microsoft.Communication.CommunicationServices",
        },
    },
    "regeneratekey": {"keyName": "key1", "keyType": "Primary"},
    "deliverysettings/*": {
        "properties": {
            "validateEndpoint": False,
            "isPaused": False,
            "profile": "fast",
            "orderedBy": "data.a",
            "deduplicationWindow": "PT5M",
            "marksReplays": False,
        }
    },
    "deliveryfaults/*": {"properties": {"count": 2, "status": 503, "delay": "PT5S"}},
    "replays/*": {
        "properties": {
            **_TIMES,
            "subjectBeginsWith": "a",
            "subjectEndsWith": "b",
            "includedEventTypes": ["a"],
            "eventsPerSecond": 10,
        }
    },
    "deadletters/*": {
        **_TIMES,
        "names": ["1-2-3-hook"],
        "reason": "NotRetriable",
        "state": "dropped",
        "eventsPerSecond": 10,
    },
    "explainevent": {
        "id": "one",
        "position": 0,
        "topic": "orders",
        "before": 5,
        "limit": 2,
        "event": {
            "id": "one",
            "subject": "orders/17",
            "eventType": "Shop.OrderPlaced",
            "eventTime": "2026-01-01T00:00:00Z",
            "data": {"a": 1},
            "dataVersion": "1.0",
        },
    },
    "phonenumbers/*": {"properties": {"value": "+14255550100", "kind": "tollFree"}},
    "eventsettings/*": {"properties": {"profile": "GA", "includedEventTypes": []}},
    "communicationservices/*": {"location": "global", "properties": {"dataLocation": "Europe"}},
    "checknameavailability": {"name": "contoso", "type": "Microsoft.Communication/x"},
}

_TEXTS = st.text(max_size=8) | st.sampled_from(
    [
        *("9999-12-31T23:59:59.999999999+00:00", "0001-01-01T00:00:00+14:00", "1969-12-31"),
        *("P999999999D", "PT999999999S", "P1Y", "PT", "-PT5S", "PT0.000000001S"),
        *(
            "../../../etc/passwd",
            "a\x00b",
            "a\r\nX-Injected: 1",
            "\x1b]0;t\x07",
            "\u202e",
            "a" * 5000,
        ),
        *("http://[::1", "http://localhost:99999/", "https://a@b/", "https://\u0661.example/"),
        *("::ffff:10.0.0.0/104", "0.0.0.0/33", "10.0.0.0/-1", "fe80::1%eth0/64"),
        *("$.", "data..a", "." * 600, "a." * 900, "%s", "{}", "true", "\ufeff", "\u03c0"),
        *("NumberIn", "StringNotContains", "CloudEventSchemaV1_0", "CustomInputSchema", TOPIC_ID),
    ]
)
_NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2**63, -(2**63) - 1, 2**64, 10**400, 1e308, 5e-324, -0.0, 0, 1, 1.5])
)
_SCALARS = st.none() | st.booleans() | _NUMBERS | _TEXTS
ANY_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
_QUERY = st.dictionaries(
    st.sampled_from(
        [
            *("$top", "$filter", "$skiptoken", "api-version", "startTime", "endTime", "reason"),
            *("state", "topic", "type", "subjectBeginsWith", "since", "position"),
        ]
    ),
    _TEXTS
    | _NUMBERS.map(str)
    | st.sampled_from(
        [
            *("1", "000000001" + "0" * 5000, "9" * 5000, "1" * 20, "YWJj", "L3N1YnM", "\u0661"),
            *("name eq 'a'", "not " * 400, "(" * 400, "contains(name,'" + "'" * 501),
        ]
    ),
    max_size=3,
)
# What there is, by the type of resource.
_NAMES = {
    "topics": "orders",
    "domains": "shops",
    "eventsubscriptions": "hook",
    "communicationservices": "contoso",
    "deadletters": "1-2-3-hook",
    "phonenumbers": "14255550100",
}
_SCOPES = {
    "switchhook.communication": [ACS_ID],
    "switchhook.eventgrid": [HOOK, HOOK, ""],
    "microsoft.eventgrid/eventsubscriptions": [TOPIC_ID, ACS_ID, f"{DOMAIN_ID}/topics/one"],
}


@st.composite
def a_path(draw: st.DrawFn, pattern: str) -> str:
    """A path of a route: mostly of something that there is."""
    parts = pattern.split("/")
    for at, part in enumerate(parts):
        if part == "*":
            name = _NAMES.get(parts[at - 1], "default")
            parts[at] = name if draw(_OFTEN) else draw(_TEXTS)
    scopes = next((found for start, found in _SCOPES.items() if pattern.startswith(start)), [GROUP])
    scope = draw(st.sampled_from(scopes) if draw(_OFTEN) else _ANY_SCOPE)
    return f"{scope}/providers/{'/'.join(parts)}"


_OFTEN = st.integers(0, 6).map(bool)
_ANY_SCOPE = st.sampled_from(["", HOOK, TOPIC_ID, DOMAIN_ID, ACS_ID, GROUP]) | _TEXTS.map(
    lambda text: f"/subscriptions/{text}/resourceGroups/{text}"
)


@st.composite
def a_body(draw: st.DrawFn, key: str) -> Any:
    """Any JSON, or the right body with another value, another member or one less in some place."""
    right: Any = next((body for end, body in BODIES.items() if key.endswith(end)), {})
    match draw(st.integers(0, 9)) if right else 0:
        case 0:
            return draw(ANY_JSON)
        case 1 | 2:
            return right
        case _:
            return draw(_changed(right))


@st.composite
def _changed(draw: st.DrawFn, value: Any) -> Any:
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 5)) == 0:
        return draw(ANY_JSON)
    if isinstance(value, list):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], draw(_changed(value[at])), *value[at + 1 :]]
    name = draw(st.sampled_from(sorted(value)))
    match draw(st.integers(0, 9)):
        case 0:
            return {**value, draw(_TEXTS): draw(ANY_JSON)}
        case 1 | 2:
            return {each: inner for each, inner in value.items() if each != name}
        case _:
            return {**value, name: draw(_changed(value[name]))}


Requested = tuple[str, str, Any]


@st.composite
def a_request(draw: st.DrawFn, keys: list[str]) -> Requested:
    """Method, target and body of a request to any route."""
    key = draw(st.sampled_from(keys))
    method, _, pattern = key.partition(" ")
    path = draw(a_path(pattern)).replace("?", "")
    query = draw(_QUERY) if draw(st.booleans()) else {}
    return method, f"{path}?{urlencode(query)}", draw(a_body(key))


async def _keys() -> list[str]:
    return (await WholeScene().open()).keys()


KEYS = asyncio.run(_keys())


class _Errors(logging.Handler):
    """What was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(f"{record.getMessage()} {record.exc_info}")


async def _ask_all(requests: list[Requested]) -> None:
    scene = await WholeScene().open()
    await scene.fill()
    errors = _Errors()
    lost: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
    logging.getLogger().addHandler(errors)
    try:
        for method, target, body in requests:
            answer = await send(scene, method, target, body)
            assert answer.status < 500, (method, target, body, answer.text)
            for name, text in answer.headers.items():
                assert text.isprintable(), (method, target, name, text)
            await scene.settle()
        if scene.resources.sources.get(TOPIC_ID) is not None:
            await scene.publish("two", data={"a": 1})
    finally:
        logging.getLogger().removeHandler(errors)
    assert (errors.found, lost) == ([], [])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(a_request(KEYS), min_size=1, max_size=8))
def test_no_request_makes_the_server_fail(requests: list[Requested]) -> None:
    """Whatever stands in body, query and path: no 5xx, nothing lost, and events still pass."""
    asyncio.run(_ask_all(requests))
