"""Which topics are there to publish to, and does an access key open one?

Source: authenticate-with-access-keys-shared-access-signatures.md; error texts as quoted in
azure-sdk-for-python#17627 and by AzureEventGridSimulator.
"""

import base64
import binascii
import hashlib
from functools import lru_cache
from hmac import compare_digest

from switchhook.errors import RequestError
from switchhook.grid.endpoint_names import EndpointName
from switchhook.grid.topics import Access, Topic, TopicKind

# What has an address of its own; nobody but Azure's services publishes to a system topic.
_ADDRESSED = (TopicKind.CUSTOM, TopicKind.DOMAIN)
_OPEN = Access()
_MOST_OPENED = 1024


class TopicDirectory:
    """The topics and domains that can be published to, by name and by key."""

    def __init__(self) -> None:
        self._by_incarnation: dict[str, Topic] = {}
        self._by_name: dict[tuple[TopicKind, str], Topic] = {}
        self._by_key: dict[bytes, set[str]] = {}
        self._opened: dict[tuple[EndpointName, bytes], Topic] = {}

    def put(self, topic: Topic) -> None:
        """Add a topic, or replace it and its keys."""
        self.remove(topic.incarnation)
        self._opened.clear()
        self._by_incarnation[topic.incarnation] = topic
        if topic.kind in _ADDRESSED:
            self._by_name[topic.kind, topic.name.lower()] = topic
        for key in topic.keys or ():
            self._by_key.setdefault(_digest(key), set()).add(topic.incarnation)

    def remove(self, incarnation: str) -> None:
        """Forget a topic, if it is there."""
        topic = self._by_incarnation.pop(incarnation, None)
        if topic is None:
            return
        self._opened.clear()
        name = (topic.kind, topic.name.lower())
        if self._by_name.get(name) == topic:
            del self._by_name[name]
        for key in topic.keys or ():
            holders = self._by_key.get(_digest(key), set())
            holders.discard(incarnation)
            if not holders:
                self._by_key.pop(_digest(key), None)

    def by_name(self, name: str, kind: TopicKind = TopicKind.CUSTOM) -> Topic | None:
        """The topic (or domain) of this name; names are unique per server, in any case."""
        return self._by_name.get((kind, name.lower()))

    def at(self, name: EndpointName) -> Topic | None:
        """What an address names; where it may be either, the topic comes before the domain."""
        kind, lower = name.kind, name.name.lower()
        found = self._by_name.get((kind or TopicKind.CUSTOM, lower))
        if found is None and kind is None:
            found = self._by_name.get((TopicKind.DOMAIN, lower))
        return found

    def opened_by_key(self, name: EndpointName, key: bytes) -> Topic | None:
        """The topic of that name, if all that it asks for is one of its keys, and this is one.

        What has been opened once is found at once until a topic changes.
        """
        # The hash of a key is no help to who guesses one: it is seeded at random.
        found = self._opened.get((name, key))
        if found is None:
            topic = self.at(name)
            if topic is not None and topic.access == _OPEN and opens(key.decode("latin-1"), topic):
                if len(self._opened) >= _MOST_OPENED:  # a name can be spelled in many cases
                    self._opened.clear()
                found = self._opened[name, key] = topic
        return found

    def by_key(self, key: str) -> Topic | None:
        """The one topic that the key opens; None when there is none, or more than one."""
        holders = self._by_key.get(_digest(key), set())
        topics = [self._by_incarnation[each] for each in holders]
        return topics[0] if len(topics) == 1 and opens(key, topics[0]) else None


def opens(key: str, topic: Topic) -> bool:
    """Whether the key is one of the topic's two, compared in constant time."""
    if topic.keys is None:
        return False
    given = key.encode()
    first, second = _encoded(topic.keys)
    # Both are compared: how long it takes must not tell which of them it is.
    return compare_digest(given, first) | compare_digest(given, second)


def check(key: str, topic: Topic | None, host: str) -> Topic:
    """The topic, when the key opens it. `host` is named in the error, as Azure names it.

    Raises:
        RequestError: 401 with a wrong key, 400 for an empty one.
    """
    if not key:
        message = "Request must have a value for aeg-sas-key."
        raise RequestError(400, "BadRequest", message, details_code="InvalidSas")
    if topic is None or not opens(key, topic):
        refusal = f"The request authorization key is not authorized for {host.upper()}."
        raise unauthorized(refusal + _why_not_base64(key))
    return topic


def unauthorized(message: str) -> RequestError:
    """The answer to a credential that opens nothing."""
    return RequestError(401, "Unauthorized", message, details_code="Unauthorized")


def _why_not_base64(key: str) -> str:
    try:
        base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return (
            " This is due to the reason: The input is not a valid Base-64 string as it contains a "
            "non-base 64 character, more than two padding characters, or an illegal character "
            "among the padding characters."
        )
    return ""


@lru_cache(maxsize=1024)
def _encoded(keys: tuple[str, str]) -> tuple[bytes, bytes]:
    return keys[0].encode(), keys[1].encode()


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
