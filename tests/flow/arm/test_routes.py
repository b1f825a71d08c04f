"""The management routes: statuses, forms of ids, headers and errors."""

from typing import Any

import pytest

from switchhook.http import validation_api
from tests.flow.arm.requests import send
from tests.flow.arm.scene import (
    ACS_ID,
    GROUP,
    PUBLIC_URL,
    TOPIC_ID,
    Scene,
    answering,
    silent,
    validation_data,
    webhook,
)

SCOPED = f"{TOPIC_ID}/providers/Microsoft.EventGrid/eventSubscriptions/audit"
NESTED = f"{TOPIC_ID}/eventSubscriptions/audit"
ON_ACS = f"{ACS_ID}/providers/Microsoft.EventGrid/eventSubscriptions/sms"
SETTINGS = "providers/Switchhook.EventGrid/deliverySettings/default"
OWN = "providers/Switchhook.Communication"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", TOPIC_ID, {}, 201),
        ("PATCH", TOPIC_ID, {"tags": {}}, 200),
        ("DELETE", TOPIC_ID, None, 204),
        ("DELETE", f"{TOPIC_ID}-gone", None, 204),
        ("GET", f"{TOPIC_ID}-gone", None, 404),
        ("POST", f"{TOPIC_ID}/listKeys", None, 200),
        ("POST", f"{TOPIC_ID}/regenerateKey", {"keyName": "key1"}, 200),
        ("POST", f"{TOPIC_ID}/regenerateKey", {"keyName": "key3"}, 400),
        ("PUT", SCOPED, webhook(), 201),
        ("PUT", NESTED, webhook(), 201),
        ("PATCH", SCOPED, {"labels": ["a"]}, 404),
        ("DELETE", SCOPED, None, 204),
        ("DELETE", SCOPED.replace("orders", "gone"), None, 204),
        ("PUT", SCOPED.replace("orders", "gone"), webhook(), 404),
        ("GET", SCOPED, None, 404),
        ("PUT", SCOPED.replace("audit", "no"), webhook(), 400),
        ("PUT", f"{GROUP}/providers/Microsoft.EventGrid/eventSubscriptions/e-s", webhook(), 400),
        ("PUT", ACS_ID, {"location": "global"}, 201),
        ("PATCH", ACS_ID, {"tags": {"a": "b"}}, 200),
        ("DELETE", ACS_ID, None, 204),
        ("POST", f"{ACS_ID}/listKeys", None, 200),
        ("POST", f"{ACS_ID}/regenerateKey", {"keyType": "Third"}, 400),
        ("PUT", f"{ACS_ID}/{OWN}/phoneNumbers/15555550123", {}, 201),
        ("GET", f"{ACS_ID}/{OWN}/phoneNumbers", None, 200),
        ("DELETE", f"{ACS_ID}/{OWN}/phoneNumbers/15555550123", None, 204),
        ("GET", f"{ACS_ID}/{OWN}/eventSettings/default", None, 200),
        ("GET", f"{ACS_ID}/{OWN}/eventSettings/other", None, 400),
        ("POST", f"{ACS_ID}/{OWN}/receiveSms", {"from": "+1"}, 200),
        ("GET", f"{GROUP}/providers/Microsoft.EventGrid/domains/d", None, 404),
        ("GET", f"{GROUP}/providers/Contoso.Things/x", None, 404),
        ("GET", "/providers/Microsoft.EventGrid/topicTypes", None, 404),
        ("PUT", f"{GROUP}/providers/Microsoft.EventGrid/topics", {}, 405),
        ("PUT", TOPIC_ID.replace(GROUP, "/subscriptions/s"), {}, 404),
    ],
)
async def test_status(scene: Scene, method: str, path: str, body: Any, status: int) -> None:
    """Statuses are those that the clients insist on."""
    await scene.topic()
    await scene.communication()

    answer = await send(scene, method, path, body)

    assert answer.status == status, answer.text
    if status >= 400:
        assert set(answer.json()["error"]) >= {"code", "message"}
        assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"\xff", b"7", b"[" * 9_000, b'{"a":' * 70 + b"1" + b"}" * 70]
)
async def test_body_that_is_no_json_object_is_refused(scene: Scene, body: bytes) -> None:
    """Bad JSON is a 400 with a reason, never an error of ours."""
    answer = await send(scene, "PUT", TOPIC_ID, body)

    assert (answer.status, answer.json()["error"]["code"]) == (400, "InvalidRequestContent")


async def test_body_over_the_limit_is_refused(scene: Scene) -> None:
    """Resource Manager takes 4 MB."""
    answer = await send(scene, "PUT", TOPIC_ID, b'"' + b"x" * (4 << 20) + b'"')

    assert answer.status == 413


async def test_first_answer_to_a_put_says_creating(scene: Scene) -> None:
    """201, state Creating, and an absolute link to an operation; the GET shows the end."""
    await scene.topic()

    answer = await send(scene, "PUT", f"{SCOPED}?api-version=2022-06-15", webhook())
    operation = answer.headers["azure-asyncoperation"]
    status = await send(scene, "GET", operation.removeprefix("http://localhost:8080"))
    final = await send(scene, "GET", SCOPED)

    assert answer.json()["properties"]["provisioningState"] == "Creating"
    assert operation.endswith("?api-version=2022-06-15")
    assert "/providers/Microsoft.EventGrid/locations/westus2/operationsStatus/" in operation
    assert status.json()["status"] == "Succeeded"
    assert final.json()["properties"]["provisioningState"] == "Succeeded"


async def test_links_carry_the_public_name_when_the_client_used_it(scene: Scene) -> None:
    """Behind a proxy the public URL is the one that works."""
    headers = {"host": "LOCALHOST:8443"}

    answer = await send(scene, "PUT", TOPIC_ID, {}, headers)

    assert answer.headers["azure-asyncoperation"].startswith("https://localhost:8443/subscriptions")


async def test_first_answer_to_a_patch_says_updating(scene: Scene) -> None:
    """201 with a flat body, as every Event Grid client wants it."""
    await scene.topic()
    await send(scene, "PUT", SCOPED, webhook())
    await scene.settle()

    answer = await send(scene, "PATCH", SCOPED, {"labels": ["x"]})

    assert (answer.status, answer.json()["properties"]["provisioningState"]) == (201, "Updating")
    assert "azure-asyncoperation" in answer.headers


async def test_failed_operation_carries_the_error(scene: Scene) -> None:
    """The operation says Failed; the settings keep the text."""
    await scene.topic()
    scene.transport.answer = answering(403)

    answer = await send(scene, "PUT", SCOPED, webhook())
    operation = answer.headers["azure-asyncoperation"].removeprefix("http://localhost:8080")
    status = (await send(scene, "GET", operation)).json()
    settings = (await send(scene, "GET", f"{SCOPED}/{SETTINGS}")).json()["properties"]

    assert (status["status"], status["error"]["code"]) == ("Failed", "Url validation")
    assert settings["lastValidationError"] == status["error"]["message"]
    assert settings["validationAttempts"] == 1


async def test_unknown_operation_is_not_found(scene: Scene) -> None:
    """Operations of long ago are forgotten."""
    path = f"{GROUP}/providers/Microsoft.EventGrid/locations/x/operationsStatus/none"

    assert (await send(scene, "GET", path)).status == 404


async def test_url_forms_show_their_own_ids(scene: Scene) -> None:
    """Stored once; id and type follow the form of the request, in any spelling."""
    await scene.topic()
    await send(scene, "PUT", NESTED, webhook())

    nested = (await send(scene, "GET", NESTED.upper().replace("/TOPICS/", "//TOPICS//"))).json()
    scoped = (await send(scene, "GET", f"{SCOPED}/")).json()

    assert (nested["id"], nested["type"]) == (
        NESTED,
        "Microsoft.EventGrid/topics/eventSubscriptions",
    )
    assert (scoped["id"], scoped["type"]) == (SCOPED, "Microsoft.EventGrid/eventSubscriptions")
    assert nested["properties"] == scoped["properties"]


async def test_webhook_secret_is_hidden(scene: Scene) -> None:
    """Only getFullUrl shows the query."""
    await scene.topic()
    put = await send(scene, "PUT", SCOPED, webhook())
    get = await send(scene, "GET", SCOPED)
    full = await send(scene, "POST", f"{SCOPED}/getFullUrl")

    assert "secret" not in put.text + get.text
    destination = get.json()["properties"]["destination"]["properties"]
    assert destination["endpointBaseUrl"] == "http://localhost:9000/hook"
    assert full.json() == {"endpointUrl": "http://localhost:9000/hook?code=secret"}


async def test_subscription_on_a_resource_shows_its_topic_in_lower_case(scene: Scene) -> None:
    """And it is found below the system topic that came with it."""
    await scene.communication()
    await send(scene, "PUT", ON_ACS, webhook())
    (system_topic,) = (
        await send(scene, "GET", f"{GROUP}/providers/Microsoft.EventGrid/systemTopics")
    ).json()["value"]

    nested = await send(scene, "GET", f"{system_topic['id']}/eventSubscriptions/sms")

    assert nested.json()["type"] == "Microsoft.EventGrid/systemTopics/eventSubscriptions"
    assert nested.json()["properties"]["topic"].endswith(
        "/providers/microsoft.communication/communicationservices/contoso"
    )


async def test_lists_by_location_and_topic_type(scene: Scene) -> None:
    """Without a location only global sources are listed."""
    await scene.topic()
    await scene.communication()
    await send(scene, "PUT", SCOPED, webhook())
    await send(scene, "PUT", ON_ACS, webhook())
    prefix = f"{GROUP}/providers/Microsoft.EventGrid"
    acs = "topicTypes/Microsoft.Communication.CommunicationServices"
    names = {}
    for path in ("", f"{acs}/", "locations/westus2/", f"locations/westus2/{acs}/"):
        answer = await send(scene, "GET", f"{prefix}/{path}eventSubscriptions")
        names[path] = [item["name"] for item in answer.json()["value"]]

    assert list(names.values()) == [["sms"], ["sms"], ["audit"], []]


async def test_subject_that_needs_the_ignored_slash_is_warned_of(scene: Scene) -> None:
    """In a header and in the delivery settings."""
    await scene.communication()
    body = webhook(filter={"subjectBeginsWith": 'phonenumber/"1555'})

    answer = await send(scene, "PUT", ON_ACS, body)
    settings = await send(scene, "GET", f"{ON_ACS}/{SETTINGS}")

    assert answer.headers["warning"].startswith("299 switchhook \"subjectBeginsWith 'phonenumber/'")
    assert len(settings.json()["properties"]["warnings"]) == 1


async def test_settings_can_be_made_before_the_subscription(scene: Scene) -> None:
    """validateEndpoint false waives the handshake."""
    await scene.topic()
    scene.transport.answer = silent
    path = f"{NESTED}/{SETTINGS}"
    settings = await send(scene, "PUT", path, {"properties": {"validateEndpoint": False}})
    await send(scene, "PUT", SCOPED, webhook())

    final = await send(scene, "GET", SCOPED)

    assert settings.json()["properties"]["validateEndpoint"] is False
    assert final.json()["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer wrong"}, 401),
        ({"origin": "http://localhost:8080"}, 403),
        ({"host": "example.com"}, 403),
    ],
)
async def test_guard_stands_before_every_route(
    scene: Scene, headers: dict[str, str], status: int
) -> None:
    """Errors are worded as Resource Manager words them."""
    answer = await send(scene, "GET", TOPIC_ID, None, headers)

    assert answer.status == status
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_client_request_id_is_echoed_on_demand(scene: Scene) -> None:
    """As Resource Manager does."""
    headers = {"x-ms-client-request-id": "abc", "x-ms-return-client-request-id": "true"}

    answer = await send(scene, "GET", TOPIC_ID, None, headers)

    assert answer.headers["x-ms-client-request-id"] == "abc"
    assert answer.headers["x-ms-request-id"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (f"{GROUP}/providers/Microsoft.EventGrid/locations/westus2", ["z", "A", "b"]),
        (f"{TOPIC_ID}/providers/Microsoft.EventGrid", ["A", "b"]),
        (TOPIC_ID, ["A", "b"]),
    ],
)
async def test_subscriptions_come_page_by_page(scene: Scene, where: str, found: list[str]) -> None:
    """In the order of their ids, whatever the case of their names."""
    other = TOPIC_ID.replace("orders", "Bills")
    names = {TOPIC_ID: ("b", "A"), other: ("z",)}
    for topic, own in names.items():
        await send(scene, "PUT", topic, {"location": "westus2"})
        for name in own:
            path = f"{topic}/providers/Microsoft.EventGrid/eventSubscriptions/{name * 3}"
            assert (await send(scene, "PUT", path, webhook())).status == 201
    pages, path = [], f"{where}/eventSubscriptions?$top=1"
    while path:
        page = (await send(scene, "GET", path)).json()
        pages.append([each["name"] for each in page["value"]])
        path = page.get("nextLink", "").partition("8080")[2]

    assert pages == [[name * 3] for name in found]


@pytest.mark.parametrize(
    "query",
    [
        *("$top=0", "$top=101", "$top=x", "$top=%C2%B2", "$top=0000000019999"),
        *("$top=000000001" + "0" * 5000, "$top=" + "9" * 5000),
        *("$skiptoken=%C3%A9", "$filter=x"),
    ],
)
async def test_bad_list_query_is_refused(scene: Scene, query: str) -> None:
    """400, whatever is wrong with it."""
    path = f"{GROUP}/providers/Microsoft.EventGrid/topics?{query}"

    assert (await send(scene, "GET", path)).status == 400


@pytest.mark.parametrize("text", ["a\r\nX-Injected: 1", "a\x00", "a\x1b[2J", "a\u2028b"])
async def test_path_with_control_characters_is_refused(scene: Scene, text: str) -> None:
    """They would come back in the links of headers, and in what commands print."""
    group = f"/subscriptions/{text}/resourceGroups/{text}"

    answer = await send(scene, "PUT", f"{group}/providers/Microsoft.EventGrid/topics/orders", {})

    assert answer.status == 400
    assert list(scene.resources.topics.all()) == []


async def test_subscription_id_of_any_letters_stands_in_links(scene: Scene) -> None:
    """Percent-encoded: a header is ASCII."""
    topic = "/subscriptions/\u03c0 b/resourceGroups/g/providers/Microsoft.EventGrid/topics/orders"

    answer = await send(scene, "PUT", topic, {})

    assert answer.status == 201
    assert "/subscriptions/%CF%80%20b/providers/" in answer.headers["azure-asyncoperation"]


async def test_empty_values_of_event_settings_say_nothing(scene: Scene) -> None:
    """Even under names that nobody knows."""
    await scene.communication()
    path = f"{ACS_ID}/providers/Switchhook.Communication/eventSettings/default"

    answer = await send(scene, "PUT", path, {"properties": {"profile": "GA", "other": []}})

    assert answer.status == 200


async def test_get_of_the_validation_url_completes_the_handshake(scene: Scene) -> None:
    """Opened once, in a browser say; a text tells that it worked."""
    await scene.topic()
    scene.transport.answer = answering(200)
    await send(scene, "PUT", SCOPED, webhook())
    await scene.settle()
    url = validation_data(scene.transport.requests[0])["validationUrl"]
    path, anonymous = url.removeprefix(PUBLIC_URL), {"authorization": ""}

    answer = await send(scene, "GET", path, None, anonymous)
    final = await send(scene, "GET", SCOPED)
    again = await send(scene, "GET", path, None, anonymous)

    assert (answer.status, answer.text) == (200, validation_api.DONE)
    assert final.json()["properties"]["provisioningState"] == "Succeeded"
    assert again.status == 404


async def test_validation_url_needs_no_token_but_its_own(scene: Scene) -> None:
    """Whoever opens it may be a browser."""
    headers = {"authorization": "", "host": "switchhook.example"}
    path = "/eventsubscriptions/audit/validate?id=a&token=b"

    assert (await send(scene, "GET", path, None, headers)).status == 404


@pytest.mark.parametrize(
    "path",
    [
        f"{GROUP}/providers/Microsoft.EventGrid/namespaces/n",
        f"{GROUP}/providers/Microsoft.EventGrid/namespaces/n/topics/t",
        "/providers/Microsoft.EventGrid/topicTypes",
        "/providers/Microsoft.EventGrid/operations",
        f"{TOPIC_ID}/providers/Microsoft.EventGrid/eventTypes",
        f"{TOPIC_ID}/providers/Microsoft.EventGrid/extensionTopics/default",
        f"{TOPIC_ID}/privateEndpointConnections",
        f"{TOPIC_ID}/privateLinkResources",
        f"{TOPIC_ID}/networkSecurityPerimeterConfigurations",
        f"{GROUP}/providers/Microsoft.Communication/emailServices/e",
        f"{GROUP}/providers/Microsoft.Communication/emailServices/e/domains/d",
        f"{ACS_ID}/smtpUsernames",
        "/providers/Microsoft.Communication/operations",
        f"{GROUP}/providers/Microsoft.Storage/storageAccounts/letters",
        "/subscriptions/s/providers/Microsoft.Resources/deployments/d",
    ],
)
async def test_types_without_routes_are_not_found(scene: Scene, path: str) -> None:
    """Each answers as a type that Resource Manager does not know."""
    await scene.topic()
    await scene.communication()

    answer = await send(scene, "GET", path, None)

    assert (answer.status, answer.json()["error"]["code"]) == (404, "InvalidResourceType")
