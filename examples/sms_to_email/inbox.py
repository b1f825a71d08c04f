"""A mail server that keeps what it gets, to run the example without an account."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP

Mails = list[EmailMessage]


@contextlib.contextmanager
def running_inbox(listener: socket.socket | None = None) -> Iterator[tuple[int, Mails]]:
    """Its port, and the mails that came; `listener` is a socket to use."""
    listener = listener or socket.create_server(("127.0.0.1", 0))
    inbox, loop = _Inbox(), asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: SMTP(inbox), sock=listener))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield listener.getsockname()[1], inbox.mails
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Inbox:
    def __init__(self) -> None:
        self.mails: Mails = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)  # noqa: S101  the policy makes it one
        self.mails.append(mail)
        return "250 kept"
