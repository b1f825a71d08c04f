"""Who may do what, with which token? Every operation, over HTTP.

The table of the concept article about the identity model ("Chat token scopes").
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.requests import CreateUser, TokenRequest
from tests.compat.chat.server import ChatServer, User
from tests.compat.chat.test_chat_routes import VERSION, a_thread, participant, send
from tests.flow.identity.world import another_resource
from tests.wire import Answer

FULL = {"chat"}
JOIN = {"chat", "chat.join"}
ALL = {"chat", "chat.join", "chat.join.limited"}

# Method, path below the threads, body, and the scopes that allow it.
OPERATIONS: Mapping[str, tuple[str, str, Any, set[str]]] = {
    "create thread": ("POST", "", {"topic": "x"}, FULL),
    "list threads": ("GET", "", None, ALL),
    "get thread": ("GET", "{thread}", None, ALL),
    "update thread": ("PATCH", "{thread}", {"topic": "x"}, FULL),
    "delete thread": ("DELETE", "{thread}", None, FULL),
    "add participant": ("POST", "{thread}/participants/:add", {"participants": ["{new}"]}, JOIN),
    "remove participant": ("POST", "{thread}/participants/:remove", {"rawId": "{owner}"}, JOIN),
    "list participants": ("GET", "{thread}/participants", None, ALL),
    "send message": ("POST", "{thread}/messages", {"content": "x"}, ALL),
    "get message": ("GET", "{thread}/messages/{message}", None, ALL),
    "list messages": ("GET", "{thread}/messages", None, ALL),
    "update message": ("PATCH", "{thread}/messages/{own}", {"content": "x"}, ALL),
    "delete message": ("DELETE", "{thread}/messages/{own}", None, ALL),
    "send typing": ("POST", "{thread}/typing", {}, ALL),
    "send receipt": ("POST", "{thread}/readReceipts", {"chatMessageId": "{message}"}, ALL),
    "list receipts": ("GET", "{thread}/readReceipts", None, ALL),
}
OF_NO_THREAD = {"create thread", "list threads"}
# After these a thread is not the same for the next user.
LASTING = {"delete thread", "remove participant"}
# What a deleted thread still tells, and to participants alone.
TOLD_OF_DELETED = {"get thread": 200, "delete thread": 204}


class Scene:
    """Threads of an owner, and one user with each scope, who may be anybody in them."""

    def __init__(self, server: ChatServer, owner: User, users: Mapping[str, User]) -> None:
        self.server = server
        self.owner = owner
        self.users = users

    @classmethod
    async def of(cls, server: ChatServer) -> "Scene":
        """New users."""
        [owner] = await server.users(1)
        users = {scope.value: (await server.users(1, [scope]))[0] for scope in Scope}
        return cls(server, owner, users)

    async def thread(self, *participants: User) -> dict[str, str]:
        """A thread with a message of the owner, and a way to fill in requests."""
        [new] = await self.server.users(1)
        thread = await a_thread(self.server, self.owner, *participants)
        message = await send(self.server, thread, self.owner)
        return {
            "{thread}": thread.removeprefix("/chat/threads"),
            "{message}": message,
            "{own}": message,
            "{owner}": self.owner.raw_id,
            '"{new}"': json.dumps(participant(new)),
        }

    async def ask(self, name: str, values: Mapping[str, str], user: User) -> Answer:
        """Do an operation as that user."""
        method, path, body, _ = OPERATIONS[name]
        text = json.dumps(body)
        for mark, value in values.items():
            path, text = path.replace(mark, value), text.replace(mark, value)
        content = None if body is None else text.encode()
        return await self.server.request(
            method, f"/chat/threads{path}?{VERSION}", content, user, content_type="application/json"
        )


@pytest.fixture
async def scene(server: ChatServer) -> Scene:
    """Users with a token for each scope."""
    return await Scene.of(server)


async def test_scope_decides_what_a_participant_may_do(scene: Scene) -> None:
    """Each scope alone; what it refuses is not done."""
    for name, (_, path, _, allowed) in OPERATIONS.items():
        values = await scene.thread(*scene.users.values())
        thread = f"/chat/threads{values['{thread}']}"
        for scope in sorted(scene.users, key=lambda each: each in OPERATIONS[name][3]):
            user = scene.users[scope]
            if scope in allowed:
                values |= {"{own}": await send(scene.server, thread, user)} if "own" in path else {}
                values = await scene.thread(user) if name in LASTING else values

            answer = await scene.ask(name, values, user)

            assert (name, scope, answer.status < 300) == (name, scope, scope in allowed)
            assert answer.status in (200, 201, 204, 403)


async def test_thread_is_closed_to_everybody_else(scene: Scene) -> None:
    """Whatever the token allows elsewhere; the thread of another resource does not even exist."""
    removed, deleted, stranger = await scene.server.users(3)
    foreign = await a_foreign_user(scene.server)
    values = await scene.thread(removed, deleted)
    thread = f"/chat/threads{values['{thread}']}"
    for user in (removed, deleted):
        values["{own}"] = await send(scene.server, thread, user)
        assert (await remove(scene, thread, user)).status == 204
    await scene.server.delete(deleted)

    for name in OPERATIONS.keys() - OF_NO_THREAD:
        statuses = [
            (await scene.ask(name, values, user)).status
            for user in (removed, deleted, stranger, foreign)
        ]
        assert (name, statuses) == (name, [403, 401, 403, 404])


async def test_deleted_thread_answers_nothing(scene: Scene) -> None:
    """But that it is deleted, to whoever was in it, and who may delete it again."""
    [stranger] = await scene.server.users(1)
    values = await scene.thread()
    gone = await scene.ask("delete thread", values, scene.owner)
    assert gone.status == 204

    for name in OPERATIONS.keys() - OF_NO_THREAD:
        own = (await scene.ask(name, values, scene.owner)).status
        other = (await scene.ask(name, values, stranger)).status
        assert (name, own) == (name, TOLD_OF_DELETED.get(name, 404))
        assert (name, other) == (name, 404)


async def test_nobody_lists_threads_of_others(scene: Scene) -> None:
    """Neither does who was removed from one."""
    [stranger, removed] = await scene.server.users(2)
    values = await scene.thread(removed)
    before = await scene.ask("list threads", values, removed)
    await remove(scene, f"/chat/threads{values['{thread}']}", removed)

    for user in (stranger, removed, await a_foreign_user(scene.server)):
        assert (await scene.ask("list threads", values, user)).body == {"value": []}
    assert len(before.body["value"]) == 1


async def remove(scene: Scene, thread: str, user: User) -> Answer:
    """The owner removes a participant."""
    path = f"{thread}/participants/:remove?{VERSION}"
    return await scene.server.request("POST", path, {"rawId": user.raw_id}, scene.owner)


async def a_foreign_user(server: ChatServer) -> User:
    """A user of another resource of the same server."""
    resource = another_resource()
    server.directory.put(resource)
    asked = CreateUser(token=TokenRequest(scopes=(Scope.CHAT,)))
    raw_id, issued = await server.identity.create(resource, asked)
    assert issued is not None
    return User(raw_id, issued.token)
