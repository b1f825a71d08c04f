"""The promises of `grid.ports.DeadLetterStore`, over each adapter."""

import asyncio
import socket
import threading
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient

from switchhook.dead_letter_stores.accounts import AccountsDeadLetterStore
from switchhook.dead_letter_stores.blob import API_VERSION, BlobDeadLetterStore
from switchhook.dead_letter_stores.folder import WRITES_AT_ONCE, FolderDeadLetterStore
from switchhook.grid.ports import DeadLetterAnswer, DeadLetterStore
from switchhook.grid.subscriptions import DeadLetterDestination
from tests.services.azurite import ACCOUNT, Azurite

NAME = "HOOK/2026/1/31/0/3f0d.json"


def in_container(container: str) -> DeadLetterDestination:
    """A container of the account that the stores of this suite have."""
    account = (
        f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
    )
    return DeadLetterDestination(resource_id=account, container=container)


class Place(Protocol):
    """A store, and a way round it to what it wrote."""

    store: DeadLetterStore
    makes_containers: bool

    async def make_container(self) -> DeadLetterDestination:
        """A container of its own, which is there."""

    async def read(self, destination: DeadLetterDestination, name: str) -> bytes | None:
        """A blob's content, None when there is no such blob."""


class FolderPlace:
    """Files, read with nobody's help."""

    makes_containers = True

    def __init__(self, root: Path) -> None:
        self.store: DeadLetterStore = FolderDeadLetterStore(root)
        self._root = root

    async def make_container(self) -> DeadLetterDestination:
        return in_container(uuid.uuid4().hex)

    async def read(self, destination: DeadLetterDestination, name: str) -> bytes | None:
        file = self._root / ACCOUNT / destination.container / name
        return file.read_bytes() if file.is_file() else None


class BlobPlace:
    """Blobs, read with the vendor's client."""

    makes_containers = False

    def __init__(self, client: BlobServiceClient, connection_string: str) -> None:
        self.store: DeadLetterStore = BlobDeadLetterStore(ACCOUNT, connection_string)
        self._client = client

    async def make_container(self) -> DeadLetterDestination:
        name = uuid.uuid4().hex
        await self._client.create_container(name)
        return in_container(name)

    async def read(self, destination: DeadLetterDestination, name: str) -> bytes | None:
        try:
            blob = await self._client.get_blob_client(destination.container, name).download_blob()
        except ResourceNotFoundError:
            return None
        return bytes(await blob.readall())


@pytest.fixture(params=["folder", "blob", "accounts"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """An adapter with nothing in it."""
    if request.param == "blob":
        running: Azurite = request.getfixturevalue("azurite")
        client = BlobServiceClient.from_connection_string(
            running.connection_string, api_version=API_VERSION
        )
        async with client:
            found: Place = BlobPlace(client, running.connection_string)
            yield found
            await found.store.close()
        return
    found = FolderPlace(tmp_path / "dead-letters")
    if request.param == "accounts":
        found.store = AccountsDeadLetterStore({ACCOUNT: found.store}, _unused(tmp_path))
    yield found
    await found.store.close()


def _unused(tmp_path: Path) -> DeadLetterStore:
    return FolderDeadLetterStore(tmp_path / "other")


@pytest.mark.parametrize(
    "body", [b"[]", b'[{"data":"\xc3\xa9"}]', b"x" * (8 << 20)], ids=["empty", "utf-8", "8 MiB"]
)
async def test_blob_is_there_as_it_was_written(place: Place, body: bytes) -> None:
    """Whatever its size, byte for byte."""
    destination = await place.make_container()

    answer, detail = await place.store.write(destination, NAME, body)

    assert answer is DeadLetterAnswer.WRITTEN, detail
    assert await place.read(destination, NAME) == body


async def test_written_again_replaces(place: Place) -> None:
    """A blob of the same name takes the place of the first, also when it is shorter."""
    destination = await place.make_container()
    await place.store.write(destination, NAME, b"[1,2,3]")

    answer, _ = await place.store.write(destination, NAME, b"[4]")

    assert answer is DeadLetterAnswer.WRITTEN
    assert await place.read(destination, NAME) == b"[4]"


async def test_containers_are_apart(place: Place) -> None:
    """One name in two containers is two blobs."""
    one, two = await place.make_container(), await place.make_container()

    await place.store.write(one, NAME, b"[1]")
    await place.store.write(two, NAME, b"[2]")

    assert (await place.read(one, NAME), await place.read(two, NAME)) == (b"[1]", b"[2]")


async def test_many_at_once(place: Place) -> None:
    """Writes do not disturb each other."""
    destination = await place.make_container()
    names = [f"HOOK/2026/1/31/0/{number}.json" for number in range(20)]

    answers = await asyncio.gather(
        *(place.store.write(destination, name, name.encode()) for name in names)
    )

    assert {answer for answer, _ in answers} == {DeadLetterAnswer.WRITTEN}
    assert [await place.read(destination, name) for name in names] == [
        name.encode() for name in names
    ]


async def test_container_that_is_not_there(place: Place) -> None:
    """Storage accounts say so, and do not make it; local folders are made."""
    destination = in_container("missing")

    answer, detail = await place.store.write(destination, NAME, b"[]")

    if place.makes_containers:
        assert answer is DeadLetterAnswer.WRITTEN
    else:
        assert (answer, detail) == (DeadLetterAnswer.NO_CONTAINER, "ContainerNotFound")
        assert await place.read(destination, NAME) is None


async def test_closing_twice_is_allowed(place: Place) -> None:
    """A server that ends while it starts may do so."""
    await place.store.close()
    await place.store.close()


# --- the folder ----------------------------------------------------------------------------------


def files_below(folder: Path) -> list[Path]:
    """Every file, however deep."""
    return [each for each in folder.rglob("*") if each.is_file()]


@pytest.mark.parametrize(
    ("container", "name"),
    [
        ("c", "../../../escaped"),
        ("..", "../escaped"),
        ("../..", "escaped"),
        ("c", "/etc/escaped"),
        ("c", "a\\..\\..\\escaped"),
        ("c", "a\0b"),
        ("", "."),
        ("c", "a//b"),
        ("c", "\ud800"),
    ],
)
async def test_no_name_leaves_the_folder(tmp_path: Path, container: str, name: str) -> None:
    """Whatever an account, a container and a blob are called, the file is below the root."""
    root = tmp_path / "deep" / "root"
    store = FolderDeadLetterStore(root)
    destination = DeadLetterDestination(resource_id="..", container=container)

    answer, _ = await store.write(destination, name, b"[]")

    files = files_below(tmp_path)
    assert answer is DeadLetterAnswer.WRITTEN
    assert len(files) == 1
    assert files[0].is_relative_to(root)
    assert len(files[0].relative_to(root).parts) == 2 + len(name.split("/"))


async def test_closing_holds_nothing_back(tmp_path: Path) -> None:
    """What is closed once more, or written even later, does not wait for the first time."""
    store = FolderDeadLetterStore(tmp_path)
    await store.close()
    destination = DeadLetterDestination(resource_id="a", container="c")

    answer, detail = await store.write(destination, "name", b"[]")

    assert (answer, detail) == (DeadLetterAnswer.WRITTEN, str(store.path(destination, "name")))


async def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """A file is in its place; the detail names it."""
    (tmp_path / "root").write_text("a file")

    answer, detail = await FolderDeadLetterStore(tmp_path / "root").write(
        in_container("c"), NAME, b"[]"
    )

    assert answer is DeadLetterAnswer.UNAVAILABLE
    assert str(tmp_path / "root") in detail


async def test_a_name_that_is_taken_by_a_folder_is_unavailable(tmp_path: Path) -> None:
    """What was written for it is taken away again."""
    store = FolderDeadLetterStore(tmp_path)
    destination = in_container("c")
    store.path(destination, "HOOK/x.json").mkdir(parents=True)

    answer, _ = await store.write(destination, "HOOK/x.json", b"[]")

    assert answer is DeadLetterAnswer.UNAVAILABLE
    assert [each.name for each in (tmp_path / ACCOUNT / "c/HOOK").iterdir()] == ["x.json"]


async def test_a_folder_that_hangs_is_unavailable(tmp_path: Path) -> None:
    """However often it is asked: no more than a few threads wait for it, and nothing else does."""
    answers, begun = threading.Event(), []

    def hang(file: Path, body: bytes) -> None:
        begun.append(file)
        answers.wait()

    store = FolderDeadLetterStore(tmp_path, timeout=0.01, write=hang)
    writes = [store.write(in_container("c"), str(n), b"[]") for n in range(3 * WRITES_AT_ONCE)]
    told = await asyncio.gather(*writes)

    assert {answer for answer, _ in told} == {DeadLetterAnswer.UNAVAILABLE}
    assert len(begun) == WRITES_AT_ONCE

    answers.set()
    await store.close()


async def test_spellings_of_an_account_share_a_folder(tmp_path: Path) -> None:
    """Names of accounts have no case, and ARM ids may end in a slash."""
    store = FolderDeadLetterStore(tmp_path)

    await store.write(DeadLetterDestination(resource_id="/A/ACC1/", container="c"), "1", b"[1]")
    await store.write(DeadLetterDestination(resource_id="/a/acc1", container="c"), "2", b"[2]")

    assert sorted(each.name for each in (tmp_path / "acc1/c").iterdir()) == ["1", "2"]


# --- the storage account -------------------------------------------------------------------------


async def test_a_container_that_can_never_be_is_missing(azurite: Azurite) -> None:
    """A name that the service refuses does not become right by waiting."""
    store = BlobDeadLetterStore(ACCOUNT, azurite.connection_string)

    answer, _ = await store.write(in_container("No_Container!"), NAME, b"[]")
    await store.close()

    assert answer is DeadLetterAnswer.NO_CONTAINER


async def test_nobody_there_is_unavailable() -> None:
    """A refused connection is an answer, not an error, and quotes no secret."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        secret = "c2VjcmV0" * 8
        store = BlobDeadLetterStore(
            "acc",
            f"AccountName=acc;AccountKey={secret};BlobEndpoint=http://127.0.0.1:{port}/acc",
        )
        answer, detail = await store.write(in_container("c"), NAME, b"[]")
        await store.close()

    assert answer is DeadLetterAnswer.UNAVAILABLE
    assert "Cannot connect" in detail
    assert secret not in detail


async def test_a_wrong_key_is_unavailable(azurite: Azurite) -> None:
    """Somebody may put it right; the detail is the service's code."""
    wrong = "AAAA" * 21 + "AAA="
    store = BlobDeadLetterStore(
        ACCOUNT,
        f"AccountName={ACCOUNT};AccountKey={wrong};BlobEndpoint={azurite.blob}/{ACCOUNT}",
    )

    answer, detail = await store.write(in_container("letters"), NAME, b"[]")
    await store.close()

    assert (answer, detail) == (DeadLetterAnswer.UNAVAILABLE, "AuthorizationFailure")
