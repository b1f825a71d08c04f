"""A page connects as the official client does, and is told what happens."""

import asyncio
import json
import subprocess
import sys

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from switchhook.communication.identity.caller import Scope
from switchhook.http import websockets
from switchhook.http.listener import MAX_WEBSOCKET_MESSAGE
from switchhook.http.realtime_api import sessions
from switchhook.http.realtime_api.channel import Timing
from tests.flow.realtime.happenings import sent
from tests.flow.realtime.world import (
    ALICE,
    BOB,
    RESOURCE,
    WITHIN,
    Page,
    World,
    serving,
)
from tests.wire import Answer


async def test_configuration_names_the_address_that_the_client_used() -> None:
    """Scheme, host and port are those of the request."""
    async with serving() as world:
        answer = await world.ask(
            "GET",
            "/chat/config/realTimeNotifications?api-version=2024-09-01",
            Authorization="Bearer alice",
            Host="chat.example:9000",
        )

    assert answer.body == {
        "trouterServiceUrl": "http://chat.example:9000/realtime/trouter",
        "registrarServiceUrl": "http://chat.example:9000/realtime/registrar",
        "cloudType": "Public",
    }


async def test_server_behind_a_proxy_names_its_public_address() -> None:
    """Which the client cannot know otherwise."""
    async with serving(public_url="https://chat.example/") as world:
        answer = await world.ask("GET", "/chat/config/realTimeNotifications", "bob")
        session = await world.session("bob")

    assert answer.body["trouterServiceUrl"] == "https://chat.example/realtime/trouter"
    assert session["socketio"] == "https://chat.example/"
    assert session["surl"].startswith("https://chat.example/v4/f/")


async def test_host_of_another_resource_is_refused() -> None:
    """As in all of chat."""
    async with serving() as world:
        hosts = ("c.communication.localhost", "other.communication.localhost")
        answers = [await world.ask("POST", "/v4/a", "bob", Host=host) for host in hosts]

    assert [each.status for each in answers] == [200, 401]


async def test_both_users_are_told_of_a_message_and_its_sender_too() -> None:
    """Each hears as recipient."""
    async with serving() as world, world.page("alice") as alice, world.page("bob") as bob:
        world.hub.push(RESOURCE, sent("Hi"))

        heard = [await alice.push(), await bob.push()]

        assert [each["recipientMri"] for each in heard] == [ALICE, BOB]
        assert {each["messageBody"] for each in heard} == {"Hi"}


async def test_every_page_of_a_user_is_told() -> None:
    """Two devices, two endpoint ids."""
    async with serving() as world, world.page("bob", "1") as one, world.page("bob", "2") as two:
        world.hub.push(RESOURCE, sent())

        assert await one.push() == await two.push()


async def test_a_page_that_connects_again_is_told_once() -> None:
    """Of two connections of one endpoint the newer one counts."""
    async with serving() as world, world.page("bob", "1") as old, world.page("bob", "1") as new:
        world.hub.push(RESOURCE, sent())

        assert (await new.push())["eventId"] == 200
        await old.ping()


async def test_who_is_not_in_the_thread_hears_nothing() -> None:
    """Nor does the same user of another resource, were there one."""
    async with serving() as world, world.page("carol") as carol:
        world.hub.push(RESOURCE, sent())
        await carol.ping()


async def test_what_the_client_asks_for_is_acknowledged() -> None:
    """`user.activity` and `ping` within seconds, or it would connect anew."""
    async with serving() as world, world.page("bob") as bob:
        await bob.socket.send('5:1+::{"name":"user.activity","args":[{"state":"active"}]}')

        assert await bob.packet() == "6:::1+[]"
        await bob.ping()


async def test_session_is_taken_up_again() -> None:
    """By its connection parameters at the path that the client makes of `socketio`."""
    async with serving() as world:
        first = await world.session("bob")
        proof = first["connectparams"]["sr"]

        again = await world.ask("POST", f"/v4/a?epid=page&sr={proof}&v=v4", "bob")

        assert again.body == first
        assert first["socketio"] == f"http://127.0.0.1:{world.port}/"
        assert first["ttl"] == "86400"


async def test_session_is_not_anothers() -> None:
    """Whoever knows its parameters but is another user gets a session of their own."""
    async with serving() as world:
        bobs = await world.session("bob")
        proof = bobs["connectparams"]["sr"]

        carols = await world.session("carol", proof=proof)
        stolen = await world.ask("GET", f"/socket.io/1/?sr={proof}", "carol")

        assert carols["id"] != bobs["id"]
        assert stolen.status == 404


async def test_connection_ends_when_its_session_opens_another() -> None:
    """The client has given the old one up."""
    async with serving() as world, world.page("bob") as old:
        socket_id = await world.handshake("bob", old.session)
        async with connect(world.socket_url(socket_id), proxy=None) as socket:
            await Page(socket, old.session).greeted()

            assert await old.packet() == "0::"
            await world.comings.until(("connected", BOB), ("connected", BOB), ("disconnected", BOB))
            world.hub.push(RESOURCE, sent())
            await Page(socket, old.session).push()


async def test_presence_is_told_of_comings_and_goings() -> None:
    """Each connection comes once and goes once."""
    async with serving() as world:
        async with world.page("bob"):
            await world.comings.until(("connected", BOB))
        await world.comings.until(("connected", BOB), ("disconnected", BOB))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/chat/config/realTimeNotifications"),
        ("POST", "/realtime/trouter/v4/a"),
        ("POST", "/v4/a"),
        ("GET", "/socket.io/1/"),
        ("POST", "/realtime/registrar/v3/registrations"),
        ("DELETE", "/realtime/registrar/v3/registrations/1"),
    ],
)
async def test_without_a_token_nothing_is_answered(method: str, path: str) -> None:
    """Nor with one that is not in force; with one that is not for chat, 403."""
    async with serving() as world:
        world.tokens.issue("voip", BOB, scope=Scope.VOIP)

        answers = [await world.ask(method, path, token) for token in ("", "nobody's", "voip")]

    assert [each.status for each in answers] == [401, 401, 403]
    assert [each.body["error"]["code"] for each in answers] == [
        "Unauthorized",
        "Unauthorized",
        "Forbidden",
    ]


@pytest.mark.parametrize("socket_id", ["nobody", "nobody.secret", "%F0%9F%98%80.x"])
async def test_socket_that_was_not_allowed_is_refused(socket_id: str) -> None:
    """Before it becomes a WebSocket; it cannot be polled either."""
    async with serving() as world:
        with pytest.raises(InvalidStatus) as refused:
            await connect(world.socket_url(socket_id), proxy=None)
        poll = await world.ask("GET", f"/socket.io/1/xhr-polling/{socket_id}")

        posted = await world.ask("POST", f"/socket.io/1/xhr-polling/{socket_id}")

    assert refused.value.response.status_code == 403
    assert (poll.status, posted.status) == (401, 401)


async def test_secret_of_a_session_does_not_open_its_socket() -> None:
    """The handshake, which asks for the token, cannot be left out."""
    async with serving() as world:
        session = await world.session("bob")
        with pytest.raises(InvalidStatus):
            await connect(world.socket_url(session["connectparams"]["sr"]), proxy=None)


async def test_websocket_to_any_other_path_is_refused() -> None:
    """The rest of the server speaks HTTP."""
    async with serving() as world:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{world.port}/chat/threads", proxy=None)

    assert refused.value.response.status_code == 403


async def test_connection_ends_when_its_token_does() -> None:
    """At the next heartbeat, and its session with it."""
    timing = Timing(heartbeat=0.02)
    async with serving(timing=timing) as world, world.page("bob") as bob:
        assert await bob.packet() == "2::"
        await bob.socket.send("2::")

        world.tokens.revoke("bob")
        async with asyncio.timeout(WITHIN):
            while await bob.packet() != "0::":
                pass
        world.tokens.issue("bob", BOB)
        proof = bob.session["connectparams"]["sr"]

        assert (await world.session("bob", proof=proof))["id"] != bob.session["id"]


async def test_token_of_the_handshake_counts() -> None:
    """The client may have got a newer one since it asked for its session."""
    async with serving(timing=Timing(heartbeat=0.02)) as world:
        session = await world.session("bob")
        world.tokens.issue("newer", BOB)
        socket_id = await world.handshake("newer", session)
        world.tokens.revoke("bob")

        async with connect(world.socket_url(socket_id), proxy=None) as socket:
            page = Page(socket, session)
            await page.greeted()
            assert await page.packet() == "2::"


async def test_client_that_is_silent_is_given_up() -> None:
    """A network may go without a word."""
    timing = Timing(heartbeat=0.02, silence=0.01)
    async with serving(timing=timing) as world, world.page("bob") as bob:
        while await bob.packet() == "2::":
            pass
        await world.comings.until(("connected", BOB), ("disconnected", BOB))


@pytest.mark.parametrize("words", ["", "hello", "9::", "0::"])
async def test_what_is_no_packet_ends_the_connection(words: str) -> None:
    """As does a packet that says so."""
    async with serving() as world, world.page("bob") as bob:
        await bob.socket.send(words)

        assert await bob.packet() == "0::"


async def test_frame_that_is_too_long_ends_the_connection() -> None:
    """The limit is the listener's."""
    async with serving() as world, world.page("bob") as bob:
        await bob.socket.send("3:::" + "x" * MAX_WEBSOCKET_MESSAGE)

        with pytest.raises(ConnectionClosed) as closed:
            await bob.packet()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_slow_reader_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it is bounded, and so is the time until it is gone; the others hear on."""
    monkeypatch.setattr(websockets, "_GONE_WITHIN", 0.01)
    async with serving() as world, world.page("alice") as alice:
        session = await world.session("bob")
        socket_id = await world.handshake("bob", session)
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port, limit=1)
        writer.write(
            f"GET /socket.io/1/websocket/{socket_id} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        await world.comings.until(("connected", ALICE), ("connected", BOB))

        pushed = 0
        while ("disconnected", BOB) not in world.comings.log:
            world.hub.push(RESOURCE, sent("x" * 20_000))
            pushed += 1
            await alice.push()
            assert pushed < 1000

        await alice.ping()
        async with asyncio.timeout(WITHIN):
            with pytest.raises(ConnectionError):
                await write_on(writer)
        assert not reader.at_eof()


async def write_on(writer: asyncio.StreamWriter) -> None:
    """Write until the other side has gone."""
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.to_thread(lambda: None)


async def test_user_has_a_bounded_number_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions without a connection make room, those with one do not."""
    monkeypatch.setattr(sessions, "MAX_SESSIONS_PER_USER", 2)
    async with serving() as world, world.page("bob", "1"):
        unused = await world.session("bob", "2")
        async with world.page("bob", "3"):
            answer = await world.ask("POST", "/v4/a?epid=4", "bob")
            await world.session("carol")
            proof = unused["connectparams"]["sr"]
            forgotten = await world.ask("GET", f"/socket.io/1/?sr={proof}", "bob")

    assert (answer.status, answer.body["error"]["code"]) == (429, "TooManyRequests")
    assert forgotten.status == 404


async def test_server_has_a_bounded_number_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes later is told so."""
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 1)
    async with serving() as world, world.page("bob"):
        answer = await world.ask("POST", "/v4/a", "carol")

    assert (answer.status, answer.body["error"]["code"]) == (503, "ServiceUnavailable")


async def test_session_that_nobody_uses_is_forgotten() -> None:
    """It makes room by itself."""
    async with serving(timing=Timing(idle=0)) as world:
        proof = (await world.session("bob"))["connectparams"]["sr"]

        assert (await world.session("bob", proof=proof))["connectparams"]["sr"] != proof


async def test_resource_that_is_deleted_takes_its_connections_along() -> None:
    """The others stay."""
    async with serving() as world, world.page("bob") as bob:
        world.hub.forget("another")
        await bob.ping()
        world.hub.forget(RESOURCE.topic)

        assert await bob.packet() == "0::"


async def test_forgotten_resource_has_no_connections_any_more() -> None:
    """Whoever listens has heard of it when that is done; a page cannot go on where it was."""
    async with serving() as world, world.page("bob") as bob:
        await world.sessions.forget("another")
        await bob.ping()
        await world.sessions.forget(RESOURCE.topic)

        assert world.comings.log == [("connected", BOB), ("disconnected", BOB)]
        assert world.hub.is_empty
        assert world.sessions.find(bob.session["connectparams"]["sr"]) is None


async def test_connections_close_with_the_server() -> None:
    """At once: who waits for news would wait for ever."""
    async with serving() as world:
        page = world.page("bob")
        bob = await page.__aenter__()
    with pytest.raises(ConnectionClosed):
        await bob.packets()
    await page.__aexit__(None, None, None)


def registration(session: dict[str, str], **members: object) -> bytes:
    """What the client sends, in the shape of `performRegistration`."""
    body = {
        "clientDescription": {"appId": "AcsWeb", "languageId": "en-US", "platform": "SPOOL"},
        "registrationId": "page",
        "nodeId": "",
        "transports": {"TROUTER": [{"context": "", "path": session["surl"], "ttl": 7200}]},
    }
    return json.dumps(body | members).encode()


REGISTRATIONS = "/realtime/registrar/v3/registrations"


async def test_page_that_unregisters_hears_nothing_until_it_registers() -> None:
    """It hears before it has registered for the first time, so that nothing is lost meanwhile."""
    async with serving() as world, world.page("bob") as bob:
        assert (await register(world, bob)).status == 202
        world.hub.push(RESOURCE, sent("heard"))
        assert (await bob.push())["messageBody"] == "heard"

        assert (await world.ask("DELETE", f"{REGISTRATIONS}/page", "bob")).status == 202
        world.hub.push(RESOURCE, sent("not heard"))
        await bob.ping()

        assert (await register(world, bob)).status == 202
        world.hub.push(RESOURCE, sent("heard again"))
        assert (await bob.push())["messageBody"] == "heard again"


async def register(world: World, page: Page, token: str = "bob", **members: object) -> Answer:
    """Register a page."""
    return await world.ask("POST", REGISTRATIONS, token, registration(page.session, **members))


async def test_only_the_page_that_unregisters_hears_nothing() -> None:
    """Others of the same user have registrations of their own."""
    async with serving() as world, world.page("bob", "1") as one, world.page("bob", "2") as two:
        await register(world, one, registrationId="one")
        await register(world, two, registrationId="two")

        await world.ask("DELETE", f"{REGISTRATIONS}/one", "bob")
        world.hub.push(RESOURCE, sent())

        assert (await two.push())["eventId"] == 200
        await one.ping()


async def test_nobody_registers_or_unregisters_anothers_page() -> None:
    """The id and the path are no secrets."""
    async with serving() as world, world.page("bob") as bob:
        assert (await register(world, bob)).status == 202
        assert (await register(world, bob, "carol")).status == 404
        assert (await world.ask("DELETE", f"{REGISTRATIONS}/page", "carol")).status == 202

        world.hub.push(RESOURCE, sent())
        assert (await bob.push())["eventId"] == 200


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "registration"),
        (b"[]", "registration"),
        (b"\xff{", "registration"),
        ({"registrationId": ""}, "registrationId"),
        ({"registrationId": "x" * 257}, "registrationId"),
        ({"registrationId": 1}, "registrationId"),
        ({"transports": {"TROUTER": []}}, "TROUTER"),
        ({"transports": {"TROUTER": [{"path": "/", "ttl": 1}] * 2}}, "TROUTER"),
        ({"transports": {"TROUTER": [{"path": "/"}]}}, "ttl"),
        ({"transports": {"TROUTER": [{"path": "/", "ttl": 0}]}}, "ttl"),
        ({"transports": {"TROUTER": [{"path": "/", "ttl": 1e9}]}}, "ttl"),
    ],
)
async def test_what_is_no_registration_is_refused(body: object, named: str) -> None:
    """With the member that is wrong."""
    async with serving() as world:
        session = await world.session("bob")
        sent_body = registration(session, **body) if isinstance(body, dict) else body
        assert isinstance(sent_body, bytes)

        answer = await world.ask("POST", REGISTRATIONS, "bob", sent_body)

    assert answer.status == 400
    assert named in answer.body["error"]["message"]


async def test_registration_may_be_at_its_limits() -> None:
    """The longest ids, for a day."""
    async with serving() as world, world.page("bob", "x" * 256) as bob:
        transports = {"TROUTER": [{"path": bob.session["surl"], "ttl": 86_400}]}
        answer = await register(world, bob, registrationId="x" * 256, transports=transports)

    assert answer.status == 202


async def test_registration_is_bounded() -> None:
    """No client sends this much."""
    async with serving() as world:
        answer = await world.ask("POST", REGISTRATIONS, "bob", b" " * 65_537)
        long_id = await world.ask("POST", f"/v4/a?epid={'x' * 257}", "bob")
        odd_host = await world.ask("POST", "/v4/a", "bob", Host="a b")

    assert answer.status == 413
    assert long_id.status == 400
    assert odd_host.status == 400


def test_start_of_the_server_does_not_wait_for_websockets() -> None:
    """Most servers never see one."""
    script = (
        "import sys, switchhook.server, switchhook.http.realtime_api.routes\n"
        "sys.exit('websockets' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
