"""Which topic or domain does a publish address name?

`/topics/<name>/api/events`, `/domains/<name>/api/events`, or `<name>.eventgrid.localhost`, where it
may be either. Neither case nor a slash at the end count.
"""

import re
from typing import NamedTuple

from switchhook.grid.topics import Topic, TopicKind

_PATH = re.compile(r"(?:/(?P<family>topics|domains)/(?P<name>[^/]+))?/api/events/?", re.IGNORECASE)
_HOST = re.compile(r"(?P<name>[a-z0-9-]+)\.eventgrid\.localhost", re.IGNORECASE)

_KINDS = {"topics": TopicKind.CUSTOM, "domains": TopicKind.DOMAIN}


class EndpointName(NamedTuple):
    """The name in an address; `kind` is None where it may be a topic's or a domain's."""

    name: str
    kind: TopicKind | None

    def fits(self, topic: Topic) -> bool:
        """Whether it names this topic."""
        is_kind = self.kind in (None, topic.kind)
        return is_kind and self.name.lower() == topic.name.lower()


def is_publish_path(path: str) -> bool:
    """Whether events are published to this path."""
    return _PATH.fullmatch(path) is not None


def name_in(host: str, path: str) -> EndpointName | None:
    """What path or host (which may have a port) name; None for the bare path of another host."""
    by_path = _PATH.fullmatch(path)
    if by_path is not None and by_path["name"]:
        return EndpointName(by_path["name"], _KINDS[by_path["family"].lower()])
    by_host = _HOST.fullmatch(host.partition(":")[0])
    return EndpointName(by_host["name"], None) if by_host else None
