"""Azure Communication Services and Event Grid on your own machine."""

__version__ = "0.1.0"
