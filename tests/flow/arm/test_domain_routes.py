"""The routes of domains: statuses, forms of ids, lists."""

from typing import Any

import pytest

from tests.flow.arm.requests import send
from tests.flow.arm.scene import GROUP, Scene, webhook

GRID = f"{GROUP}/providers/Microsoft.EventGrid"
DOMAIN = f"{GRID}/domains/contoso"
TOPIC = f"{DOMAIN}/topics/orders"
NESTED = "eventSubscriptions/audit"
SCOPED = "providers/Microsoft.EventGrid/eventSubscriptions/audit"
SETTINGS = "providers/Switchhook.EventGrid/deliverySettings/default"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", DOMAIN, {"location": "westus2"}, 201),
        ("PATCH", DOMAIN, {"properties": {"disableLocalAuth": True}}, 200),
        ("PATCH", DOMAIN, {"properties": {"inputSchema": "CustomEventSchema"}}, 400),
        ("DELETE", DOMAIN, None, 204),
        ("DELETE", f"{DOMAIN}-gone", None, 204),
        ("GET", f"{DOMAIN}-gone", None, 404),
        ("POST", f"{DOMAIN}/listKeys", None, 200),
        ("POST", f"{DOMAIN}/regenerateKey", {"keyName": "key2"}, 200),
        ("POST", f"{DOMAIN}/regenerateKey", {"keyName": "key3"}, 400),
        ("PUT", TOPIC, None, 201),
        ("GET", TOPIC, None, 200),
        ("GET", f"{TOPIC}-gone", None, 404),
        ("DELETE", TOPIC, None, 204),
        ("DELETE", f"{TOPIC}-gone", None, 204),
        ("DELETE", TOPIC.replace("contoso", "gone"), None, 204),
        ("PATCH", TOPIC, {}, 405),
        ("PUT", TOPIC.replace("contoso", "gone"), None, 404),
        ("GET", f"{DOMAIN}-gone/topics", None, 404),
        ("PUT", f"{DOMAIN}/{NESTED}", webhook(), 201),
        ("PUT", f"{DOMAIN}/{SCOPED}", webhook(), 201),
        ("PUT", f"{TOPIC}/{NESTED}", webhook(), 201),
        ("PUT", f"{TOPIC}-new/{SCOPED}", webhook(), 201),
        ("PATCH", f"{TOPIC}/{NESTED}", {"labels": ["a"]}, 404),
        ("GET", f"{TOPIC}/{NESTED}", None, 404),
        ("GET", f"{TOPIC}-new/{NESTED}", None, 404),
        ("DELETE", f"{TOPIC}-new/{NESTED}", None, 204),
        ("GET", f"{TOPIC}/eventSubscriptions", None, 200),
        ("GET", f"{TOPIC}-new/eventSubscriptions", None, 404),
        ("GET", f"{TOPIC}-new/providers/Microsoft.EventGrid/eventSubscriptions", None, 404),
        ("PUT", f"{TOPIC.replace('contoso', 'gone')}/{NESTED}", webhook(), 404),
        ("PUT", f"{TOPIC}/{NESTED}/{SETTINGS}", {"properties": {}}, 200),
    ],
)
async def test_status(scene: Scene, method: str, path: str, body: Any, status: int) -> None:
    """Statuses are those that the clients insist on."""
    await scene.resources.domains.put(DOMAIN, "contoso", {})
    await scene.resources.domains.put_topic(DOMAIN, "orders")

    answer = await send(scene, method, path, body)
    await scene.settle()

    assert answer.status == status, answer.text
    if status >= 400:
        assert set(answer.json()["error"]) >= {"code", "message"}


async def test_domain_shows_its_endpoint_and_can_be_put_back(scene: Scene) -> None:
    """`az resource update` sends the whole body, read-only members included."""
    mapping = {
        "inputSchemaMappingType": "Json",
        "properties": {
            "topic": {"sourceField": "t"},
            "eventType": {"sourceField": "e"},
            "subject": {"defaultValue": "s"},
            "dataVersion": {"defaultValue": "1"},
        },
    }
    properties = {"inputSchema": "CustomEventSchema", "inputSchemaMapping": mapping}
    await send(scene, "PUT", DOMAIN, {"properties": properties})
    body = (await send(scene, "GET", DOMAIN)).json()
    again = await send(scene, "PUT", DOMAIN, body)

    assert (body["id"], body["type"]) == (DOMAIN, "Microsoft.EventGrid/domains")
    shown = body["properties"]
    assert shown["endpoint"] == "https://localhost:8443/domains/contoso/api/events"
    assert shown["inputSchemaMapping"]["properties"]["topic"] == {"sourceField": "t"}
    assert again.status == 201, again.text
    assert (await send(scene, "GET", DOMAIN)).json() == body


@pytest.mark.parametrize(
    ("owner", "kind"),
    [
        (DOMAIN, "Microsoft.EventGrid/domains/eventSubscriptions"),
        (TOPIC, "Microsoft.EventGrid/domains/topics/eventSubscriptions"),
    ],
)
async def test_url_forms_show_their_own_ids(scene: Scene, owner: str, kind: str) -> None:
    """Stored once; id and type follow the form of the request, `topic` names the source."""
    await send(scene, "PUT", DOMAIN, {})
    await send(scene, "PUT", f"{owner}/{NESTED}", webhook())
    nested = (await send(scene, "GET", f"{owner}/{NESTED}".upper())).json()
    scoped = (await send(scene, "GET", f"{owner}/{SCOPED}")).json()
    full = await send(scene, "POST", f"{owner}/{NESTED}/getFullUrl")
    attributes = await send(scene, "POST", f"{owner}/{SCOPED}/getDeliveryAttributes")

    assert (nested["id"], nested["type"]) == (f"{owner}/{NESTED}", kind)
    assert (scoped["id"], scoped["type"]) == (
        f"{owner}/{SCOPED}",
        "Microsoft.EventGrid/eventSubscriptions",
    )
    assert nested["properties"] == scoped["properties"]
    assert nested["properties"]["topic"] == owner
    assert full.json()["endpointUrl"].endswith("?code=secret")
    assert attributes.json() == {"value": []}


async def test_lists_show_what_belongs_to_them(scene: Scene) -> None:
    """The domain's own, the topic's own, and those of the whole group."""
    await send(scene, "PUT", DOMAIN, {})
    await send(scene, "PUT", f"{DOMAIN}/eventSubscriptions/everything", webhook())
    for name in ("orders", "orders-2"):
        await send(scene, "PUT", f"{DOMAIN}/topics/{name}/eventSubscriptions/{name}", webhook())
    scoped = "providers/Microsoft.EventGrid/eventSubscriptions"
    names = {}
    for path in (
        f"{DOMAIN}/eventSubscriptions",
        f"{DOMAIN}/{scoped}",
        f"{TOPIC}/eventSubscriptions",
        f"{TOPIC}/{scoped}",
        f"{GRID}/locations/westus2/eventSubscriptions",
        f"{GRID}/locations/westus2/topicTypes/Microsoft.EventGrid.Domains/eventSubscriptions",
        f"{DOMAIN}/topics",
        f"{DOMAIN}/topics?$filter=contains(name,'-2')",
        f"{GRID}/domains",
    ):
        answer = await send(scene, "GET", path)
        names[path] = sorted(item["name"] for item in answer.json()["value"])

    all_three = ["everything", "orders", "orders-2"]
    assert list(names.values()) == [
        ["everything"],
        ["everything"],
        ["orders"],
        ["orders"],
        all_three,
        all_three,
        ["orders", "orders-2"],
        ["orders-2"],
        ["contoso"],
    ]


@pytest.mark.parametrize(
    "path",
    [
        f"{GRID}/partnerNamespaces/fabrikam",
        f"{GRID}/partnerNamespaces/fabrikam/channels/one",
        f"{GRID}/partnerTopics/one/activate",
        f"{GRID}/partnerTopics/one/eventSubscriptions/audit",
        f"{GRID}/partnerRegistrations",
        f"{GRID}/partnerConfigurations/default",
        "/providers/Microsoft.EventGrid/verifiedPartners",
    ],
)
async def test_partner_resource_is_refused_with_the_reason(scene: Scene, path: str) -> None:
    """Not as if its name were a typing error."""
    answer = await send(scene, "PUT", path, {})

    assert answer.status == 404
    assert answer.json()["error"]["message"].startswith("Partner events are not supported")
