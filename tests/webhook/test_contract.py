"""`HttpTransport` keeps the promises of the port."""

from tests.webhook.contract import TransportContract


class TestHttpTransport(TransportContract):
    """No differences to declare; the fixture `transport` is in conftest.py."""
