"""Which topic does an access key open, and may this request publish to it?

Source: authenticate-with-access-keys-shared-access-signatures.md; error texts as quoted in
azure-sdk-for-python#17627 and by AzureEventGridSimulator.
"""

import base64
import binascii
import hashlib
import hmac

from switchhook.errors import RequestError
from switchhook.grid.topics import Topic, TopicKind


class TopicDirectory:
    """The topics that can be published to, by name and by key."""

    def __init__(self) -> None:
        self._by_incarnation: dict[str, Topic] = {}
        self._by_name: dict[str, Topic] = {}
        self._by_key: dict[bytes, set[str]] = {}

    def put(self, topic: Topic) -> None:
        """Add a topic, or replace it and its keys."""
        self.remove(topic.incarnation)
        self._by_incarnation[topic.incarnation] = topic
        if topic.kind is TopicKind.CUSTOM:
            self._by_name[topic.name.lower()] = topic
        for key in topic.keys or ():
            self._by_key.setdefault(_digest(key), set()).add(topic.incarnation)

    def remove(self, incarnation: str) -> None:
        """Forget a topic, if it is there."""
        topic = self._by_incarnation.pop(incarnation, None)
        if topic is None:
            return
        if self._by_name.get(topic.name.lower()) == topic:
            del self._by_name[topic.name.lower()]
        for key in topic.keys or ():
            holders = self._by_key.get(_digest(key), set())
            holders.discard(incarnation)
            if not holders:
                self._by_key.pop(_digest(key), None)

    def by_name(self, name: str) -> Topic | None:
        """The custom topic of this name; names are unique per server, in any case."""
        return self._by_name.get(name.lower())

    def by_key(self, key: str) -> Topic | None:
        """The one topic that the key opens; None when there is none, or more than one."""
        holders = self._by_key.get(_digest(key), set())
        topics = [self._by_incarnation[each] for each in holders]
        return topics[0] if len(topics) == 1 and opens(key, topics[0]) else None


def opens(key: str, topic: Topic) -> bool:
    """Whether the key is one of the topic's two, compared in constant time."""
    given = key.encode()
    matches = [hmac.compare_digest(given, own.encode()) for own in topic.keys or ()]
    return any(matches)


def check(key: str | None, topic: Topic | None, host: str) -> Topic:
    """The topic, when the key opens it. `host` is named in the error, as Azure names it.

    Raises:
        RequestError: 401 without a key or with a wrong one, 400 for an empty one.
    """
    if key is None:
        raise _unauthorized(
            "Request must contain one of the following authorization signature: "
            "aeg-sas-token, aeg-sas-key."
        )
    if not key:
        message = "Request must have a value for aeg-sas-key."
        raise RequestError(400, "BadRequest", message, details_code="InvalidSas")
    if topic is None or not opens(key, topic):
        refusal = f"The request authorization key is not authorized for {host.upper()}."
        raise _unauthorized(refusal + _why_not_base64(key))
    return topic


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


def _unauthorized(message: str) -> RequestError:
    return RequestError(401, "Unauthorized", message, details_code="Unauthorized")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
