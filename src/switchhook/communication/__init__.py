"""The Communication Services source; it publishes through the router like any client."""
