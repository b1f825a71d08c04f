"""Which Communication Services resources are there, and which one does a request address?"""

from collections.abc import Callable, Iterator
from functools import lru_cache

from switchhook import defaults
from switchhook.communication.access import Signature, denied
from switchhook.communication.resources import CommunicationResource

# A resource's own host name. `*.localhost` does not resolve everywhere, so that a key has to be
# enough to find the resource at any other name.
HOST_SUFFIX = ".communication.localhost"
MAX_RESOURCES_TRIED = 100


class CommunicationDirectory:
    """The resources of this server, in memory: filled by who owns their durable form.

    Resource ids and names are compared without regard to case, as Azure does.
    """

    def __init__(self, removed: Callable[[CommunicationResource], None] | None = None) -> None:
        """`removed` hears of each resource that is removed for good."""
        self._removed = removed
        self._by_id: dict[str, CommunicationResource] = {}
        self._by_name: dict[str, CommunicationResource] = {}
        self._by_topic: dict[str, CommunicationResource] = {}
        self._by_immutable_id: dict[str, CommunicationResource] = {}

    def put(self, resource: CommunicationResource) -> None:
        """Add a resource, or replace the one of the same id."""
        self._drop(resource.resource_id)
        self._by_id[resource.resource_id.lower()] = resource
        self._by_name[resource.name.lower()] = resource
        self._by_topic[resource.topic] = resource
        self._by_immutable_id[resource.immutable_id] = resource

    def remove(self, resource_id: str) -> None:
        """Forget a resource, if it is there."""
        resource = self._drop(resource_id)
        if resource is not None and self._removed is not None:
            self._removed(resource)

    def _drop(self, resource_id: str) -> CommunicationResource | None:
        resource = self._by_id.pop(resource_id.lower(), None)
        if resource is None:
            return None
        self._by_topic.pop(resource.topic, None)
        self._by_immutable_id.pop(resource.immutable_id, None)
        if self._by_name.get(resource.name.lower()) is resource:
            del self._by_name[resource.name.lower()]
        return resource

    def by_name(self, name: str) -> CommunicationResource | None:
        """The resource of that name."""
        return self._by_name.get(name.lower())

    def by_id(self, resource_id: str) -> CommunicationResource | None:
        """The resource of that ARM id."""
        return self._by_id.get(resource_id.lower())

    def by_topic(self, incarnation: str) -> CommunicationResource | None:
        """The resource whose events go to that system topic."""
        return self._by_topic.get(incarnation)

    def by_immutable_id(self, immutable_id: str) -> CommunicationResource | None:
        """The resource whose users' ids and tokens carry that GUID."""
        return self._by_immutable_id.get(immutable_id)

    def all(self) -> list[CommunicationResource]:
        """Every resource, in the order of their last `put`."""
        return list(self._by_id.values())

    def by_host(self, host: str) -> CommunicationResource | None:
        """The resource that a host names; at a host that names none, the only or default one.

        For credentials that do not say which resource they are for.
        """
        name = named_by(host)
        if name is not None:
            return self.by_name(name)
        if len(self._by_id) == 1:
            return next(iter(self._by_id.values()))
        return self.by_name(defaults.COMMUNICATION_NAME)

    def find_signer(
        self, signature: Signature, host: str, last: CommunicationResource | None = None
    ) -> CommunicationResource:
        """The resource that the host names, or else the one whose key made the signature.

        `last` is the resource that the same connection addressed before; it is tried first.

        Raises:
            RequestError: 401 `Denied`.
        """
        for resource in self._candidates(host, last):
            if signature.is_made_with(resource.keys):
                return resource
        raise denied()

    def _candidates(
        self, host: str, last: CommunicationResource | None
    ) -> Iterator[CommunicationResource]:
        name = named_by(host)
        if name is not None:
            named = self.by_name(name)
            if named is not None:
                yield named
            return
        # Its keys may have been regenerated since, or it may be gone: look it up again.
        current = self.by_id(last.resource_id) if last else None
        if current is not None:
            yield current
        tried = 0 if current is None else 1
        for resource in self._by_id.values():
            if tried == MAX_RESOURCES_TRIED:
                return
            if resource is not current:
                tried += 1
                yield resource


# Clients address few hosts.
@lru_cache(maxsize=256)
def named_by(host: str) -> str | None:
    """The name of the resource that a `Host` header names, if it names one at all."""
    name = host.partition(":")[0].lower().rstrip(".")
    return name.removesuffix(HOST_SUFFIX) if name.endswith(HOST_SUFFIX) else None
