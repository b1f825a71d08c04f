"""The adapter of the transport port: webhooks over HTTP."""
