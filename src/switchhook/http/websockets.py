"""A connection that has become a WebSocket; imported when the first one comes."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

# Seconds after the application is done with it; whoever reads slowly would hold it for ever.
_GONE_WITHIN = 5.0


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """Ends soon after the application is done with it, whatever the client does."""

    async def run_asgi(self) -> None:
        try:
            await super().run_asgi()
        finally:
            self.loop.call_later(_GONE_WITHIN, self.transport.abort)
