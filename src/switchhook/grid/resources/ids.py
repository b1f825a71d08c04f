"""Which resource does an ARM path name?

Paths are compared without regard to case and with repeated slashes collapsed, because clients
differ in both: `az resource create` writes a double slash, `az group` writes `resourcegroups`.
"""

import re

import msgspec

from switchhook import defaults
from switchhook.errors import RequestError

EVENT_GRID = "Microsoft.EventGrid"
COMMUNICATION = "Microsoft.Communication"

_SLASHES = re.compile(r"/{2,}")


class ResourcePath(msgspec.Struct, frozen=True, kw_only=True):
    """A path, split at its last `/providers/`.

    `scope` is what stands before it, "" for a tenant-level path. `types` and `names` alternate in
    the path; a collection or an action has one type more than names.
    """

    scope: str
    namespace: str
    types: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """The path after its scope in lower case, `*` for each name: what routes are chosen by."""
        parts = [self.namespace]
        for at, kind in enumerate(self.types):
            parts += [kind, "*"] if at < len(self.names) else [kind]
        return "/".join(parts).lower()

    @property
    def name(self) -> str:
        """The last name, "" for a collection of the first level."""
        return self.names[-1] if self.names else ""

    @property
    def is_collection(self) -> bool:
        """Whether it ends in a type (or in the name of an action)."""
        return len(self.types) > len(self.names)

    def parent(self) -> str:
        """The id that a nested resource or collection belongs to, the scope at the first level."""
        pairs = list(zip(self.types, self.names, strict=False))
        if not self.is_collection:
            pairs = pairs[:-1]
        return self._joined(pairs) if pairs else self.scope

    def text(self) -> str:
        """The id, spelled as it was given."""
        pairs = list(zip(self.types, self.names, strict=False))
        tail = f"/{self.types[-1]}" if self.is_collection else ""
        return self._joined(pairs) + tail

    def _joined(self, pairs: list[tuple[str, str]]) -> str:
        tail = "".join(f"/{kind}/{name}" for kind, name in pairs)
        return f"{self.scope}/providers/{self.namespace}{tail}"


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The Azure subscription and the resource group that an id starts with; "" where absent."""

    subscription: str = ""
    group: str = ""


def collapse(path: str) -> str:
    """`path` with one slash in front, none at the end and none doubled."""
    return "/" + _SLASHES.sub("/", path).strip("/")


def local_id(kind: str, name: str) -> str:
    """The id of a resource in the resource group that is there from the start."""
    return (
        f"/subscriptions/{defaults.SUBSCRIPTION_ID}/resourceGroups/{defaults.RESOURCE_GROUP}"
        f"/providers/{kind}/{name}"
    )


def key_of(resource_id: str) -> str:
    """What two spellings of one id have in common: the key of its record."""
    return collapse(resource_id).lower()


def parse_path(path: str) -> ResourcePath | None:
    """The parts of `path`, or None when it names no provider's resource."""
    collapsed = collapse(path)
    at = collapsed.lower().rfind("/providers/")
    if at < 0:
        return None
    namespace, *rest = collapsed[at + len("/providers/") :].split("/")
    return ResourcePath(
        scope=collapsed[:at],
        namespace=namespace,
        types=tuple(rest[::2]),
        names=tuple(rest[1::2]),
    )


def parse_scope(resource_id: str) -> Scope:
    """The Azure subscription and resource group in front of an id."""
    parts = collapse(resource_id).split("/")[1:]
    named = {kind.lower(): name for kind, name in zip(parts[::2], parts[1::2], strict=False)}
    if not parts or parts[0].lower() != "subscriptions":
        return Scope()
    return Scope(
        subscription=named["subscriptions"] if len(parts) > 1 else "",
        group=parts[3] if len(parts) > 3 and parts[2].lower() == "resourcegroups" else "",
    )


def group_resource_id(path: ResourcePath, namespace: str, kind: str) -> str:
    """The id of a resource in a resource group, in the canonical spelling of everything but names.

    Raises:
        RequestError: the path is not inside a resource group.
    """
    scope = parse_scope(path.scope)
    if not scope.group or path.scope.count("/") != 4:
        raise RequestError(
            404, "InvalidResourceNamespace", f"The path '{path.text()}' is not in a resource group."
        )
    return (
        f"/subscriptions/{scope.subscription}/resourceGroups/{scope.group}"
        f"/providers/{namespace}/{kind}/{path.name}"
    )


def is_under(key: str, scope: str) -> bool:
    """Whether the record `key` lies in `scope`, a subscription, a group or a resource."""
    return key.startswith(key_of(scope) + "/")


def with_lower_case_provider(resource_id: str) -> str:
    """The id with its provider's namespace and type in lower case.

    So Event Grid writes `properties.topic` of subscriptions to sources outside Event Grid.
    """
    path = parse_path(resource_id)
    if path is None:
        return resource_id
    lowered = msgspec.structs.replace(
        path, namespace=path.namespace.lower(), types=tuple(kind.lower() for kind in path.types)
    )
    return lowered.text()
