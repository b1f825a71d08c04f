"""The clients of Event Grid, unmodified, against the real command."""
