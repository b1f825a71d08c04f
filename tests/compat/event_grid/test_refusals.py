"""What the official clients raise when a request is refused: type, status, code and words."""

from typing import Any, NamedTuple

import pytest

from tests.compat.event_grid.client_process import ClientProcess
from tests.compat.event_grid.samples import an_event, order_for
from tests.compat.event_grid.site import Site

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="package")]


class Refusal(NamedTuple):
    """An order and what becomes of it; `words` begin the message."""

    name: str  # of the topic
    status: int
    code: str
    words: str
    events: Any
    order: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it


UNNAMED = {name: value for name, value in an_event("grid-domain").items() if name != "topic"}
SMALL = an_event("grid", data={})
LARGE = an_event("grid", data="x" * (1 << 20))
HUGE = an_event("grid", data="x" * (1 << 23))

REFUSALS = {
    "wrong key": Refusal(
        "grid",
        401,
        "Unauthorized",
        "The request authorization key is not authorized for LOCALHOST:",
        SMALL,
        {"key": "AAAA"},
    ),
    "key of another topic": Refusal(
        "grid-domain",
        401,
        "Unauthorized",
        "The request authorization key is not authorized for LOCALHOST:",
        UNNAMED,
        {"key of": "grid"},
    ),
    "expired signature": Refusal(
        "grid",
        401,
        "Unauthorized",
        "The specified SAS token has expired for topic 'LOCALHOST:",
        SMALL,
        {"credential": "sas", "minutes": -1},
    ),
    "forged signature": Refusal(
        "grid",
        401,
        "Unauthorized",
        "The specified SAS token signature is invalid for topic 'LOCALHOST:",
        SMALL,
        {"credential": "sas", "key": "AAAA"},
    ),
    "signature for another topic": Refusal(
        "cloud",
        401,
        "Unauthorized",
        "The specified SAS token",
        an_event("cloud"),
        {"credential": "sas", "key of": "grid"},
    ),
    "CloudEvents to an Event Grid topic": Refusal(
        "grid",
        400,
        "BadRequest",
        "This resource is configured for 'EventGridEvent' schema. Received unexpected property '",
        an_event("cloud"),
        {"form": "CloudEvent"},
    ),
    "Event Grid events to a CloudEvents topic": Refusal(
        "cloud",
        400,
        "BadRequest",
        "This resource is configured to receive event in 'CloudEventV10' schema. The JSON received "
        "does not conform to the expected schema. Token Expected: StartObject, Actual Token "
        "Received: StartArray.",
        SMALL,
        {"form": "EventGridEvent"},
    ),
    "an object for the id of a custom event": Refusal(
        "custom",
        400,
        "BadRequest",
        "This resource is configured to receive event in 'CustomEvent' schema. The JSON received "
        "does not conform to the expected schema. Token Expected: String, Actual Token Received: "
        "StartObject. Property 'number'.",
        {"number": {}},
    ),
    "a domain without a topic": Refusal(
        "grid-domain",
        400,
        "BadRequest",
        "This resource is configured for 'EventGridEvent' schema and requires 'topic' property to "
        "be set.",
        UNNAMED,
    ),
    "a domain with a path": Refusal(
        "grid-domain",
        400,
        "BadRequest",
        "Required property 'topic' needs to either be a full resource id or should be just the "
        "name of the domain topic. Found: a/b.",
        an_event("grid-domain", topic="a/b"),
    ),
    "a domain with an absolute source": Refusal(
        "cloud-domain",
        400,
        "BadRequest",
        "Required property 'topic' needs to either be a full resource id or should be just the "
        "name of the domain topic. Found: https://a/b.",
        an_event("cloud-domain", source="https://a/b"),
        {"form": "CloudEvent"},
    ),
    "too many": Refusal(
        "grid",
        413,
        "RequestEntityTooLarge",
        "The maximum number of events (5000) has been exceeded.",
        [SMALL] * 5001,
    ),
    "one event too large": Refusal(
        "grid",
        413,
        "RequestEntityTooLarge",
        "The maximum size (1048576) has been exceeded.",
        LARGE,
    ),
    "much too large": Refusal(
        "grid",
        413,
        "RequestEntityTooLarge",
        "The maximum size (1048576) has been exceeded.",
        HUGE,
    ),
    "together too large": Refusal(
        "grid",
        413,
        "RequestEntityTooLarge",
        "The maximum size (1048576) has been exceeded.",
        [an_event("grid", data={"text": "x" * 600_000}) for _ in range(2)],
    ),
    "a channel": Refusal(
        "cloud",
        400,
        "BadRequest",
        "The 'aeg-channel-name' header names the channel 'news', but channels belong to partner "
        "events, which are not supported.",
        an_event("cloud"),
        {"form": "CloudEvent", "send": {"channel_name": "news"}},
    ),
}
EXCEPTIONS = {401: "ClientAuthenticationError"}


def order(site: Site, refusal: Refusal) -> dict[str, Any]:
    """The order in full."""
    changes = dict(refusal.order)
    if "key of" in changes:
        changes["key"] = site.keys[changes.pop("key of")]
    return order_for(site, refusal.name, events=refusal.events, **changes)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("case", REFUSALS)
async def test_python_client_raises(
    site: Site, in_python: ClientProcess, case: str, is_async: bool
) -> None:
    """The exception of the status, with the code and the words of the service."""
    refusal = REFUSALS[case]

    answer = await in_python(**order(site, refusal) | {"is_async": is_async})

    error = answer["error"]
    assert error["message"].startswith(refusal.words)
    assert error["message"].endswith("to our forums for assistance or raise a support ticket.")
    assert {name: error[name] for name in ("type", "status", "code")} == {
        "type": EXCEPTIONS.get(refusal.status, "HttpResponseError"),
        "status": refusal.status,
        "code": refusal.code,
    }


JS_FORMS = {"EventGridEvent": "EventGrid", "CloudEvent": "CloudEvent"}
# Data that is no object its writer refuses by itself.
IN_JAVASCRIPT = sorted(set(REFUSALS) - {"one event too large", "much too large"})


@pytest.mark.parametrize("case", IN_JAVASCRIPT)
async def test_javascript_client_rejects(
    site: Site, in_javascript: ClientProcess, case: str
) -> None:
    """With a `RestError` that has the status, the code and the words."""
    refusal = REFUSALS[case]
    default = "Custom" if refusal.name == "custom" else "EventGrid"
    wanted = order(site, refusal)
    wanted["form"] = JS_FORMS.get(wanted["form"], default)
    if refusal.name == "cloud" and case.startswith("signature"):
        wanted["form"] = "CloudEvent"
    if "send" in wanted:
        wanted["send"] = {"channelName": wanted["send"]["channel_name"]}

    error = (await in_javascript(**wanted))["error"]

    assert error["message"].startswith(refusal.words)
    assert (error["type"], error["status"], error["code"]) == (
        "RestError",
        refusal.status,
        refusal.code,
    )


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("credential", ["key", "token"])
async def test_client_of_a_namespace_is_told_so(
    site: Site, in_python: ClientProcess, credential: str, is_async: bool
) -> None:
    """The SDK's own words for a 404 say what to do."""
    answer = await in_python(
        **order_for(site, "cloud", form="CloudEvent", credential=credential, is_async=is_async)
        | {"endpoint": site.server.ready.https_endpoint, "client": {"namespace_topic": "orders"}},
        events=an_event("cloud"),
    )

    assert answer["error"]["type"] == "ResourceNotFoundError"
    assert "For Event Grid Basic, do not specify the namespace_topic" in answer["error"]["message"]


async def test_topic_that_is_not_there(site: Site, in_python: ClientProcess) -> None:
    """A 404 too, in the same words of the SDK."""
    order = order_for(site, "grid") | {"endpoint": site.endpoint("nobody")}

    answer = await in_python(**order, events=SMALL)

    assert answer["error"]["type"] == "ResourceNotFoundError"


async def test_objects_of_cloudevents_2_are_not_known_to_the_client(
    site: Site, in_python: ClientProcess
) -> None:
    """`azure-eventgrid` looks for their converter where version 1 had it, and sends their names.

    The members of such an object are published as they are: see
    `test_cloudevents_package_publishes`.
    """
    answer = await in_python(
        **order_for(site, "cloud", form="cncf"),
        events={"specversion": "1.0", "id": "1", "source": "s", "type": "t"},
    )

    assert answer["error"]["status"] == 400
    assert "'CloudEventV10' schema" in answer["error"]["message"]
