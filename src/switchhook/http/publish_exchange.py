"""What is a publish request on its connection, until it is answered?"""

import asyncio
from typing import Protocol

import msgspec

from switchhook.grid.schemas.json_text import MAX_BODY_BYTES
from switchhook.grid.topics import Topic
from switchhook.http.publish_api import Answer, PublishApi
from switchhook.http.publish_head import PublishHead


class Asking(Protocol):
    """The connection that a publish request has come on."""

    transport: asyncio.Transport

    def send_continue(self) -> None:
        """Let the client go on with the body."""

    def send_answer(self, answer: Answer, exchange: "PublishExchange") -> None:
        """Answer, to whoever is still there, and go on with the next request."""

    def drop(self, body: bytes) -> None:
        """A piece of a body that nobody wants any more."""


class PublishExchange(msgspec.Struct, eq=False):
    """A publish request and its answer. uvicorn asks whether it is complete, and may tell it to be
    the last one of its connection.

    `topic` is what it may publish to, once that is known; `parts` are the body so far.
    """

    connection: Asking
    api: PublishApi
    head: PublishHead
    keep_alive: bool
    topic: Topic | None = None
    parts: list[bytes] = []
    size: int = 0
    is_whole: bool = False
    is_told_to_go_on: bool = False
    response_complete: bool = False

    @property
    def is_committing(self) -> bool:
        """Whether its events are on their way into the log."""
        return self.is_whole and self.topic is not None and not self.response_complete

    def begin(self) -> None:
        """It is its turn: everything before it is answered."""
        if self.connection.transport.is_closing():
            self.response_complete = True  # what follows the last request is no request
            return
        head = self.head
        asked = self.api.begin(head)
        if isinstance(asked, Answer):
            self.parts.clear()  # the connection keeps its last request
            self.answer(asked)
            return
        self.topic = asked
        if self.is_whole and self.size <= MAX_BODY_BYTES:
            self._publish(asked)
        elif self.size > MAX_BODY_BYTES or head.is_longer_than(MAX_BODY_BYTES):
            self.answer(self.api.too_large(asked))
        elif head.expects_continue and not self.size:
            self.connection.send_continue()
            self.is_told_to_go_on = True

    def receive(self, part: bytes) -> None:
        """A piece of the body."""
        if self.response_complete:
            self.connection.drop(part)
            return
        self.size += len(part)
        if self.size <= MAX_BODY_BYTES:
            self.parts.append(part)
            return
        self.parts.clear()
        if self.topic is not None:
            self.answer(self.api.too_large(self.topic))

    def end(self) -> None:
        """The body is whole."""
        self.is_whole = True
        if self.topic is not None and not self.response_complete:
            self._publish(self.topic)

    def _publish(self, topic: Topic) -> None:
        parts = self.parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.api.publish(topic, self.head, body, self.ended)

    def ended(self, error: Exception | None) -> None:
        """The events are durable, or refused."""
        answer = self.api.answer_to(error)
        if not self.response_complete:
            self.response_complete = True
            self.connection.send_answer(answer, self)

    def answer(self, answer: Answer) -> None:
        """It has come to its end, by this answer unless another one was given."""
        if self.response_complete:
            return
        self.response_complete = True
        if not self.is_whole and self._may_end_without_body():
            self.keep_alive = False
        self.connection.send_answer(answer, self)

    def _may_end_without_body(self) -> bool:
        """Whether the client may leave the body out now: what follows could not be read."""
        return not self.size and self.head.expects_continue and not self.is_told_to_go_on
