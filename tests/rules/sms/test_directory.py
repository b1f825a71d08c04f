"""Which resource a request addresses."""

import base64
from collections.abc import Iterable

import pytest

from switchhook.communication.access import Signature
from switchhook.communication.directory import MAX_RESOURCES_TRIED, CommunicationDirectory
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError


def a_resource(name: str, key: str = "") -> CommunicationResource:
    """A resource with keys of its own."""
    primary, secondary = (
        base64.b64encode(f"{key or name} {number}".encode()).decode() for number in (1, 2)
    )
    return CommunicationResource(
        resource_id=f"/subscriptions/s/resourceGroups/g/providers/p/{name}",
        name=name,
        immutable_id="00000000-0000-4000-8000-000000000000",
        topic=f"topic-of-{name}",
        keys=(primary, secondary),
    )


class Probe(Signature):
    """A signature that one resource's keys verify, and that counts what was tried."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__(b"", b"", iter(()))
        self.keys = keys
        self.tried: list[tuple[str, ...]] = []

    def is_made_with(self, keys: Iterable[str]) -> bool:
        self.tried.append(tuple(keys))
        return tuple(keys) == self.keys


def signed_by(resource: CommunicationResource) -> Probe:
    """A signature of that resource."""
    return Probe(resource.keys)


def a_directory(*names: str) -> CommunicationDirectory:
    """A directory of resources with these names."""
    directory = CommunicationDirectory()
    for name in names:
        directory.put(a_resource(name))
    return directory


def test_resources_are_found_by_name_id_and_topic_in_any_case() -> None:
    """Azure compares ids and names without regard to case."""
    directory = a_directory("One", "Two")

    assert directory.by_name("oNE") == a_resource("One")
    assert directory.by_id(a_resource("Two").resource_id.upper()) == a_resource("Two")
    assert directory.by_topic("topic-of-One") == a_resource("One")
    assert [resource.name for resource in directory.all()] == ["One", "Two"]


def test_removed_resource_is_not_found() -> None:
    """By none of its names; removing it again is harmless."""
    directory = a_directory("one")
    for _ in range(2):
        directory.remove(a_resource("one").resource_id)

    assert directory.by_name("one") is None
    assert directory.by_topic("topic-of-one") is None
    assert directory.all() == []


def test_put_replaces_the_resource_of_that_id() -> None:
    """Its new keys count at once."""
    directory = a_directory("one")
    changed = a_resource("one", key="regenerated")
    directory.put(changed)

    assert directory.find_signer(signed_by(changed), "localhost") == changed
    with pytest.raises(RequestError):
        directory.find_signer(signed_by(a_resource("one")), "localhost")


@pytest.mark.parametrize("host", ["two.communication.localhost", "TWO.communication.localhost:80"])
def test_own_host_name_names_the_resource(host: str) -> None:
    """Only its keys are tried."""
    directory = a_directory("one", "two", "three")
    signature = signed_by(a_resource("two"))

    assert directory.find_signer(signature, host).name == "two"
    assert len(signature.tried) == 1


@pytest.mark.parametrize("host", ["one.communication.localhost", "gone.communication.localhost"])
def test_key_of_another_resource_is_denied_at_an_own_host_name(host: str) -> None:
    """Even though the key is good elsewhere."""
    with pytest.raises(RequestError) as refusal:
        a_directory("one", "two").find_signer(signed_by(a_resource("two")), host)

    assert (refusal.value.status, refusal.value.code) == (401, "Denied")


def test_key_names_the_resource_at_any_other_host() -> None:
    """Names below localhost do not resolve everywhere."""
    directory = a_directory("one", "two", "three")

    assert directory.find_signer(signed_by(a_resource("two")), "127.0.0.1:8080").name == "two"


def test_last_resource_of_the_connection_is_tried_first() -> None:
    """And not a second time."""
    directory = a_directory("one", "two", "three")
    signature = signed_by(a_resource("one"))
    last = a_resource("three")

    directory.find_signer(signature, "localhost", last)

    assert signature.tried == [last.keys, a_resource("one").keys]


def test_last_resource_counts_with_its_present_keys() -> None:
    """What the connection remembers may be old, or gone."""
    directory = a_directory("one", "two")
    old = a_resource("one", key="before regeneration")
    gone = a_resource("gone")

    with pytest.raises(RequestError):
        directory.find_signer(signed_by(old), "localhost", old)
    with pytest.raises(RequestError):
        directory.find_signer(signed_by(gone), "localhost", gone)


def test_no_more_than_the_limit_is_tried() -> None:
    """A guess costs a bounded effort."""
    names = [f"r{number}" for number in range(MAX_RESOURCES_TRIED + 5)]
    directory = a_directory(*names)
    last = a_resource(names[-1])

    for connection_last in (None, last):
        signature = signed_by(a_resource(names[-2]))
        with pytest.raises(RequestError):
            directory.find_signer(signature, "localhost", connection_last)
        assert len(signature.tried) == MAX_RESOURCES_TRIED
    assert directory.find_signer(signed_by(last), "localhost", last) == last
